"""manage.py dumpdata: as Django's, without presence, which loaddata could not load."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError
from django.core.management.commands import dumpdata
from django.core.management.utils import parse_apps_and_model_labels
from django.db import models, router

from projections.checks import foreign_keys_to
from projections.models import Presence, Room
from projections.table_names import APPS


class Command(dumpdata.Command):
    help = f"{dumpdata.Command.help} Leaves out the presence log and its projections, which need pg_dump."

    def handle(self, *app_labels: str, **options: Any) -> None:
        named = sorted({label for label in app_labels if label.partition(".")[0] in APPS})
        if named:
            raise CommandError(
                f"dumpdata cannot dump {', '.join(named)}: loaddata would have to write to the presence log, which "
                "takes events of the present only. Use pg_dump to copy it, or manage.py export_presence for a file."
            )
        options["exclude"] = [*options["exclude"], *APPS]
        super().handle(*app_labels, **options)
        if options["verbosity"] > 0:
            self._warn_of_references(app_labels, options["exclude"], options["database"])

    def _warn_of_references(self, labels: tuple[str, ...], exclude: list[str], using: str) -> None:
        """Names the dumped models whose rows loaddata may refuse, because the dump lacks what they refer to."""
        excluded_models, excluded_apps = parse_apps_and_model_labels(exclude)
        referring = {
            model._meta.label
            for model in _models_with_constraints()
            if model not in excluded_models
            and model._meta.app_config not in excluded_apps
            and (not labels or {model._meta.app_label, model._meta.label_lower} & {*map(_normal, labels)})
            and router.allow_migrate_model(using, model)
        }
        if referring:
            names = sorted(referring)
            self.stderr.write(
                f"The dump leaves rooms and presences out, so loaddata refuses rows of {', '.join(names)} that refer "
                f"to them. Leave these out as well ({' '.join(f'--exclude {name}' for name in names)}), or set "
                "db_constraint=False on their fields.",
                self.style.WARNING,
            )


def _models_with_constraints() -> set[type[models.Model]]:
    """Returns the models with foreign keys to rooms or presences. A ManyToManyField counts for its model."""
    fields = [field for model in (Room, Presence) for field in foreign_keys_to(model) if field.db_constraint]
    return {field.model._meta.auto_created or field.model for field in fields}


def _normal(label: str) -> str:
    """Returns the label of an app or a model like ``label_lower`` of Django: only the name of the model is lowered."""
    app, dot, model = label.partition(".")
    return f"{app}{dot}{model.lower()}"
