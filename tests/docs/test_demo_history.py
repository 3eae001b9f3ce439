"""The day that ``docs/demo/run.py --history`` writes into the log is plausible and complete, and has ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.test import TestCase

from presence_events.models import PresenceEvent
from projections.attendance.rows import Status
from projections.final_reports.reading import stored_sheet
from projections.models import AttendanceReport, Presence, PresenceSession, Room
from projections.replay.repair import compare
from tests.docs.history import START, day, seed
from tests.fold import assert_live_is_the_fold

ROOMS = {"lobby", "standup", "all-hands", "support", "classroom", "design-doc"}
SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.usefixtures("demo_can_be_imported")


@pytest.fixture(scope="module")
def written(demo_can_be_imported: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Writes the day before START once for all tests of this module. Each test is rolled back to it."""
    with django_db_blocker.unblock():
        around = TestCase._enter_atomics()  # like setUpTestData
        assert seed(day())
    yield
    with django_db_blocker.unblock():
        TestCase._rollback_atomics(around)


@pytest.fixture
def stays(written: None, db: None) -> list[PresenceSession]:
    """Returns the stays of the day before START, as the library reads them."""
    return list(PresenceSession.objects.select_related("user"))


def name(stay: PresenceSession) -> str | None:
    return stay.user and stay.user.get_username()


@pytest.mark.parametrize("seconds", [0, 0.000001, 450, 899.999999, 3 * 3600 + 61, 86_399.5])
def test_the_day_is_in_the_24_hours_before_the_start_at_any_time_of_day(seconds: float) -> None:
    start = datetime(2026, 3, 4, tzinfo=UTC) + timedelta(seconds=seconds)
    started_day = day(start)
    for stay in started_day.stays():
        joined, seen, left = map(started_day.at, (stay.joined, stay.seen, stay.left))
        assert start - timedelta(hours=24) < joined <= seen < left < start, stay
        assert all(stay.joined < moment < stay.seen for moment in stay.away or ()), stay


def test_meetings_begin_at_full_quarters_of_the_clock() -> None:
    assert day().at(9.5) == datetime(2026, 3, 4, 5, 30, tzinfo=UTC)


def test_the_day_is_always_the_same() -> None:
    assert day().stays() == day().stays()


def test_the_day_has_the_stays_of_an_office(stays: list[PresenceSession]) -> None:
    assert 600 <= len(stays) <= 1500
    assert 25 <= len({stay.user_id for stay in stays if stay.user_id}) <= 40
    assert {stay.room for stay in stays} == ROOMS
    assert min(Counter(stay.room for stay in stays).values()) >= 15
    assert {stay.room for stay in stays if stay.user_id is None} == {"support"}


def test_the_tables_match_the_log(stays: list[PresenceSession]) -> None:
    assert_live_is_the_fold()
    assert compare("default") == []
    assert set(Room.objects.values_list("channel_name", flat=True)) == ROOMS
    assert not Presence.objects.exists()


def test_times_increase_with_positions(stays: list[PresenceSession]) -> None:
    times = list(PresenceEvent.objects.order_by("id").values_list("at", flat=True))
    assert times == sorted(times)
    assert START - timedelta(hours=24) < times[0] < times[-1] < START


def test_pruned_connections_were_silent_for_some_seconds_and_have_no_reason(
    stays: list[PresenceSession],
) -> None:
    pruned = [stay for stay in stays if stay.ended_by == "prune"]
    assert len(pruned) > 100
    for stay in pruned:
        assert timedelta(seconds=15) <= stay.left_at - stay.last_seen < timedelta(seconds=70)
        assert stay.reason is None


