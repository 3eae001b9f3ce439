"""A closed segment is complete, and its figures are final."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Count, Max, Min

from presence_events.models import PresenceEvent, Segment
from presence_events.recorder import Draft, record
from presence_events.segments import closing, preparing, statements
from projections.models import PresenceSession
from tests import segments
from tests.concurrency.conftest import DatabaseConnection, new_connection  # noqa: F401
from tests.fold import assert_live_is_the_fold

NOVEMBER = date(2126, 11, 29)
DECEMBER = date(2126, 12, 2)


def write() -> None:
    record([Draft("join", "room", "a"), Draft("join", "room", "b")])
    record([Draft("touch", "room", "a"), Draft("leave", "room", "b")])


@pytest.fixture(autouse=True)
def history() -> None:
    with segments.on(NOVEMBER):
        preparing.prepare("default")
    write()


def test_a_segment_is_closed_when_its_days_are_over() -> None:
    with segments.on(date(2126, 11, 30)):
        assert closing.close("default") == []
    with segments.on(date(2126, 12, 1)):
        assert len(closing.close("default")) == 2
        assert closing.close("default") == []
    closed = Segment.objects.get(part="stays", state="closed")
    found = PresenceEvent.objects.exclude(kind="touch").aggregate(
        Count("id"), Min("id"), Max("id"), Min("at"), Max("at"), Min("since")
    )
    figures = closed.events, closed.first_id, closed.last_id, closed.first_at, closed.last_at, closed.first_since
    assert figures == tuple(found.values())
    assert Segment.objects.get(part="touches", state="closed").events == 1


def test_events_that_come_later_are_in_a_later_segment_although_the_clock_says_otherwise() -> None:
    """The clock of this test is still in November: it was set back."""
    with segments.on(DECEMBER):
        closing.close("default")
    write()
    assert {event.day for event in PresenceEvent.objects.order_by("id")[4:]} == {date(2126, 12, 1)}
    assert Segment.objects.get(part="stays", state="closed").events == 3
    assert_live_is_the_fold()


def test_the_last_day_of_closed_segments_does_not_go_back() -> None:
    """Segments of touches may be closed earlier than those of stays, and the other way around."""
    segments.reset()
    segments.divide("touches", date(2126, 1, 10), date(2126, 1, 20))
    segments.divide("stays", date(2126, 1, 15))
    Segment.objects.filter(part="touches", end_day=date(2126, 1, 20)).update(end_day=date(2130, 1, 1))
    with segments.on(date(2130, 1, 1)):
        closing.close("default")
    segments.divide("stays", date(2126, 2, 15))
    with segments.on(date(2126, 2, 15)):
        closing.close("default")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'presence_event'::regclass")
        assert "2130-01-01" in cursor.fetchone()[0]


def test_a_closed_segment_accepts_no_event_even_from_its_owner() -> None:
    with segments.on(DECEMBER):
        closing.close("default")
    refused = pytest.raises(IntegrityError, match="presence_closed")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, day) VALUES ('join', 'room', 'late', '2126-11-28')"
        )


def test_an_empty_segment_accepts_nothing_either() -> None:
    with segments.on(date(2127, 1, 5)):
        closing.close("default")
    empty = Segment.objects.get(part="stays", first_day=date(2126, 12, 1))
    assert (empty.state, empty.events, empty.first_id, empty.first_at) == ("closed", 0, None, None)
    with pytest.raises(IntegrityError, match="presence_closed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, day) VALUES ('join', 'room', 'late', '2126-12-28')"
        )


def test_an_open_transaction_that_has_appended_delays_the_end_of_the_segment(
    new_connection: Callable[..., DatabaseConnection],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    appender = new_connection()
    assert appender.append("join", channel="late")
    run = statements.run
    monkeypatch.setattr(statements, "run", lambda *texts, using: run(*texts, using=using, tries=2))
    with segments.on(DECEMBER), pytest.raises(OperationalError, match="lock timeout"):
        closing.close("default")
    assert not Segment.objects.filter(state="closed").exists()
    appender.commit()
    with segments.on(DECEMBER):
        closing.close("default")
    assert Segment.objects.get(part="stays", state="closed").events == 4


@pytest.mark.parametrize("interrupted_after", range(1, 6))
def test_an_interrupted_run_is_completed(interrupted_after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    run, calls = statements.run, []

    def interrupted(*texts: str, using: str) -> None:
        calls.append(texts)
        if len(calls) > interrupted_after:
            raise KeyboardInterrupt
        run(*texts, using=using)

    with segments.on(DECEMBER):
        with monkeypatch.context() as patch:
            patch.setattr(statements, "run", interrupted)
            if interrupted_after < 5:
                with pytest.raises(KeyboardInterrupt):
                    closing.close("default")
            else:
                closing.close("default")
        write()
        closing.close("default")
    assert Segment.objects.get(part="stays", state="closed").events == 3
    assert Segment.objects.get(part="touches", state="closed").events == 1
    assert_live_is_the_fold()


def test_queries_skip_closed_segments_that_cannot_have_an_answer() -> None:
    with segments.on(DECEMBER):
        closing.close("default")
    first, last = PresenceEvent.objects.order_by("id").first(), PresenceEvent.objects.order_by("id").last()
    assert first is not None
    assert last is not None
    write()
    for query in (
        PresenceEvent.objects.filter(id__gt=last.id),
        PresenceEvent.objects.filter(at__gt=last.at),
        PresenceSession.objects.at(datetime.now(UTC)).filter(is_open=False),
        PresenceSession.objects.filter(joined_at__lt=first.at - timedelta(days=1), is_open=False),
    ):
        assert "stays_first" not in query.explain()
    assert "stays_first" in PresenceSession.objects.at(first.at).explain()
