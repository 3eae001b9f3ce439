"""System checks of the settings that the projections depend on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

from channels.layers import channel_layers
from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db import OperationalError, models

from presence_events import sql, validation
from presence_events.checks import problem_of_import
from presence_events.databases import that_can_have_the_log
from presence_events.exceptions import InvalidAge
from presence_events.models import PresenceEvent
from projections import conf, table_names
from projections.models import Presence, Room

_RENAME = (
    "Set another db_table in the Meta of that model. Then run manage.py makemigrations, and manage.py migrate "
    "--skip-checks for its app."
)
_RECORDING_FUNCTIONS = {
    "presence_record": "text[], text[], text[], anyarray, jsonb[], boolean[], text, text",
    "presence_is_referenced": "regclass, name, text",
}
_FUNCTIONS = {
    "CHANNELS_PRESENCE_DISPLAY_NAME": "name_of_user",
    "CHANNELS_PRESENCE_ATTENDANCE_VISIBLE": "visible_attendance",
}
"""Settings that name functions, with names for examples."""

_KEEPING = (models.DO_NOTHING, models.PROTECT, models.RESTRICT)
_IN_DATABASE = tuple(
    getattr(models, name) for name in ("DB_CASCADE", "DB_SET_DEFAULT", "DB_SET_NULL") if hasattr(models, name)
)
"""Since Django 6.1, the database itself can do what ``on_delete`` says."""


def check_configuration(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Checks the settings without a query."""
    installed = [config.name for config in apps.get_app_configs()]
    if installed.index("projections") < installed.index("presence_events"):
        yield checks.Error(
            "'projections' comes before 'presence_events' in INSTALLED_APPS.",
            hint="Move it after 'presence_events'. The log must come before the projections in start-up, checks and "
            "flushes.",
            id="projections.E002",
        )
    try:
        validation.age(conf.max_age())
    except InvalidAge as error:
        yield checks.Error(
            f"CHANNELS_PRESENCE_MAX_AGE is not valid. {error}",
            hint="Set it to a number of seconds, for example 60, or remove it.",
            id="projections.E003",
        )
    if conf.signals() not in ("inline", "worker"):
        yield checks.Error(
            f"CHANNELS_PRESENCE_SIGNALS is {conf.signals()!r}, which is neither 'inline' nor 'worker'.",
            hint='Set it to "worker" if manage.py run_projector sends the signals, or remove it.',
            id="projections.E004",
        )
    chosen = getattr(settings, "CHANNELS_PRESENCE_PRUNE_IN_SERVER", None)
    if chosen not in (None, True, False):
        yield checks.Error(
            f"CHANNELS_PRESENCE_PRUNE_IN_SERVER is {chosen!r}, which is neither True, False nor None.",
            hint="Set it to True if server processes prune, to False if they do not, or remove it.",
            id="projections.E010",
        )
    for setting, use in _FUNCTIONS.items():
        path = getattr(settings, setting, None)
        problem = None if path is None else problem_of_import(path)
        if problem:
            yield checks.Error(
                f"{setting} is {path!r}, {problem}.",
                hint=f'Set it to the dotted path of a function, for example "mysite.presence.{use}", or remove it.',
                id="projections.E012",
            )
    for model in table_names.colliding_models():
        yield checks.Error(
            f"The table {model._meta.db_table!r} of the app {model._meta.app_label!r} has a name that the presence "
            "tables need.",
            hint=_RENAME,
            obj=model,
            id="projections.E011",
        )
    if not channel_layers.configs:
        yield checks.Warning(
            "There is no channel layer. Only consumers with a mixin record presence, and there are no groups.",
            hint="Set CHANNEL_LAYERS: channels_redis in production, channels.layers.InMemoryChannelLayer for a "
            "single process.",
            id="projections.W001",
        )


