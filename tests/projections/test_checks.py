"""The system checks of the settings that the projections depend on. The order of apps is tested in test_apps."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection

from projections.checks import check_functions


def test_no_channel_layer_is_a_warning(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    (message,) = run_checks()
    assert message.id == "projections.W001"
    assert message.msg == (
        "There is no channel layer. Only consumers with a mixin record presence, and there are no groups."
    )
    assert "CHANNEL_LAYERS" in str(message.hint)


def test_a_layer_with_another_name_is_enough(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"chat": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    assert not run_checks()


@pytest.mark.parametrize("age", [-1, "60", None])
def test_an_invalid_maximal_age_is_an_error(age: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = age
    (message,) = run_checks()
    assert message.id == "projections.E003"
    assert "an age that is a finite number of seconds" in message.msg


def test_an_unknown_sender_of_signals_is_an_error(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "celery"
    (message,) = run_checks()
    assert message.id == "projections.E004"
    for known in ("inline", "worker"):
        settings.CHANNELS_PRESENCE_SIGNALS = known
        assert not run_checks()


def test_an_invalid_choice_of_where_to_prune_is_an_error(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_PRUNE_IN_SERVER = "yes"
    (message,) = run_checks()
    assert message.id == "projections.E010"
    for known in (None, True, False):
        settings.CHANNELS_PRESENCE_PRUNE_IN_SERVER = known
        assert not run_checks()


@pytest.mark.parametrize("setting", ["CHANNELS_PRESENCE_DISPLAY_NAME", "CHANNELS_PRESENCE_ATTENDANCE_VISIBLE"])
def test_a_setting_that_names_no_function_is_an_error(setting: str, settings: Any) -> None:
    for path, problem in (("no.such.module", "cannot be imported"), (3, "imported"), (f"{__name__}.ROOM", "not a fun")):
        setattr(settings, setting, path)
        (message,) = run_checks()
        assert (message.id, problem in message.msg) == ("projections.E012", True)
    for path in (f"{__name__}.run_checks", None):
        setattr(settings, setting, path)
        assert not run_checks()


ROOM = "planning"
IS_REFERENCED = "presence_is_referenced(regclass, name, text)"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            (
                "CREATE OR REPLACE FUNCTION presence_is_referenced(relation regclass, key_column name, key text) "
                "RETURNS boolean LANGUAGE sql AS 'SELECT true'"
            ),
            "has another body",
        ),
        (f"DROP FUNCTION {IS_REFERENCED}", "does not exist"),
        (f"CREATE ROLE stranger; ALTER FUNCTION {IS_REFERENCED} OWNER TO stranger", "belongs to another role"),
        (f"ALTER FUNCTION {IS_REFERENCED} SECURITY DEFINER", "has the rights of its owner"),
    ],
)
def test_a_changed_function_that_pruning_asks_is_an_error(change: str, fault: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(change)
    (message,) = run_checks(databases=["default"])
    assert message.id == "projections.E109"
    assert message.msg == f"The function presence_is_referenced {fault}, in the database 'default'."


@pytest.mark.django_db
def test_a_missing_function_that_appends_is_an_error() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION presence_record")
    (message,) = run_checks(databases=["default"])
    assert message.id == "projections.E109"
    assert message.msg == "The function presence_record does not exist, in the database 'default'."


@pytest.mark.django_db
def test_functions_are_not_checked_in_databases_without_the_tables(settings: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP FUNCTION {IS_REFERENCED}, presence_record")
        cursor.execute("SET LOCAL search_path = pg_catalog")
    assert list(check_functions(None, ["default"])) == []
    with connection.cursor() as cursor:
        cursor.execute("RESET search_path")
    settings.DATABASE_ROUTERS = ["tests.presence_events.test_checks.Nowhere"]
    assert list(check_functions(None, ["default"])) == []
