"""Segments are created ahead of need, and an append always finds one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection

from presence_events.models import PresenceEvent, Segment
from presence_events.recorder import Draft, record
from presence_events.segments import closing, preparing, statements
from tests import segments
from tests.concurrency.conftest import DatabaseConnection, new_connection  # noqa: F401
from tests.fold import assert_live_is_the_fold

FIRST = date(2126, 11, 29)


def join(*channels: str) -> list[PresenceEvent]:
    return record([Draft("join", "room", channel) for channel in channels])


def home(event: PresenceEvent) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM presence_event WHERE id = %s", [event.id])
        return str(cursor.fetchone()[0])


def test_after_migrate_each_part_has_one_segment() -> None:
    assert segments.names("stays") == segments.names("touches") == ["first"]
    assert Segment.objects.filter(state="open", first_day=None, end_day=None).count() == 2


def test_months_are_prepared_ahead_and_what_is_there_stays() -> None:
    (event,) = join("channel")
    with segments.on(FIRST):
        created = preparing.prepare("default")
        assert preparing.prepare("default") == []
    expected = ["first", "2126_12_01", "2127_01_01", "2127_02_01"]
    assert segments.names("stays") == segments.names("touches") == expected
    assert len(created) == 6
    assert home(event) == "presence_event_stays_first"
    assert_live_is_the_fold()


def test_days_are_prepared_if_touches_are_kept_for_a_week(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(days=7)}
    with segments.on(FIRST):
        preparing.prepare("default")
    assert segments.names("touches")[:3] == ["first", "2126_11_30", "2126_12_01"]
    assert len(segments.names("touches")) == 11
    assert len(segments.names("stays")) == 4


def test_a_change_of_the_retention_changes_the_segments_that_come_later(settings: Any) -> None:
    with segments.on(FIRST):
        preparing.prepare("default")
        settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(days=7)}
        assert preparing.prepare("default") == []
    with segments.on(date(2127, 1, 25)):
        preparing.prepare("default")
    assert segments.names("touches")[3:6] == ["2127_02_01", "2127_02_02", "2127_02_03"]


def test_each_day_is_in_one_segment(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(days=7)}
    for day in (FIRST, date(2126, 12, 3), date(2127, 4, 1)):
        with segments.on(day):
            preparing.prepare("default")
    for part in Segment.Part.values:
        found = list(Segment.objects.filter(part=part))
        assert [segment.end_day for segment in found[:-1]] == [segment.first_day for segment in found[1:]]
        assert found[0].first_day is None
        assert found[-1].end_day is None


def test_after_a_year_without_maintenance_appends_go_on_and_so_does_maintenance() -> None:
    with segments.on(date(2025, 6, 1)):
        preparing.prepare("default")
    (event,) = join("channel")
    assert home(event) == "presence_event_stays_2025_09_01"
    with segments.on(FIRST):
        preparing.prepare("default")
        closing.close("default")
        (later,) = join("other")
    assert segments.names("stays")[-4:] == ["2025_09_01", "2126_12_01", "2127_01_01", "2127_02_01"]
    assert home(later) == "presence_event_stays_2025_09_01"
    assert_live_is_the_fold()


def test_a_large_segment_is_proven_before_the_division(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "MAX_SCANNED", -1)
    (event,) = join("channel")
    with segments.on(FIRST):
        preparing.prepare("default")
    assert segments.names("stays") == ["first", "2127_01_01", "2127_02_01"]
    assert home(event) == "presence_event_stays_first"
    assert _constraints() == []


def test_the_constraint_of_an_interrupted_run_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    preparing._add_constraint("presence_event_stays_first", date(2025, 11, 29), "default")
    with pytest.raises(IntegrityError, match="presence_ends"):
        record([Draft("join", "room", "channel")])
    with segments.on(FIRST):
        preparing.prepare("default")
    assert _constraints() == []
    join("channel")


def _constraints() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conrelid::regclass::text FROM pg_constraint WHERE conname = 'presence_ends'")
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.usefixtures("_few_tries")
def test_a_query_that_goes_on_delays_the_division_and_no_append(
    new_connection: Callable[..., DatabaseConnection],  # noqa: F811
) -> None:
    reader, appender = new_connection(), new_connection()
    reader.run("SELECT count(*) FROM presence_event")
    with segments.on(FIRST), pytest.raises(OperationalError, match="lock timeout"):
        preparing.prepare("default")
    assert segments.names("stays") == ["first"]
    assert appender.append("join")
    appender.commit()
    reader.rollback()
    with segments.on(FIRST):
        preparing.prepare("default")
    assert len(segments.names("stays")) == 4
    assert_live_is_the_fold()


@pytest.fixture
def _few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    run = statements.run
    monkeypatch.setattr(statements, "run", lambda *texts, using: run(*texts, using=using, tries=2))


def test_an_append_that_waits_for_the_division_finds_its_segment(
    new_connection: Callable[..., DatabaseConnection],  # noqa: F811
) -> None:
    divider, appender = new_connection(), new_connection()
    divider.run("SELECT presence_divide_segment('stays', ARRAY['2026-01-01', '2100-01-01']::date[])")
    waiting = appender.start("join")
    divider.commit()
    assert waiting.result()
    appender.commit()
    assert [home(event) for event in PresenceEvent.objects.all()] == ["presence_event_stays_2026_01_01"]
    assert_live_is_the_fold()


def test_two_that_prepare_at_once_do_not_collide(
    new_connection: Callable[..., DatabaseConnection],  # noqa: F811
) -> None:
    first, second = new_connection(), new_connection()
    divide = "SELECT presence_divide_segment('stays', ARRAY['2100-01-01']::date[])"
    first.run(divide)
    waiting = second.background(second.run, divide)
    second.wait_until_blocked(waiting)
    first.commit()
    assert isinstance(waiting.exception(), Exception)
    assert segments.names("stays") == ["first", "2100_01_01"]
