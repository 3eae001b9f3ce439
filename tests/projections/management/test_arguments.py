"""Arguments that several commands share."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from projections.management import arguments
from projections.management.arguments import moment, position_or_moment, room, user_key


@contextmanager
def refused(match: str) -> Iterator[None]:
    with pytest.raises(ArgumentTypeError, match=match):
        yield


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2026-03-01T09:00:30.25+05:30", timedelta(hours=5, minutes=30)),
        ("2026-03-01T09:00:30.25-08:00", -timedelta(hours=8)),
        ("2026-03-01 09:00:30.25Z", timedelta()),
        ("20260301T090030.25+00", timedelta()),
    ],
)
def test_a_time_with_an_offset_is_in_that_offset(text: str, offset: timedelta, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert moment(text) == datetime(2026, 3, 1, 9, 0, 30, 250_000, timezone(offset))


def test_a_time_without_an_offset_is_in_the_time_zone_of_the_site(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Kathmandu"
    with override_settings(USE_TZ=False):
        assert moment("2026-03-01T09:00") == datetime(2026, 3, 1, 3, 15, tzinfo=UTC)
    assert moment("2026-03-01T09:00") == datetime(2026, 3, 1, 3, 15, tzinfo=UTC)


def test_a_date_is_midnight(settings: Any) -> None:
    settings.TIME_ZONE = "America/New_York"
    assert moment("2026-03-01") == datetime(2026, 3, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "now", "yesterday", "2026-02-30", "25:00", "1767225600", "2026-03-01T09+99:00"])
def test_text_that_is_no_time_is_refused_with_an_example(text: str) -> None:
    with refused(r"is not a time: write ISO 8601, like 2026-03-01T09:00\+01:00"):
        moment(text)


def test_a_time_that_occurs_twice_needs_an_offset(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    with refused(
        r"2026-10-25 02:30:00 occurs twice in Europe/Berlin: add an offset, "
        r"as in 2026-10-25T02:30:00\+02:00 or 2026-10-25T02:30:00\+01:00\."
    ):
        moment("2026-10-25T02:30")
    first, second = moment("2026-10-25T02:30+02:00"), moment("2026-10-25T02:30+01:00")
    assert second - first == timedelta(hours=1)


def test_a_time_that_is_skipped_needs_an_offset(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    with refused("2026-03-29 02:30:00 does not exist in Europe/Berlin: add an offset"):
        moment("2026-03-29T02:30")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])
@pytest.mark.parametrize("text", ["0001-01-02T00:00:00", "9999-12-30T23:59:59.999999"])
def test_a_time_of_any_year_is_accepted_in_any_zone(text: str, zone: str, settings: Any) -> None:
    settings.TIME_ZONE = zone
    assert moment(text).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == datetime.fromisoformat(text)


@pytest.mark.parametrize("text", ["0001-01-01T23:59:59Z", "9999-12-31"])
def test_the_first_and_last_day_that_python_knows_are_refused(text: str) -> None:
    with refused("is not a time"):
        moment(text)


@pytest.mark.parametrize("name", ["lobby-1", "the lobby", "é"])
def test_a_room_may_have_any_name_that_the_database_accepts(name: str) -> None:
    assert room(name) == name


def test_a_room_name_that_the_database_refuses_is_refused() -> None:
    with refused("Pass a room name that is valid as the name of a channel-layer group.* 1 to 255 bytes. Got ''"):
        room("")


def test_a_user_key_has_the_type_of_the_primary_key(django_user_model: Any) -> None:
    key = uuid4() if django_user_model._meta.pk.get_internal_type() == "UUIDField" else 7
    assert user_key(str(key)) == key


@pytest.mark.parametrize("text", ["ada", "", "1.5", "9" * 20])
def test_text_that_cannot_be_a_user_key_is_refused(text: str) -> None:
    with refused(f"'{text}' is not the primary key of a user: "):
        user_key(text)


def test_a_number_is_a_position_and_any_other_text_a_moment() -> None:
    assert position_or_moment("20260301") == 20260301
    assert position_or_moment("2026-03-01T00:00Z") == datetime(2026, 3, 1, tzinfo=UTC)
    with refused("'-1' is not a time"):
        position_or_moment("-1")


def test_without_several_databases_the_one_of_the_routers_is_chosen() -> None:
    assert arguments.chosen_database({"database": None}) == "default"
    assert arguments.chosen_database({"database": None}, default="replica") == "replica"
    assert arguments.chosen_database({"database": "acme", "room": "blue-1"}, default="replica") == "acme"


def test_with_several_databases_the_room_or_the_option_chooses(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_DATABASE = "tests.clusters.database_of_room"
    assert arguments.chosen_database({"database": "acme", "room": "blue-1"}) == "acme"
    assert arguments.chosen_database({"database": None, "room": "blue-1"}) == "blue"
    for options in ({"database": None}, {"database": None, "room": None}):
        with pytest.raises(CommandError, match="with --database, default or acme or blue") as raised:
            arguments.chosen_database(options, default="replica")
        assert raised.value.returncode == 2


@pytest.mark.parametrize(
    "command",
    [
        "export_presence events",
        "import_channels_presence",
        "presence_archive restore /archive --segment presence_event_stays_first",
        "presence_archive write /archive",
        "presence_at 0",
        "presence_partitions",
        "presence_prove 1",
        "presence_resend 0..1",
        "presence_retention",
        "presence_seal",
        "presence_status",
        "presence_verify",
        "presence_what_if 60",
        "replay_presence --check",
        "run_projector --prune",
    ],
)
def test_commands_do_not_look_at_one_of_several_databases_by_chance(command: str, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_DATABASE = "tests.clusters.database_of_room"
    with pytest.raises(CommandError, match="choose one with --database"):
        call_command(*command.split())
