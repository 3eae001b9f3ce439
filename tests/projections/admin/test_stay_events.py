"""The events of one stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from presence_events.recorder import Draft, record
from projections.admin import stay_events
from projections.admin.stay_events import data_as_text, events_of
from projections.models import PresenceSession, Room
from tests.backdating import Stay, write

NINE = datetime(2024, 3, 4, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def stay_in(room: str) -> PresenceSession:
    return PresenceSession.objects.get(room=room)


def kinds(room: str) -> list[str]:
    return [event.kind for event in events_of(stay_in(room)).events]


def test_a_closed_stay_has_a_join_touches_and_an_end() -> None:
    write(
        Stay("a", "1", None, NINE, NINE + 9 * MINUTE, last_seen=NINE + 5 * MINUTE, ended_by="prune"),
        Stay("b", "1", None, NINE, NINE + 9 * MINUTE),
        Stay("c", "1", None, NINE, NINE),
    )
    assert kinds("a") == ["join", "touch", "prune"]
    assert kinds("b") == ["join", "leave"]
    assert kinds("c") == ["join", "leave"]
    assert {event.session for event in events_of(stay_in("a")).events} == {stay_in("a").session}


def test_an_open_stay_has_no_end() -> None:
    Room.objects.add("a", "1")
    record([Draft("touch", "a", "1"), Draft("touch", "a", "1", data={"status": "away"})])
    found = events_of(stay_in("a"))
    assert [event.kind for event in found.events] == ["join", "touch", "touch"]
    assert found.complete


def test_other_stays_of_the_connection_are_left_out() -> None:
    for _ in range(3):
        record([Draft("join", "a", "1"), Draft("touch", "a", "1"), Draft("leave", "a", "1")])
    middle = PresenceSession.objects.order_by("session")[1]
    assert [event.session for event in events_of(middle).events] == [middle.session] * 3


def test_only_the_latest_touches_are_returned_and_marked_incomplete() -> None:
    touches = [Draft("touch", "a", "1", data=number) for number in range(stay_events.MAX_TOUCHES)]
    record([Draft("join", "a", "1"), *touches])
    assert events_of(stay_in("a")).complete
    record([Draft("touch", "a", "1", data="one more"), Draft("leave", "a", "1")])
    found = events_of(stay_in("a"))
    assert not found.complete
    assert [event.data for event in found.events] == [None, *range(1, stay_events.MAX_TOUCHES), "one more", None]


def test_touches_beyond_the_scan_limit_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    record([Draft("join", "a", "1"), Draft("touch", "a", "1", data="early")])
    record([Draft("join", "b", str(number)) for number in range(10)])
    record([Draft("touch", "a", "1", data="late"), Draft("leave", "a", "1")])
    monkeypatch.setattr(stay_events, "MAX_POSITIONS_SCANNED", 5)
    found = events_of(stay_in("a"))
    assert [event.data for event in found.events] == [None, "late", None]
    assert not found.complete


def test_what_is_read_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stay of one day is a small part of this log. Every query uses its index."""
    monkeypatch.setattr(stay_events, "MAX_POSITIONS_SCANNED", 100)
    day = timedelta(days=1)
    others = [
        Stay("a", f"c{n}", None, NINE + n * MINUTE, NINE + (n + 3) * MINUTE, last_seen=NINE + (n + 1) * MINUTE)
        for n in range(1440)
    ]
    write(*others, Stay("a", "mine", None, NINE, NINE + day, last_seen=NINE + day - MINUTE))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE presence_event")
    stay = PresenceSession.objects.get(channel_name="mine")
    with CaptureQueriesContext(connection) as captured:
        assert [event.kind for event in events_of(stay).events] == ["join", "touch", "leave"]
    assert len(captured) == 17
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if "WITH RECURSIVE" not in query["sql"] and "FROM presence_segment" not in query["sql"]:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert "Seq Scan" not in plan, plan


def test_a_stay_without_length_has_both_events(django_assert_max_num_queries: Any) -> None:
    write(Stay("a", "1", None, NINE, NINE))
    stay = stay_in("a")
    with django_assert_max_num_queries(17):
        assert len(events_of(stay).events) == 2


@pytest.mark.parametrize(
    ("data", "text"), [(None, ""), ("away", "away"), ({"who": "Zoë"}, '{"who": "Zoë"}'), ([1, None], "[1, null]")]
)
def test_data_is_shown_as_text_or_json(data: Any, text: str) -> None:
    assert data_as_text(data) == text
