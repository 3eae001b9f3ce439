"""manage.py presence_at."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from presence_events.models import PresenceEvent
from tests.backdating import Stay, write
from tests.projections.replay.histories import record_history

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("presence_at", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_it_prints_the_state_after_a_position(user: Any) -> None:
    record_history(user)
    position = PresenceEvent.objects.get(kind="join", room="b").id
    rows = list(csv.DictReader(StringIO(run(str(position)))))
    assert [(row["room"], row["channel_name"], row["data"]) for row in rows] == [
        ("a", "1", '{"device": "phone"}'),
        ("a", "2", "here"),
        ("b", "1", ""),
    ]
    join = PresenceEvent.objects.get(kind="join", room="b")
    assert rows[2] == {
        "room": "b",
        "created_at": timezone.localtime(join.at).isoformat(),
        "session": str(join.session),
        "channel_name": "1",
        "user_id": str(user.pk),
        "joined_at": timezone.localtime(join.at).isoformat(),
        "last_seen": timezone.localtime(join.at).isoformat(),
        "data": "",
    }
    assert run("0") == ",".join(rows[0]) + "\n"


def test_it_prints_the_state_at_a_time_as_json(user: Any) -> None:
    write(
        Stay("a", "1", user, datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC), data=[1, "ä"]),
        Stay("a", "2", None, datetime(2026, 3, 1, 14, tzinfo=UTC)),
    )
    lines = run("2026-03-01T12:30+00:00", "--format", "jsonl").splitlines()
    (row,) = map(json.loads, lines)
    assert (row["room"], row["channel_name"], row["user_id"], row["data"]) == (
        "a",
        "1",
        user.pk if isinstance(user.pk, int) else str(user.pk),
        [1, "ä"],
    )
    assert datetime.fromisoformat(row["joined_at"]) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    (empty,) = map(json.loads, run("2026-03-01T13:30Z", "--format", "jsonl").splitlines())
    assert (empty["room"], empty["session"], empty["channel_name"]) == ("a", None, None)
    assert run("2026-03-01T13:30Z", "--room", "b", "--format", "jsonl") == ""


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("1000000", "Got 1000000, and the log ends at"),
        ("-1", "'-1' is not a time"),
        ("2999-01-01", "in the future"),
        ("yesterday", "'yesterday' is not a time"),
    ],
)
def test_bad_input_is_refused_with_a_reason(user: Any, argument: str, message: str) -> None:
    record_history(user)
    with pytest.raises(CommandError, match=message):
        run(argument)


def test_an_error_exits_with_2() -> None:
    with pytest.raises(CommandError) as error:
        run("1000000")
    assert error.value.returncode == 2


def test_a_full_disk_is_an_error(user: Any) -> None:
    record_history(user)
    full = open("/dev/full", "w")  # noqa: PTH123, SIM115
    with pytest.raises(CommandError, match="No space left"):
        call_command("presence_at", "0", stdout=full)
    with suppress(OSError):
        full.close()


def test_without_use_tz_times_are_shown_in_the_time_zone_of_the_site(user: Any, settings: Any) -> None:
    record_history(user)
    position = str(PresenceEvent.objects.latest("id").id)
    with_zones = run(position)
    settings.USE_TZ = False
    settings.TIME_ZONE = "Europe/Berlin"
    connection.close()  # the next connection takes its time zone from the settings
    without = run(position)
    joined_at = [
        [datetime.fromisoformat(row["joined_at"]) for row in csv.DictReader(StringIO(rows)) if row["joined_at"]]
        for rows in (with_zones, without)
    ]
    assert joined_at[0] == joined_at[1] != []
    assert joined_at[1][0].utcoffset() in (timedelta(hours=1), timedelta(hours=2))
