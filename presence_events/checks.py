"""System checks: ``manage.py check --database default`` reports a wrong configuration before the first event.

What ``migrate`` would fix is a warning, because ``migrate`` runs the checks before it starts. While ``migrate`` runs
them, there is no such warning. The rest is an error.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks
from django.core.management.base import BaseCommand
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import OperationalError, connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils.module_loading import import_string

from presence_events import conf, sql, validation
from presence_events.databases import that_can_have_the_log, write_alias
from presence_events.exceptions import InvalidAge, InvalidPrivacy
from presence_events.models import PresenceEvent, Segment
from presence_events.privacy import rules
from presence_events.schema import tables
from presence_events.schema.applied import migration_executor
from presence_events.schema.installed import trigger_faults

_MIGRATIONS = MigrationRecorder.Migration._meta.db_table
_CONSEQUENCE = (
    "Then find out what did this, and run manage.py replay_presence --check: presence may differ from the log since "
    "then."
)


def check_configuration(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Checks the settings and the installed apps. It needs no database."""
    alias = write_alias()
    if connections[alias].vendor != "postgresql":
        yield checks.Error(
            f"The presence log needs PostgreSQL, but the database {alias!r} is {connections[alias].display_name}.",
            hint="Set its ENGINE to 'django.db.backends.postgresql', or route presence_events and projections to a "
            "PostgreSQL database with DATABASE_ROUTERS.",
            id="presence_events.E001",
        )
    if not apps.is_installed("pgtrigger"):
        yield checks.Error(
            "The presence log depends on triggers, but 'pgtrigger' is not installed.",
            hint="Add 'pgtrigger' to INSTALLED_APPS, before 'presence_events'.",
            id="presence_events.E002",
        )
    if not apps.is_installed("projections"):
        yield checks.Error(
            "The presence log needs the trigger that completes and folds events, but 'projections', which installs it, "
            "is not installed. Recording an event fails.",
            hint="Add 'projections' to INSTALLED_APPS, after 'presence_events'.",
            id="presence_events.E005",
        )
    try:
        validation.age(conf.record_timeout())
    except InvalidAge:
        yield checks.Error(
            f"CHANNELS_PRESENCE_RECORD_TIMEOUT is not a valid timeout: {conf.record_timeout()!r}.",
            hint="Set it to a finite number of seconds, zero or more, for example 30, or remove it.",
            id="presence_events.E004",
        )

    yield from _check_database_of_rooms()
    yield from _check_retention()
    yield from _check_seals()
    yield from _check_privacy()


def _check_database_of_rooms() -> Iterable[checks.CheckMessage]:
    path = conf.database()
    if path is None:
        return
    problem = _problem_of_function(path)
    if problem:
        yield checks.Error(
            f"CHANNELS_PRESENCE_DATABASE is {path!r}, {problem}.",
            hint='Set it to the dotted path of a function, for example "mysite.clusters.database_of_room". It gets the '
            "name of a room, and returns an alias of DATABASES. Its attribute aliases, if it has one, is a list of all "
            "aliases that it returns, which have to be on PostgreSQL.",
            id="presence_events.E007",
        )


def _problem_of_function(path: Any) -> str | None:
    if problem := problem_of_import(path):
        return problem
    listed = getattr(import_string(path), "aliases", None)
    if isinstance(listed, str) or not isinstance(listed, Iterable | None):
        return f"whose aliases are no list: {listed!r}"
    unusable = [alias for alias in listed or () if alias not in connections or not _is_on_postgresql(alias)]
    return f"whose aliases have some that are not PostgreSQL databases of DATABASES: {unusable}" if unusable else None


def problem_of_import(path: Any) -> str | None:
    """Returns what is wrong with ``path`` as the dotted path of a function, or None. Imports its module."""
    try:
        function: Any = import_string(path)
    except (ImportError, AttributeError) as error:
        return f"which cannot be imported: {error}"
    return None if callable(function) else "which is not a function"


def _is_on_postgresql(alias: str) -> bool:
    return connections[alias].vendor == "postgresql"