def test_after_the_crash_all_are_pruned_at_once_and_most_people_rejoin(
    stays: list[PresenceSession],
) -> None:
    pruned = defaultdict(list)
    for stay in stays:
        if stay.ended_by == "prune":
            pruned[stay.left_at.replace(microsecond=0)].append(stay)
    moment, crowd = max(pruned.items(), key=lambda found: len(found[1]))
    assert len(crowd) >= 25
    last_seen = sorted(stay.last_seen for stay in crowd if stay.last_seen > moment - timedelta(seconds=70))
    assert len(last_seen) >= 25
    assert last_seen[-1] - last_seen[0] < 6 * SECOND
    assert moment - last_seen[-1] > 50 * SECOND
    assert not [stay for stay in stays if last_seen[-1] < stay.joined_at < moment - 5 * SECOND]
    here = {name(stay) for stay in crowd if stay.user_id}
    back = {name(stay) for stay in stays if moment - 5 * SECOND < stay.joined_at < moment + timedelta(minutes=2)}
    assert len(here & back) > 0.8 * len(here)


def test_the_commuter_is_pruned_and_rejoins_many_times(stays: list[PresenceSession]) -> None:
    lost = Counter(name(stay) for stay in stays if stay.room == "lobby" and stay.ended_by == "prune" and stay.user_id)
    assert lost.most_common(1)[0][1] >= 20


def test_the_standup_lasts_a_quarter_of_an_hour_and_most_come_within_two_minutes(
    stays: list[PresenceSession],
) -> None:
    joined = sorted(stay.joined_at for stay in stays if stay.room == "standup")
    assert joined[11] - joined[0] < timedelta(minutes=2)
    assert joined[-1] - joined[0] > timedelta(minutes=3)
    assert max(stay.left_at for stay in stays if stay.room == "standup") - joined[0] < timedelta(minutes=20)


def test_some_people_come_late_to_the_meeting_that_has_a_report_and_some_not_at_all(
    stays: list[PresenceSession],
) -> None:
    rows = stored_sheet(AttendanceReport.objects.get()).rows
    late = [row.late for row in rows if row.late and row.late > timedelta(minutes=5)]
    assert 3 <= len(late) < 10
    assert any(row.status == Status.MISSING for row in rows)


def test_some_people_have_several_tabs_and_phones(stays: list[PresenceSession]) -> None:
    def overlapping() -> Iterator[tuple[PresenceSession, PresenceSession]]:
        for first in stays:
            for second in stays:
                if first.session < second.session and first.user_id and first.user_id == second.user_id:
                    yield first, second

    at_once = [
        first
        for first, second in overlapping()
        if first.room == second.room and max(first.joined_at, second.joined_at) < min(first.left_at, second.left_at)
    ]
    assert len(at_once) > 20
    devices = Counter(PresenceEvent.objects.filter(kind="join").values_list("data__device", flat=True))
    assert devices["laptop"] > devices["phone"] > 50


def test_the_lobby_has_fewer_people_at_lunch_and_almost_none_at_night(stays: list[PresenceSession]) -> None:
    demo_day = day()
    here = [len(PresenceSession.objects.in_room("lobby").at(demo_day.at(hour))) for hour in (3, 11, 12.6, 16)]
    night, morning, lunch, afternoon = here
    assert night <= 2 < lunch < 0.6 * min(morning, afternoon)


def test_support_always_has_an_agent(stays: list[PresenceSession]) -> None:
    demo_day = day()
    support = PresenceSession.objects.in_room("support").filter(user__isnull=False)
    for hour in range(-5, 18):
        assert support.at(demo_day.at(hour)).exists(), hour


def test_the_log_is_guarded_again_afterwards(stays: list[PresenceSession]) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        PresenceEvent.objects.update(kind="touch")
    Room.objects.add("lobby", "specific.one")
    assert Presence.objects.count() == 1


def test_the_names_of_the_history_can_be_entered_on_the_start_page(stays: list[PresenceSession]) -> None:
    form_class = import_module("chat.forms").JoinForm
    for user in get_user_model().objects.all():
        form = form_class({"name": user.username, "room": "lobby"})
        assert form.is_valid(), form.errors
        assert form.user() == user
    assert not any(user.has_usable_password() for user in get_user_model().objects.all())
    assert get_user_model().objects.count() == len({stay.user_id for stay in stays if stay.user_id})
