"""Tables of other apps that have names of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import OperationalError, connection, models
from django.db.migrations.recorder import MigrationRecorder

from projections import checks, table_names
from tests.live.servers import database_url

transactional = pytest.mark.django_db(transaction=True)

MODELS = """
from django.db import models

class Room(models.Model):
    title = models.TextField()
    # Meta of Room

class Session(models.Model):
    class Meta:
        managed = False

class Visit(models.Model):
    pass
"""
SETTINGS = """
from tests.settings import *
INSTALLED_APPS = [{apps}"presence"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "site_settings"
urlpatterns = []
DATABASES["default"]["NAME"] = {name!r}
"""


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def messages(**kwargs: Any) -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in run_checks(**kwargs)]


@pytest.mark.parametrize(
    ("table", "collides"),
    [("presence_room", True), ('"presence"', True), ("presence_session", True), ("presence_visit", False)],
)
def test_a_model_with_a_table_of_ours_is_an_error(table: str, collides: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Model(models.Model):
        class Meta:
            apps = Apps()
            app_label = "presence"
            db_table = table

    found = [*apps.get_models(), Model]
    monkeypatch.setattr("projections.table_names.apps.get_models", lambda **_: found)
    errors = [text for number, text in messages() if number == "projections.E011"]
    assert [text.startswith(f"The table {table!r} of the app 'presence' has") for text in errors] == [True] * collides


@transactional
def test_our_own_tables_are_no_error_at_any_state_of_our_migrations() -> None:
    try:
        for state in (("projections", "zero"), ("presence_events", "zero")):
            call_command("migrate", *state, verbosity=0)
            assert table_names.foreign_tables("default") == {}
    finally:
        call_command("migrate", verbosity=0)
    assert messages(databases=["default"]) == []


@pytest.fixture
def without_projections() -> Iterator[None]:
    """A database in which the migration of the projections has yet to create its tables."""
    call_command("migrate", "projections", "zero", verbosity=0)
    yield
    execute("DROP TABLE IF EXISTS presence_dead_letter")
    MigrationRecorder(connection).record_unapplied("presence", "0001_initial")
    call_command("migrate", verbosity=0)


@transactional
@pytest.mark.parametrize(
    ("label", "owner"), [("presence", "seems to belong to the app 'presence'"), ("shop", "is not one of the presence")]
)
def test_a_table_of_others_is_an_error_before_ours_is_created(
    label: str, owner: str, without_projections: None
) -> None:
    execute("CREATE TABLE presence_dead_letter (id int)")
    MigrationRecorder(connection).record_applied(label, "0001_initial")
    try:
        (error,) = [text for number, text in messages(databases=["default"]) if number == "projections.E111"]
    finally:
        MigrationRecorder(connection).record_unapplied(label, "0001_initial")
    assert error.startswith("The table 'presence_dead_letter' exists in the database 'default'")
    assert owner in error


def test_an_unavailable_database_is_left_to_the_other_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(alias: str) -> None:
        raise OperationalError

    monkeypatch.setattr(table_names, "foreign_tables", fail)
    assert list(checks.check_tables(None, databases=["default"])) == []


class Nowhere:
    """A router that keeps every table out of every database."""

    def allow_migrate(self, *args: Any, **kwargs: Any) -> bool:
        return False


def test_a_database_without_our_tables_is_not_checked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Nowhere"]
    monkeypatch.setattr(table_names, "foreign_tables", None)
    assert messages(databases=["default"]) == []


@transactional
def test_migrate_refuses_to_start_beside_an_app_that_is_labelled_presence(tmp_path: Path) -> None:
    """The whole way: an app has tables, this library is added to the project, and the hint is followed."""
    app = tmp_path / "presence"
    (app / "migrations").mkdir(parents=True)
    (app / "migrations/__init__.py").touch()
    (app / "__init__.py").touch()
    (app / "models.py").write_text(MODELS)
    name = f"{connection.settings_dict['NAME']}_collision"

    def manage(installed: str, *arguments: str) -> str:
        """Returns the errors of the command. They are empty if it succeeds."""
        (tmp_path / "site_settings.py").write_text(SETTINGS.format(apps=installed, name=name))
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parent.parent.parent}",
        }
        command = [sys.executable, "-m", "django", *arguments]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    execute(f'DROP DATABASE IF EXISTS "{name}"')
    execute(f'CREATE DATABASE "{name}"')
    try:
        assert manage("", "makemigrations", "presence") == ""
        assert manage("", "migrate") == ""
        for _ in range(2):  # nothing has been migrated by the first attempt
            errors = manage("*INSTALLED_APPS, ", "migrate")
            for table in ("presence_room", "presence_session"):
                assert f"(projections.E011) The table {table!r} of the app 'presence' has a name" in errors
            assert "(projections.E111) The table 'presence_room' exists in the database 'default'" in errors
        (app / "models.py").write_text(MODELS.replace("# Meta of Room", 'class Meta: db_table = "chat_room"'))
        assert "presence_session" in manage("*INSTALLED_APPS, ", "makemigrations", "presence")
        (app / "models.py").write_text(
            (app / "models.py").read_text().replace("managed = False", 'managed = False; db_table = "chat_session"')
        )
        assert manage("*INSTALLED_APPS, ", "makemigrations", "presence") == ""
        assert "E111" in manage("*INSTALLED_APPS, ", "migrate")
        assert manage("*INSTALLED_APPS, ", "migrate", "--skip-checks", "presence") == ""
        assert manage("*INSTALLED_APPS, ", "migrate") == ""
    finally:
        execute(f'DROP DATABASE "{name}" WITH (FORCE)')