def _check_retention() -> Iterable[checks.CheckMessage]:
    retention: Any = conf.retention()
    parts = Segment.Part.values
    if not isinstance(retention, Mapping) or any(
        part not in parts or not isinstance(kept, timedelta) or kept < timedelta() for part, kept in retention.items()
    ):
        yield checks.Error(
            f"CHANNELS_PRESENCE_RETENTION is not valid: {retention!r}.",
            hint='Set it to a dict of timedeltas, zero or more, for example {"touches": timedelta(days=7), "stays": '
            "timedelta(days=730)}, or remove it to keep everything.",
            id="presence_events.E006",
        )


def _check_seals() -> Iterable[checks.CheckMessage]:
    seals: Any = conf.seals()
    if seals is None:
        return
    problem = _problem_of_seals(seals)
    if problem:
        yield checks.Error(
            f"CHANNELS_PRESENCE_SEALS is {seals!r}, {problem}.",
            hint='Set it to a dict, for example {"key": "/etc/mysite/seal.pem", "copy": "/mnt/audit/seals"}. Each of '
            '"key", "copy", "directory", "timestamp" and "function" can be left out. Remove the setting if the worker '
            "is to make no seals.",
            id="presence_events.E008",
        )


def _problem_of_seals(seals: Any) -> str | None:
    if not isinstance(seals, Mapping):
        return "which is not a dict"
    problems = (_problem_of_seal_entry(name, value) for name, value in seals.items())
    return next((problem for problem in problems if problem), None)


def _problem_of_seal_entry(name: Any, value: Any) -> str | None:
    if name in ("key", "copy", "directory"):
        return None if isinstance(value, str | Path) else f"whose {name!r} is not a path"
    if name == "timestamp":
        is_address = isinstance(value, str) and value.startswith(("http://", "https://"))
        return None if is_address else "whose 'timestamp' does not begin with http:// or https://"
    if name == "function":
        problem = problem_of_import(value) if isinstance(value, str) else "which is not a dotted path"
        return problem and f"with a 'function' {problem}"
    return f"which has the unknown entry {name!r}"


def _check_privacy() -> Iterable[checks.CheckMessage]:
    try:
        rules.rules()
    except InvalidPrivacy as error:
        yield checks.Error(
            str(error),
            hint='For example {"clinic-": {"users": "anonymous", "data": False}, "": {"users": "daily"}}. The longest '
            "beginning of the name of a room decides. Remove the setting to record everything.",
            id="presence_events.E009",
        )


@cache
def database_check(app_label: str) -> Callable[..., Iterable[checks.CheckMessage]]:
    """Returns the check of an app's migrations and triggers in the databases.

    It is the same function each time, so Django does not run it twice if the apps become ready again.

    The check runs with ``check --database`` and before ``migrate``. It skips databases that are not PostgreSQL, and
    those from which the routers exclude the log.
    """

    def check(
        app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
    ) -> Iterable[checks.CheckMessage]:
        for alias in that_can_have_the_log(databases):
            yield from _check_database(app_label, alias)

    return check


def _check_database(app_label: str, alias: str) -> Iterable[checks.CheckMessage]:
    is_log = app_label == PresenceEvent._meta.app_label
    try:
        unapplied = _unapplied_migrations(app_label, alias)
    except OperationalError as error:
        yield checks.Error(
            f"The database {alias!r} of the presence log is unavailable: {error}",
            hint="Start the database, or correct DATABASES.",
            id=f"{app_label}.E101",
        )
        return
    if unapplied is None and is_log:
        yield checks.Warning(
            f"The role of this check may not read {_MIGRATIONS} in the database {alias!r}, so unapplied "
            "migrations are not reported.",
            hint=f"Run it as the owner of the tables, or grant its role SELECT on {_MIGRATIONS}.",
            id="presence_events.W103",
        )
    if unapplied:
        if not _is_called_by_migrate():
            yield checks.Warning(
                f"The database {alias!r} of the presence log has unapplied migrations: {', '.join(unapplied)}.",
                hint="Run manage.py migrate. Until then, recording events may fail.",
                id=f"{app_label}.W101",
            )
        return
    if is_log:
        yield from _check_creators(alias)
        yield from _check_settings(alias)
    for fault in trigger_faults([app_label], using=alias):
        name = f"{fault.name} on {fault.table}"
        if fault.obstacle in ("missing", "changed"):
            detail = f": {fault.detail}" if fault.detail else ""
            yield checks.Error(
                f"The trigger {name} is {fault.obstacle} in the database {alias!r}{detail}.",
                hint=f"Run manage.py pgtrigger install. {_CONSEQUENCE}",
                id=f"{app_label}.E102",
            )
        else:
            yield checks.Error(
                f"The trigger {name} is {fault.obstacle} in the database {alias!r}.",
                hint=f"Run manage.py pgtrigger enable. {_CONSEQUENCE}"
                if fault.obstacle == "disabled"
                else f"Remove that setting from the role, the database or the server. {_CONSEQUENCE}",
                id=f"{app_label}.E103",
            )
    yield from _check_tables(app_label, alias)


