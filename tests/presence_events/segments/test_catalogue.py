"""Segments that cannot matter are not read, and the answer is the same."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

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


def _read(statement: str) -> set[str]:
    """Returns the names of the segments that the plan of ``statement`` reads."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    return {name for name in Segment.objects.values_list("name", flat=True) if re.search(rf" {name}\b", plan)}


def _log_queries(captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured if "presence_segment" not in query["sql"]]


def _of_parts(**limits: Any) -> set[str]:
    parts = catalogue.parts(**limits)
    return set().union(*(_read(f"SELECT FROM presence_event WHERE {part}") for part in parts))


def _closed() -> set[str]:
    return set(Segment.objects.filter(state="closed").values_list("name", flat=True))


def _names(*names: str) -> set[str]:
    return {f"presence_event_{name}" for name in names}


def test_only_the_segments_around_the_moment_are_read(history: list[PresenceEvent]) -> None:
    with CaptureQueriesContext(connection) as captured:
        position_at(START + 1.5 * DAY, using="default")
    (query,) = _log_queries(captured)
    assert _read(query) == _names("stays_first")


def test_open_segments_are_read_only_for_moments_after_the_closed_ones(history: list[PresenceEvent]) -> None:
    for moment, expected in ((START + 6.4 * DAY, 1), (START + 8.5 * DAY, 5)):
        with CaptureQueriesContext(connection) as captured:
            position_at(moment, using="default")
        (query,) = _log_queries(captured)
        assert len(_read(query) - _closed()) == expected


def test_a_segment_is_left_out_if_it_has_none_of_the_positions(history: list[PresenceEvent]) -> None:
    for segment in Segment.objects.filter(state="closed", events__gt=0):
        for first, last in ((segment.first_id, segment.last_id), (segment.last_id, None), (None, segment.first_id)):
            after = None if first is None else first - 1
            read = _of_parts(using="default", after=after, up_to=last)
            overlapping = Segment.objects.filter(state="closed", events__gt=0)
            if first is not None:
                overlapping = overlapping.filter(last_id__gte=first)
            if last is not None:
                overlapping = overlapping.filter(first_id__lte=last)
            is_open = Segment.objects.filter(state="open").values_list("name", flat=True)
            assert read == {one.name for one in overlapping} | set(is_open)


def test_the_last_event_is_in_the_last_segment_that_has_events(history: list[PresenceEvent]) -> None:
    for up_to in (None, 0, *range(history[0].id - 1, history[-1].id + 2)):
        condition = catalogue.days(using="default", latest=True, up_to=up_to)
        limit = "" if up_to is None else f"AND id <= {up_to}"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT max(id) FROM presence_event WHERE {condition} {limit}")
            found = cursor.fetchone()[0]
        assert found == max((event.id for event in history if up_to is None or event.id <= up_to), default=None)


def test_days_far_ahead_are_left_out_as_long_as_they_are_empty(history: list[PresenceEvent]) -> None:
    ahead = timezone.now() + 400 * DAY
    segments.divide("touches", ahead.date())
    name = f"presence_event_touches_{ahead:%Y_%m_%d}"
    assert name not in _of_parts(using="default")
    backdating.write(backdating.Stay("room", "ahead", None, START + 9.9 * DAY, last_seen=ahead))
    assert name in _of_parts(using="default")
    assert position_at(ahead, using="default") == PresenceEvent.objects.latest("id").id


def test_the_days_are_those_of_the_segments_that_have_such_events(history: list[PresenceEvent]) -> None:
    limits = {"using": "default", "start": START + 4.5 * DAY, "stop": START + 5.5 * DAY}
    assert _of_parts(**limits) & _closed() == _names("touches_2026_03_06", "stays_2026_03_04")
    assert _of_parts(**limits, only="stays") & _closed() == _names("stays_2026_03_04")
    days = catalogue.days(**limits, only="stays", table="log")
    assert _read(f"SELECT FROM presence_event AS log WHERE kind <> 'touch' AND {days}") & _closed() == _names(
        "stays_2026_03_04"
    )


def test_the_days_of_both_parts_are_joined(history: list[PresenceEvent]) -> None:
    for limits in ({}, {"after": 5}, {"up_to": 20}, {"after": 8, "up_to": 9}, {"latest": True}, {"only": "touches"}):
        days = catalogue.days(using="default", **limits)
        expected = _of_parts(using="default", **limits)
        assert expected <= _read(f"SELECT FROM presence_event WHERE {days}")
        assert days.count("OR") < 2


def test_a_thread_that_may_not_query_reads_all_segments(history: list[PresenceEvent]) -> None:
    """A queryset can be shown in an event loop."""

    async def shown() -> str:
        return str(PresenceEvent.objects.filter(catalogue.MayContain("id", after=3)).query)

    assert "WHERE (true)" in async_to_sync(shown)()
