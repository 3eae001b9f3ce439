"""The function that appends joins, leaves and touches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from presence_events._recording.statement import append, to_events
from presence_events.models import PresenceEvent
from presence_events.recorder import Selection
from projections import selections
from projections.models import Presence

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def users() -> list[Any]:
    return [get_user_model().objects.create_user(name) for name in ("ada", "grace")]


def _changes(users: list[Any]) -> Iterator[list[Selection]]:
    """Batches with all that a batch may contain, and what it changes nothing about."""
    ada, grace = users
    yield [selections.join("lobby", "a", ada, {"x": 'a "{1,2}" \\'}), selections.join("hall", "b", None, None)]
    yield [selections.join("hall", "a", grace, None, is_leased=True), selections.touch("b"), selections.touch("absent")]
    yield [selections.join("lobby", "a", grace, [None]), selections.leave("hall", "c")]
    yield [selections.touch_with_data("a", {"y": None}), selections.leave("hall", "b")]
    yield [selections.join("lobby", "a", grace, None), selections.joins([selections.arrival("hall", "d", None, 1)])]
    yield [selections.leave_all("a"), selections.touch("d")]


def _recorded(after: int = 0) -> list[tuple[Any, ...]]:
    """Returns the events above the position ``after``, without times. Their stays have the numbers 0, 1, 2, ..."""
    columns = ("kind", "room", "channel_name", "user_id", "data", "process", "is_leased", "capacity", "is_exclusive")
    stays: dict[int | None, int] = {}
    events = PresenceEvent.objects.filter(id__gt=after).order_by("id").values_list("session", *columns)
    return [(stays.setdefault(session, len(stays)), *rest) for session, *rest in events]


def test_it_records_what_an_insert_records(users: list[Any], django_assert_num_queries: Any) -> None:
    for batch in _changes(users):
        with django_assert_num_queries(1):
            append(batch, "default", process="process")
    last = max(row.id for row in append([selections.leave_all("d")], "default"))
    by_call = _recorded()
    for batch in _changes(users):
        append([selection._replace(call="") for selection in batch], "default", process="process")
    append([selections.leave_all("d")._replace(call="")], "default")
    assert by_call == _recorded(last)
    kinds = [kind for _, kind, *_ in by_call]
    assert (kinds.count("join"), kinds.count("touch"), kinds.count("leave")) == (5, 4, 5)
    assert {"reason": "joined again as another user"} in [data for *_, data, _, _, _, _ in by_call]


def test_it_returns_the_rows_of_the_log(users: list[Any]) -> None:
    for batch in _changes(users):
        rows = append(batch, "default", process="process")
        events = PresenceEvent.objects.in_bulk([row.id for row in rows])
        for event in to_events(rows, "default", ()):
            assert vars(event) | {"_state": None} == vars(events[event.id]) | {"_state": None}


def test_a_storm_of_joins_into_an_empty_vacuumed_table_uses_the_index() -> None:
    """The function keeps its plan, which must not be that of an empty table."""
    names = [f"{number}" for number in range(3000)]
    arrivals = [selections.arrival("room", name, None, None) for name in names]
    append([selections.joins(arrivals)], "default")
    append([selections.leave_all(name) for name in names], "default")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE presence_open_stay, presence_room")
    connection.close()  # a new database connection has no cached plans
    before = _rows_of_sequential_scans()
    for number in range(0, 3000, 100):
        append([selections.joins(arrivals[number : number + 100])], "default")
    append([selections.touch(name) for name in names], "default")
    append([selections.leave_all(name) for name in names], "default")
    assert _rows_of_sequential_scans() - before < 3000
    assert not Presence.objects.exists()


def _rows_of_sequential_scans() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'presence_open_stay'")
        return int(cursor.fetchone()[0])