def _check_tables(app_label: str, alias: str) -> Iterable[checks.CheckMessage]:
    for name, detail in tables.table_faults(app_label, using=alias):
        yield checks.Error(
            f"The table {name} {detail}, in the database {alias!r}.",
            hint=f"Undo this. {_CONSEQUENCE}",
            id=f"{app_label}.E105",
        )
    for name, detail in tables.segment_faults(using=alias) if app_label == "presence_events" else []:
        yield checks.Error(
            f"The partition {name} of the presence log {detail}, in the database {alias!r}.",
            hint=f"Undo this. {_CONSEQUENCE}",
            id="presence_events.E110",
        )
    for name, detail in tables.sequence_faults(app_label, using=alias):
        yield checks.Error(
            f"The sequence {name} {detail}, in the database {alias!r}.",
            hint=f"Compare it with a new database. For its options, execute ALTER SEQUENCE {name} AS bigint "
            "INCREMENT 1 NO MINVALUE NO MAXVALUE CACHE 1 NO CYCLE, and restart all processes, because database "
            f"connections keep values that they have cached. {_CONSEQUENCE} Workers may have passed over events.",
            id=f"{app_label}.E106",
        )
    for name, detail in tables.constraint_faults(app_label, using=alias):
        yield checks.Error(
            f"On the table {name}, {detail}, in the database {alias!r}.",
            hint=f"Undo this; manage.py sqlmigrate prints how migrations create it. {_CONSEQUENCE}",
            id=f"{app_label}.E107",
        )
    for table, name in tables.missing_indexes(app_label, using=alias):
        yield checks.Warning(
            f"The index {name} on {table} does not exist or is invalid, in the database {alias!r}.",
            hint="Queries that need it are slow. Drop it if it is invalid. manage.py sqlmigrate prints how migrations "
            "create it.",
            id=f"{app_label}.W104",
        )


def _check_creators(alias: str) -> Iterable[checks.CheckMessage]:
    table = connections[alias].ops.quote_name(PresenceEvent._meta.db_table)
    rows = sql.rows("presence_events", "queries/checks/creators", {"table": table}, using=alias)
    for schema, creators, is_of_log in rows:
        roles = ", ".join(creators)
        which = "of the presence log" if is_of_log else "in the search path of roles that use the presence log"
        otherwise = "move the tables to a schema of their own" if is_of_log else "remove it from these search paths"
        yield checks.Warning(
            f"Roles other than the owner may create functions in the schema {schema} {which}, in the database "
            f"{alias!r}: {roles}.",
            hint=f"Functions of theirs could run with the rights of other roles. Execute REVOKE CREATE ON SCHEMA "
            f"{schema} FROM {roles}; or {otherwise}.",
            id="presence_events.W102",
        )


def _check_settings(alias: str) -> Iterable[checks.CheckMessage]:
    for setting, whose in sql.rows("presence_events", "queries/checks/settings", using=alias):
        yield checks.Error(
            f"The setting {setting} of {whose} switches protection of the presence log off, in the database {alias!r}.",
            hint=f"Remove it with ALTER ROLE or ALTER DATABASE ... RESET {setting.partition('=')[0]}. {_CONSEQUENCE}",
            id="presence_events.E108",
        )


def _unapplied_migrations(app_label: str, alias: str) -> list[str] | None:
    """Returns the names of the app's unapplied migrations, or None without the right to read the applied ones."""
    executor = migration_executor(alias)
    if executor is None:
        return None
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes(app_label))
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan if migration.app_label == app_label]


def _is_called_by_migrate() -> bool:
    """Whether the command ``migrate`` runs this check. Django does not pass a check the command that runs it."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code is BaseCommand.check.__code__:
            return isinstance(frame.f_locals["self"], MigrateCommand)
        frame = frame.f_back
    return False
