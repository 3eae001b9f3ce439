"""The day that ``docs/demo/run.py --history`` writes into the log: believable, whole, and over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from presence_events.models import PresenceEvent
from projections.models import Presence, PresenceSession, Room
from projections.replay import compare
from tests.docs.test_examples import ROOT
from tests.fold import assert_live_is_the_fold

ROOMS = {"lobby", "standup", "all-hands", "support", "classroom", "design-doc"}
START = datetime(2026, 3, 4, 14, 7, 3, 250_000, UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _demo_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs" / "demo")


def day(start: datetime = START) -> Any:
    return import_module("history.day").Day(start)


def seed(day: Any = None) -> int:
    stays: int = import_module("history.seed").seed(day)
    return stays


@pytest.fixture
def stays(db: None) -> list[PresenceSession]:
    """Those of the day before START, as the library tells them."""
    assert seed(day())
    return list(PresenceSession.objects.select_related("user"))


def name(stay: PresenceSession) -> str | None:
    return stay.user and stay.user.get_username()


@pytest.mark.parametrize("seconds", [0, 0.000001, 450, 899.999999, 3 * 3600 + 61, 86_399.5])
def test_whatever_the_time_of_the_start_is_all_of_it_was_in_the_24_hours_before(seconds: float) -> None:
    start = datetime(2026, 3, 4, tzinfo=UTC) + timedelta(seconds=seconds)
    told = day(start)
    for stay in told.stays():
        joined, seen, left = map(told.at, (stay.joined, stay.seen, stay.left))
        assert start - timedelta(hours=24) < joined <= seen < left < start, stay
        assert all(stay.joined < moment < stay.seen for moment in stay.away or ()), stay


def test_meetings_begin_at_full_quarters_of_the_clock() -> None:
    assert day().at(9.5) == datetime(2026, 3, 4, 5, 30, tzinfo=UTC)


def test_the_day_is_always_the_same() -> None:
    assert day().stays() == day().stays()


def test_the_day_is_as_full_as_that_of_an_office(stays: list[PresenceSession]) -> None:
    assert 600 <= len(stays) <= 1500
    assert 25 <= len({stay.user_id for stay in stays if stay.user_id}) <= 40
    assert {stay.room for stay in stays} == ROOMS
    assert min(Counter(stay.room for stay in stays).values()) >= 15
    assert {stay.room for stay in stays if stay.user_id is None} == {"support"}


def test_the_tables_are_what_the_log_says(stays: list[PresenceSession]) -> None:
    assert_live_is_the_fold()
    assert compare("default") == []
    assert set(Room.objects.values_list("channel_name", flat=True)) == ROOMS
    assert not Presence.objects.exists()


def test_positions_and_times_run_in_step(stays: list[PresenceSession]) -> None:
    times = list(PresenceEvent.objects.order_by("id").values_list("at", flat=True))
    assert times == sorted(times)
    assert START - timedelta(hours=24) < times[0] < times[-1] < START


def test_who_is_pruned_was_silent_for_some_seconds_and_nothing_is_said_of_why(stays: list[PresenceSession]) -> None:
    pruned = [stay for stay in stays if stay.ended_by == "prune"]
    assert len(pruned) > 100
    for stay in pruned:
        assert timedelta(seconds=15) <= stay.left_at - stay.last_seen < timedelta(seconds=70)
        assert stay.reason is None


def test_after_a_crash_everybody_is_pruned_at_once_and_most_come_back(stays: list[PresenceSession]) -> None:
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


def test_somebody_on_a_train_is_lost_and_back_again_and_again(stays: list[PresenceSession]) -> None:
    lost = Counter(name(stay) for stay in stays if stay.room == "lobby" and stay.ended_by == "prune" and stay.user_id)
    assert lost.most_common(1)[0][1] >= 20


def test_the_standup_is_a_quarter_of_an_hour_to_which_most_come_within_two_minutes(
    stays: list[PresenceSession],
) -> None:
    joined = sorted(stay.joined_at for stay in stays if stay.room == "standup")
    assert joined[11] - joined[0] < timedelta(minutes=2)
    assert joined[-1] - joined[0] > timedelta(minutes=3)
    assert max(stay.left_at for stay in stays if stay.room == "standup") - joined[0] < timedelta(minutes=20)


def test_people_have_several_tabs_at_times_and_phones(stays: list[PresenceSession]) -> None:
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


def test_fewer_are_in_the_lobby_at_lunch_and_hardly_anybody_at_night(db: None) -> None:
    told = day()
    assert seed(told)
    here = [len(PresenceSession.objects.in_room("lobby").at(told.at(hour))) for hour in (3, 11, 12.6, 16)]
    night, morning, lunch, afternoon = here
    assert night <= 2 < lunch < 0.6 * min(morning, afternoon)


def test_support_always_has_somebody_who_answers(db: None) -> None:
    told = day()
    assert seed(told)
    support = PresenceSession.objects.in_room("support").filter(user__isnull=False)
    for hour in range(-5, 18):
        assert support.at(told.at(hour)).exists(), hour


def test_by_default_it_ends_now_and_who_joins_then_comes_after_it(db: None) -> None:
    before = timezone.now()
    assert seed()
    last = PresenceEvent.objects.order_by("id").last()
    assert last is not None
    assert before - timedelta(minutes=1) < last.at < timezone.now()
    Room.objects.add("lobby", "specific.one")
    (joined,) = PresenceEvent.objects.filter(id__gt=last.id)
    assert joined.at > last.at
    assert joined.session > last.session
    assert_live_is_the_fold()


def test_the_log_is_guarded_again_afterwards(stays: list[PresenceSession]) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        PresenceEvent.objects.update(kind="touch")
    Room.objects.add("lobby", "specific.one")
    assert Presence.objects.count() == 1


def test_a_log_with_events_gets_no_history(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    Room.objects.add("lobby", "specific.one")
    import_module("serve").write_history()
    printed = capsys.readouterr().out
    assert "left out" in printed
    assert "has events already" in printed
    assert "--history --data " in printed
    assert PresenceEvent.objects.count() == 1
    assert not get_user_model().objects.exists()


def test_how_many_stays_there_were_is_said(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    import_module("serve").write_history()
    count = PresenceSession.objects.count()
    assert count > 0
    assert capsys.readouterr().out.endswith(f"Writing a day of history: {count} stays\n")


def test_a_start_that_was_stopped_before_the_rooms_were_made_is_made_up_for(db: None) -> None:
    import_module("history.seed").write(day())
    assert not Room.objects.exists()
    assert seed(day()) == 0
    assert_live_is_the_fold()
    assert Room.objects.exists()


def test_who_enters_the_name_of_somebody_in_it_becomes_them(stays: list[PresenceSession]) -> None:
    form_class = import_module("chat.forms").JoinForm
    for user in get_user_model().objects.all():
        form = form_class({"name": user.username, "room": "lobby"})
        assert form.is_valid(), form.errors
        assert form.user() == user
    assert not any(user.has_usable_password() for user in get_user_model().objects.all())
    assert get_user_model().objects.count() == len({stay.user_id for stay in stays if stay.user_id})


def test_an_account_that_exists_already_is_taken(db: None) -> None:
    chidi = get_user_model().objects.create_user("Chidi", password="his own")
    assert seed(day())
    assert PresenceSession.objects.of_user(chidi).exists()
    chidi.refresh_from_db()
    assert chidi.check_password("his own")
