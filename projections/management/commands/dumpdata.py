"""manage.py dumpdata: as Django's, without presence, which loaddata could not load."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError
from django.core.management.commands import dumpdata

_APPS = ("presence_events", "projections")


class Command(dumpdata.Command):
    help = f"{dumpdata.Command.help} Leaves out the presence log and its projections, which need pg_dump."

    def handle(self, *app_labels: str, **options: Any) -> None:
        named = sorted({label for label in app_labels if label.partition(".")[0] in _APPS})
        if named:
            raise CommandError(
                f"dumpdata cannot dump {', '.join(named)}: loaddata would have to write to the presence log, which "
                "takes events of the present only. Use pg_dump to copy it, or manage.py export_presence for a file."
            )
        options["exclude"] = [*options["exclude"], *_APPS]
        super().handle(*app_labels, **options)