def check_tables(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[checks.CheckMessage]:
    """Checks that our migrations find no tables of others with names of ours. ``migrate`` runs it before it starts."""
    for alias in that_can_have_the_log(databases):
        with suppress(OperationalError):  # another check reports that the database is unavailable
            for table, label in table_names.foreign_tables(alias).items():
                owner = f"seems to belong to the app {label!r}" if label else "is not one of the presence tables"
                yield checks.Error(
                    f"The table {table!r} exists in the database {alias!r} and {owner}, but the presence tables need "
                    "its name.",
                    hint=f"{_RENAME} If nothing needs the table, drop it.",
                    id="projections.E111",
                )


def check_functions(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[checks.CheckMessage]:
    """Checks the functions that recording calls, in databases that have been migrated."""
    for alias, (name, arguments) in product(that_can_have_the_log(databases), _RECORDING_FUNCTIONS.items()):
        body = sql.read("projections", f"functions/{name}").split("$$")[1]
        params = {"function": f"{name}({arguments})", "body": body}
        with suppress(OperationalError):  # another check reports that the database is unavailable
            for (fault,) in sql.rows("projections", "queries/checks/function", params, using=alias):
                yield checks.Error(
                    f"The function {name} {fault}, in the database {alias!r}.",
                    hint="Drop it, and create it again as the owner of the tables: manage.py sqlmigrate projections "
                    "0001 prints it. Then run the GRANT files again, and find out what did this.",
                    id="projections.E109",
                )


def check_foreign_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Checks the foreign keys of other models to rooms, presences and events, without a query.

    The fold deletes rooms and presences in the database, where only the constraint of a foreign key matters.
    """
    for field in foreign_keys_to(PresenceEvent):
        if field.db_constraint:
            where = _DECLARE if field.model._meta.auto_created else ""
            yield checks.Error(
                f"{field.model._meta.label}.{field.name} refers to the log with a constraint. PostgreSQL refuses it: "
                "events of different partitions have no common unique index.",
                hint="Set db_constraint=False and on_delete=models.DO_NOTHING. The field keeps the position when "
                f"retention removes the event.{where}",
                obj=field,
                id="projections.E008",
            )
    for model in (Room, Presence):
        for field in foreign_keys_to(model):
            where = _DECLARE if field.model._meta.auto_created else ""
            on_delete = field.remote_field.on_delete
            name = f"{field.model._meta.label}.{field.name}"
            rule = getattr(on_delete, "__name__", on_delete)
            if on_delete in _IN_DATABASE or (not field.db_constraint and on_delete is models.DO_NOTHING):
                continue
            if not field.db_constraint:
                yield checks.Warning(
                    f"{name} refers to {model._meta.label} without a constraint. A {_END[model]} in the log does not "
                    f"apply on_delete={rule}.",
                    hint="Set on_delete=models.DO_NOTHING. The field keeps its value when the row it refers to is "
                    f"deleted.{where}",
                    obj=field,
                    id="projections.W006",
                )
            elif model is Presence:
                yield checks.Error(
                    f"{name} refers to {model._meta.label} with a constraint, so a connection cannot leave while a row "
                    "refers to its presence.",
                    hint="Set db_constraint=False and on_delete=models.DO_NOTHING. The field then keeps the number of "
                    f"the stay, which PresenceSession and the events have too.{where}",
                    obj=field,
                    id="projections.E007",
                )
            elif on_delete not in _KEEPING:
                yield checks.Warning(
                    f"{name} refers to {model._meta.label} with on_delete={rule}. Only room.delete() and the delete() "
                    "of a query apply it. Pruning keeps a room as long as rows refer to it.",
                    hint="If rooms may stay, set on_delete=models.PROTECT. If they must go, set db_constraint=False "
                    f"and on_delete=models.DO_NOTHING: the field then keeps the name of the room.{where}",
                    obj=field,
                    id="projections.W005",
                )


_END = {Room: "prune", Presence: "leave or prune"}
_DECLARE = " Django made this table for a ManyToManyField. Declare the table with through=, and set it there."


def foreign_keys_to(model: type[models.Model]) -> list[Any]:
    """Returns the foreign keys of managed models of other apps to ``model``, also those of many-to-many relations."""
    return [
        relation.field
        for relation in model._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ManyToOneRel)
        and relation.related_model._meta.managed
        and relation.related_model._meta.app_label != model._meta.app_label
    ]
