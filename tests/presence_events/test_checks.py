"""System checks: manage.py check reports a wrong configuration before the first event."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from presence_events import sql

FOLD = "pgtrigger_fold_72a36"

pytestmark = pytest.mark.django_db


def ids(**kwargs: Any) -> list[str | None]:
    return [message.id for message in run_checks(**kwargs)]


def check_database() -> list[str | None]:
    return ids(databases=["default"])


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_healthy_project_passes_all_checks() -> None:
    assert check_database() == []


def test_another_database_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setattr(connection, "display_name", "SQLite")
    assert ids() == ["presence_events.E001"]
    assert check_database() == ["presence_events.E001"]


def test_a_log_without_the_projections_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trigger of the projections draws position, session and times. Without it, recording fails."""
    is_installed = apps.is_installed
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "projections" and is_installed(name))
    (message,) = run_checks()
    assert message.id == "presence_events.E005"
    assert message.hint == "Add 'projections' to INSTALLED_APPS, after 'presence_events'."


def test_an_unavailable_server_is_an_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", "check", "--database", "default"],
        env={**os.environ, "DATABASE_URL": "postgresql://nobody@/nothing?host=/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "(presence_events.E101)" in done.stderr
    assert "(projections.E101)" in done.stderr


def test_a_dropped_trigger_is_an_error_that_names_it() -> None:
    execute(f"DROP TRIGGER {FOLD} ON presence_event")
    (message,) = run_checks(databases=["default"])
    assert message.id == "projections.E102"
    assert "fold on presence_event is missing" in message.msg
    assert "pgtrigger install" in str(message.hint)


def test_a_changed_trigger_is_an_error_that_says_what_has_changed() -> None:
    execute(f"ALTER FUNCTION {FOLD}() SECURITY INVOKER")
    (message,) = run_checks(databases=["default"])
    assert message.id == "projections.E102"
    assert "changed" in message.msg
    assert message.msg.endswith(": its function runs with the rights of the caller.")


@pytest.mark.parametrize(
    ("table", "app"), [("presence_event", "presence_events"), ("presence_open_stay", "projections")]
)
def test_a_disabled_trigger_is_an_error(table: str, app: str) -> None:
    execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    assert f"{app}.E103" in check_database()


def test_a_trigger_that_session_replication_role_switches_off_is_an_error() -> None:
    execute(f"ALTER TABLE presence_event ENABLE REPLICA TRIGGER {FOLD}")
    (message,) = run_checks(databases=["default"])
    assert message.id == "projections.E103"
    assert "Remove that setting" in str(message.hint)


def test_the_hinted_commands_fix_it() -> None:
    execute(f"DROP TRIGGER {FOLD} ON presence_event")
    execute("ALTER TABLE presence_open_stay DISABLE TRIGGER USER")
    execute("GRANT EXECUTE ON FUNCTION pgtrigger_append_only_6794e() TO PUBLIC")
    call_command("pgtrigger", "install", stdout=StringIO())
    call_command("pgtrigger", "enable", stdout=StringIO())
    assert check_database() == []


@pytest.mark.parametrize("who", ["PUBLIC", '"Other Role"'])
def test_a_schema_in_which_other_roles_may_create_is_a_warning(who: str) -> None:
    execute('CREATE ROLE "Other Role"')
    execute(f"GRANT CREATE ON SCHEMA public TO {who}")
    (message,) = run_checks(databases=["default"])
    assert message.id == "presence_events.W102"
    assert f"REVOKE CREATE ON SCHEMA public FROM {who};" in str(message.hint)


@pytest.fixture
def shared() -> str:
    """A schema in which all roles may create, and a role that reads the log."""
    execute('CREATE SCHEMA "Shared, by all"')
    execute('GRANT CREATE ON SCHEMA "Shared, by all" TO PUBLIC')
    execute('CREATE ROLE "Reader"')
    execute('GRANT SELECT ON presence_event TO "Reader"')
    return '"Shared, by all"'


@pytest.mark.parametrize(
    "setting",
    [
        "SET LOCAL search_path = public, {schema}",
        'ALTER ROLE "Reader" SET search_path = "$user", public, {schema}',
        'ALTER ROLE "Reader" IN DATABASE {database} SET search_path = {schema}',
        "ALTER DATABASE {database} SET search_path = {schema}, public",
    ],
)
def test_another_schema_in_the_search_path_in_which_roles_may_create_is_a_warning(shared: str, setting: str) -> None:
    execute(setting.format(schema=shared, database=connection.settings_dict["NAME"]))
    (message,) = run_checks(databases=["default"])
    assert message.id == "presence_events.W102"
    assert f"in the schema {shared} in the search path of roles that use the presence log" in message.msg
    assert f"REVOKE CREATE ON SCHEMA {shared} FROM PUBLIC; or remove it" in str(message.hint)


@pytest.mark.parametrize(
    "change",
    [
        "",
        'REVOKE SELECT ON presence_event FROM "Reader"; ALTER ROLE "Reader" SET search_path = {schema}',
        'ALTER ROLE "Reader" IN DATABASE template1 SET search_path = {schema}',
        'ALTER ROLE "Reader" SET search_path = missing',
    ],
)
def test_search_paths_that_do_not_matter_are_no_warning(shared: str, change: str) -> None:
    if change:
        execute(change.format(schema=shared))
    assert check_database() == []


def test_a_role_may_create_in_its_own_search_path(shared: str) -> None:
    execute('CREATE SCHEMA "Reader"')
    execute('GRANT CREATE ON SCHEMA "Reader" TO "Reader"')
    execute('ALTER ROLE "Reader" SET search_path = "$user", public')
    assert check_database() == []
    execute('CREATE ROLE "Other Role"')
    execute('GRANT CREATE ON SCHEMA "Reader" TO "Other Role"')
    (message,) = run_checks(databases=["default"])
    assert 'REVOKE CREATE ON SCHEMA "Reader" FROM "Other Role";' in str(message.hint)


@pytest.fixture
def _next_release(settings: Any) -> None:
    """The projections have a migration that the database lacks."""
    settings.MIGRATION_MODULES = {"projections": "tests.next_release.migrations"}


@pytest.mark.usefixtures("_next_release")
def test_migrations_behind_are_a_warning_so_that_migrate_can_run() -> None:
    assert check_database() == ["projections.W101"]
    with pytest.raises(CommandError):
        call_command("check", databases=["default"], fail_level="WARNING", stderr=StringIO())


@pytest.mark.usefixtures("_next_release")
def test_migrate_does_not_ask_to_run_migrate() -> None:
    out = StringIO()
    call_command("migrate", plan=True, skip_checks=False, stdout=out, stderr=out)
    assert "projections.0002_next" in out.getvalue()
    assert "W101" not in out.getvalue()
    assert "manage.py migrate" not in out.getvalue()


def test_migrate_prints_nothing_about_migrations_on_a_new_database() -> None:
    """As a user runs it: the checks of a command line, on a database without tables."""
    name = f"{connection.settings_dict['NAME']}_new"
    server = connection.copy()
    server.settings_dict = {**connection.settings_dict, "NAME": "postgres"}
    with server.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    settings = connection.settings_dict
    user = f"{settings['USER']}:{settings['PASSWORD']}"
    url = f"postgresql://{user}@:{settings['PORT'] or 5432}/{name}?host={settings['HOST']}"
    environment = {**os.environ, "DATABASE_URL": url}
    try:
        for command, is_warned in ((["check", "--database", "default"], True), (["migrate"], False)):
            done = subprocess.run(
                [sys.executable, "-m", "django", *command],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert ("W101" in done.stderr) is is_warned
    finally:
        with server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        server.close()


@pytest.mark.parametrize(
    ("where", "whose"),
    [
        ('ROLE "Other Role"', 'the role "Other Role"'),
        ('ROLE "Other Role" IN DATABASE {database}', 'the role "Other Role"'),
        ("DATABASE {database}", "all roles"),
    ],
)
@pytest.mark.parametrize("setting", ["session_replication_role=replica", "presence_events.test_database={database}"])
def test_a_setting_of_roles_that_switches_protection_off_is_an_error(where: str, whose: str, setting: str) -> None:
    database = connection.settings_dict["NAME"]
    setting = setting.format(database=database)
    execute('CREATE ROLE "Other Role"')
    execute(f"ALTER {where.format(database=database)} SET {setting}")
    (message,) = run_checks(databases=["default"])
    assert message.id == "presence_events.E108"
    assert f"The setting {setting} of {whose} switches" in message.msg


@pytest.mark.parametrize(
    "change",
    [
        'ALTER ROLE "Other Role" SET session_replication_role = origin',
        'ALTER ROLE "Other Role" SET presence_events.test_database = other',
        'ALTER ROLE "Other Role" SET work_mem = 64',
        'ALTER ROLE "Other Role" IN DATABASE template1 SET session_replication_role = replica',
    ],
)
def test_other_settings_of_roles_and_those_for_other_databases_are_no_error(change: str) -> None:
    execute('CREATE ROLE "Other Role"')
    execute(change)
    assert check_database() == []


def test_quotes_around_all_identifiers_are_no_error() -> None:
    execute("SET LOCAL quote_all_identifiers = on")
    assert check_database() == []


@pytest.fixture
def application() -> Iterator[str]:
    """The role of the GRANT files, which may not read the table of migrations."""
    execute('CREATE ROLE "Application"')
    for package in ("presence_events", "projections"):
        execute(sql.read(package, "grants/app").replace(':"role"', '"Application"'))
    yield '"Application"'
    execute("RESET ROLE")


def test_a_role_that_may_not_read_the_table_of_migrations_checks_all_but_these(application: str) -> None:
    execute(f"ALTER FUNCTION {FOLD}() SECURITY INVOKER")
    execute(f"SET ROLE {application}")
    messages = {message.id: message.msg for message in run_checks(databases=["default"])}
    assert messages.keys() == {"presence_events.W103", "projections.E102"}
    assert "django_migrations" in messages["presence_events.W103"]


def test_other_errors_of_the_table_of_migrations_are_raised() -> None:
    execute("ALTER TABLE django_migrations RENAME COLUMN app TO application")
    with pytest.raises(ProgrammingError), transaction.atomic():
        check_database()
    execute("ALTER TABLE django_migrations RENAME COLUMN application TO app")


def test_a_database_that_the_router_excludes_is_not_checked(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Nowhere"]
    execute(f"DROP TRIGGER {FOLD} ON presence_event")
    assert check_database() == []


class Nowhere:
    """A router that keeps every table out of every database."""

    def allow_migrate(self, *args: Any, **kwargs: Any) -> bool:
        return False


@pytest.mark.parametrize(
    "retention",
    [
        {"joins": timedelta(days=7)},
        {"stays": 730},
        {"touches": timedelta(seconds=-1)},
        timedelta(days=7),
    ],
    ids=str,
)
def test_an_invalid_retention_is_an_error(settings: Any, retention: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = retention
    (message,) = run_checks()
    assert message.id == "presence_events.E006"


@pytest.mark.parametrize("retention", [None, {}, {"touches": timedelta()}, {"stays": timedelta(days=9999)}], ids=str)
def test_a_valid_retention_is_not(settings: Any, retention: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = retention
    assert run_checks() == []


@pytest.mark.parametrize(
    ("seals", "problem"),
    [
        ("seals", "which is not a dict"),
        ({"keys": "a"}, "which has the unknown entry 'keys'"),
        ({"key": 1}, "whose 'key' is not a path"),
        ({"copy": None}, "whose 'copy' is not a path"),
        ({"key": "a", "directory": 1}, "whose 'directory' is not a path"),
        ({"timestamp": 1}, "whose 'timestamp' does not begin with http:// or https://"),
        ({"timestamp": "file:///etc/passwd"}, "whose 'timestamp' does not begin with http:// or https://"),
        ({"function": print}, "with a 'function' which is not a dotted path"),
        ({"function": "tests.missing.function"}, "with a 'function' which cannot be imported: "),
        ({"function": "tests.settings.SECRET_KEY"}, "with a 'function' which is not a function"),
    ],
    ids=str,
)
def test_invalid_entries_about_seals_are_an_error(settings: Any, seals: Any, problem: str) -> None:
    settings.CHANNELS_PRESENCE_SEALS = seals
    (message,) = run_checks()
    assert message.id == "presence_events.E008"
    assert problem in message.msg


@pytest.mark.parametrize(
    "seals",
    [
        None,
        {},
        {"key": "a"},
        {"key": Path("a"), "copy": "b", "directory": "c"},
        {"timestamp": "http://localhost/", "function": "tests.seals.attack"},
    ],
    ids=str,
)
def test_valid_entries_about_seals_are_not(settings: Any, seals: Any) -> None:
    settings.CHANNELS_PRESENCE_SEALS = seals
    assert run_checks() == []


@pytest.mark.parametrize("privacy", ["daily", {"users": "daily"}, {"": {"users": "weekly"}}], ids=str)
def test_an_invalid_setting_for_privacy_is_an_error(settings: Any, privacy: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = privacy
    (message,) = run_checks()
    assert message.id == "presence_events.E009"


@pytest.mark.parametrize("privacy", [None, {}, {"clinic-": {"users": "anonymous", "data": False}, "": {}}], ids=str)
def test_a_valid_setting_for_privacy_is_not(settings: Any, privacy: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = privacy
    assert run_checks() == []


@pytest.mark.parametrize("seconds", ["30", -1, float("nan")])
def test_an_invalid_timeout_is_an_error(settings: Any, seconds: Any) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = seconds
    (message,) = run_checks()
    assert message.id == "presence_events.E004"


def choose(room: str) -> str:
    return "default"


class Listing:
    def __init__(self, aliases: Any) -> None:
        self.aliases = aliases

    def __call__(self, room: str) -> str:
        return "default"


listing = Listing(["default"])
listing_a_text = Listing("default")
listing_an_unknown = Listing(["default", "elsewhere"])
no_function = 5


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing", "cannot be imported"),
        ("no_function", "not a function"),
        ("listing_a_text", "no list: 'default'"),
        ("listing_an_unknown", r"\['elsewhere'\]"),
    ],
)
def test_a_function_for_rooms_that_cannot_be_used_is_an_error(settings: Any, name: str, problem: str) -> None:
    settings.CHANNELS_PRESENCE_DATABASE = f"{__name__}.{name}"
    (message,) = run_checks()
    assert message.id == "presence_events.E007"
    assert re.search(problem, message.msg)


def test_a_function_for_rooms_is_a_dotted_path(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_DATABASE = choose
    assert ids() == ["presence_events.E007"]


@pytest.mark.parametrize("name", ["choose", "listing"])
def test_a_function_for_rooms_that_can_be_used_is_not(settings: Any, name: str) -> None:
    settings.CHANNELS_PRESENCE_DATABASE = f"{__name__}.{name}"
    assert run_checks() == []


def test_a_database_for_rooms_that_is_not_on_postgresql_is_an_error(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHANNELS_PRESENCE_DATABASE = f"{__name__}.listing"
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setattr(connection, "display_name", "SQLite")
    assert ids() == ["presence_events.E001", "presence_events.E007"]
