"""Segments that cannot matter are not read, and the answer is the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from presence_events.models import PresenceEvent, Segment
from presence_events.positions import position_at
from presence_events.segments import catalogue, closing
from tests import backdating, segments

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def history() -> list[PresenceEvent]:
    """Ten days with a touch or more, in segments of one day for touches, and of three for stays."""
    days = [(START + number * DAY).date() for number in range(1, 11)]
    segments.divide("touches", *days)
    segments.divide("stays", *days[2::3])
    for number in range(10):
        if number == 4:
            continue  # a day without events
        start = START + number * DAY + timedelta(hours=5)
        last = start + timedelta(hours=number + 1)
        left = None if number == 9 else start + timedelta(hours=15)
        backdating.write(backdating.Stay("room", f"c{number}", None, start, left, last_seen=last))
    with segments.on(days[7]):
        closing.close("default")
    assert Segment.objects.filter(state="closed").count() == 8 + 2
    return list(PresenceEvent.objects.order_by("id"))


def test_a_moment_is_found_in_whatever_segment_it_is(history: list[PresenceEvent]) -> None:
    for before, event in pairwise(history):
        assert position_at(event.at, using="default") == event.id
        assert position_at(event.at + timedelta(microseconds=1), using="default") == event.id + 1
        assert position_at(before.at + (event.at - before.at) / 2, using="default") == event.id
    assert position_at(START - DAY, using="default") <= history[0].id
    assert position_at(START + 30 * DAY, using="default") == history[-1].id + 1


def test_only_the_segments_around_the_moment_are_read(history: list[PresenceEvent]) -> None:
    with CaptureQueriesContext(connection) as captured:
        position_at(START + 1.5 * DAY, using="default")
    (query,) = [query["sql"] for query in captured if "bisection" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    read = {name for name in Segment.objects.values_list("name", flat=True) if name in plan}
    closed = set(Segment.objects.filter(state="closed").values_list("name", flat=True))
    assert read & closed == {"presence_event_stays_first"}


def test_only_the_events_of_the_chosen_segments_are_read(history: list[PresenceEvent]) -> None:
    every = catalogue.read("default")
    names = {(part, first): name for name, part, first in Segment.objects.values_list("name", "part", "first_day")}
    for chosen in [[], every, every[::2], every[1::2], every[3:7], *([one] for one in every)]:
        expected = {names[one.part, one.first_day] for one in chosen}
        with connection.cursor() as cursor:
            events = catalogue.events_of(chosen)
            cursor.execute("SELECT id FROM presence_event WHERE tableoid::regclass::text = ANY(%s)", [list(expected)])
            ids = set(cursor.fetchall())
            cursor.execute(f"SELECT id FROM ({events}) AS event")
            assert set(cursor.fetchall()) == ids
            cursor.execute(f"EXPLAIN {events}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert {name for name in names.values() if f"{name} " in plan} == expected
