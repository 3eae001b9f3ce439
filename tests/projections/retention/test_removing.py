"""Retention removes whole segments, and the log, the baseline and the projections still agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from presence_events.exceptions import ProjectionIsDerived
from presence_events.models import PresenceEvent, Removal, Segment
from presence_events.segments.removing import remove_leaving
from projections.models import Presence, Room
from projections.replay.repair import compare, repair
from projections.replay.state import state
from projections.retention import removing
from projections.retention.baseline import MODELS, Baseline
from tests import retention, segments
from tests.fold import assert_live_is_the_fold, fold, live
from tests.leases import beat
from tests.projections.replay.histories import expected_rows, record_history, rows_of, tamper


@pytest.fixture(autouse=True)
def _keeps_touches_for_a_day(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(days=1)}


def test_the_replay_begins_at_the_baseline_at_every_position_after_it(user: Any) -> None:
    record_history(user)
    before = list(PresenceEvent.objects.order_by("id"))
    expected = live()
    end = retention.close_now("touches")
    outcome = retention.remove(end + timedelta(days=1))
    assert [outcome.recorded, outcome.dropped] == [["presence_event_touches_first"]] * 2
    last_touch = [event for event in before if event.kind == "touch"][-1]
    assert Baseline.objects.values_list("position", "at").get() == (
        last_touch.id,
        max(event.at for event in before if event.id <= last_touch.id),
    )
    assert retention.baseline() == fold(event for event in before if event.id <= last_touch.id)
    assert live() == expected
    assert not PresenceEvent.objects.filter(kind="touch").exists()
    assert compare("default") == []
    record_history(user)
    Presence.objects.leave_all("4")
    beat("one", "five")
    events = [*before, *PresenceEvent.objects.filter(id__gt=before[-1].id).order_by("id")]
    assert compare("default") == []
    for number, event in enumerate(events, start=1):
        if event.id >= last_touch.id:
            with state("default", position=event.id) as folded:
                assert rows_of(folded) == expected_rows(events[:number])


def test_what_was_removed_is_recorded_for_ever(user: Any) -> None:
    record_history(user)
    touches = list(PresenceEvent.objects.filter(kind="touch").order_by("id"))
    end = retention.close_now("touches")
    retention.remove(end + timedelta(days=1))
    removal = Removal.objects.get()
    assert (removal.segment, removal.part) == ("presence_event_touches_first", "touches")
    assert (removal.first_day, removal.end_day) == (None, end)
    assert (removal.first_id, removal.last_id) == (touches[0].id, touches[-1].id)
    assert (removal.first_at, removal.last_at) == (touches[0].at, touches[-1].at)
    assert removal.events == {"touch": len(touches)}
    assert (removal.horizon, removal.baseline, removal.archive) == (touches[-1].at, touches[-1].id, None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user")
        assert removal.by == cursor.fetchone()[0]
        cursor.execute("RESET presence_events.test_database")
        for statement in (
            "UPDATE presence_removal SET id = id",
            "DELETE FROM presence_removal",
            "TRUNCATE presence_removal",
        ):
            with pytest.raises(IntegrityError, match="permanent"), transaction.atomic():
                cursor.execute(statement)
        cursor.execute("SELECT set_config('presence_events.test_database', current_database(), false)")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE presence_baseline SET position = position",
        "DELETE FROM presence_baseline_room",
        "INSERT INTO presence_baseline_process VALUES ('ghost', now(), now())",
        "UPDATE presence_baseline_stay SET data = NULL",
        "TRUNCATE presence_baseline_stay",
    ],
)
def test_only_retention_writes_the_baseline(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("RESET presence_events.test_database")
        try:
            with pytest.raises(IntegrityError, match="part of the baseline"), transaction.atomic():
                cursor.execute(statement)
        finally:
            cursor.execute("SELECT set_config('presence_events.test_database', current_database(), false)")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM presence_baseline_stay WHERE id = (SELECT min(id) FROM presence_open_stay)",
        "UPDATE presence_baseline_stay SET data = '1'",
        "UPDATE presence_baseline_stay SET touched_at = touched_at + interval '1 hour'",
        "UPDATE presence_baseline_stay SET is_leased = NOT is_leased",
        "DELETE FROM presence_baseline_room WHERE channel_name = 'a'",
        "UPDATE presence_baseline_room SET created_at = now()",
        "UPDATE presence_baseline_process SET seen_at = now()",
        "DELETE FROM presence_baseline",
    ],
)
def test_damage_to_the_baseline_is_found(user: Any, statement: str) -> None:
    record_history(user)
    end = retention.close_now("touches")
    retention.remove(end + timedelta(days=1))
    assert compare("default") == []
    retention.tamper(statement)
    assert compare("default") != []


def test_damage_to_the_projections_is_repaired_from_the_baseline(user: Any) -> None:
    record_history(user)
    expected = live()
    end = retention.close_now("touches")
    retention.remove(end + timedelta(days=1))
    tamper("DELETE FROM presence_open_stay", "DELETE FROM presence_room", "DELETE FROM presence_process")
    assert repair("default").differences
    assert live() == expected


def test_stays_are_removed_when_none_of_them_is_open(user: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"stays": timedelta(days=1)}
    record_history(user)
    end = retention.close_now()
    assert retention.remove(end + timedelta(days=1)).dropped == []
    for channel in "1234":
        Presence.objects.leave_all(channel)
    assert retention.remove(end).dropped == []
    assert retention.remove(end + timedelta(days=1)).dropped == ["presence_event_stays_first"]
    assert segments.names("stays", state="removed") == ["first"]
    assert compare("default") == []
    Room.objects.add("a", "1", user)
    Room.objects.prune_rooms()
    assert compare("default") == []


def test_without_the_setting_nothing_is_removed(user: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = None
    record_history(user)
    end = retention.close_now()
    assert retention.remove(end + timedelta(days=10_000)) == ([], [])
    assert_live_is_the_fold()


def test_a_second_removal_moves_the_baseline(user: Any) -> None:
    record_history(user)
    before = list(PresenceEvent.objects.order_by("id"))
    end = retention.close_now("touches")
    retention.remove(end + timedelta(days=1))
    Presence.objects.touch("4", {"more": 1})
    Room.objects.remove("a", "1")
    beat("one")
    Presence.objects.touch("2")
    before += PresenceEvent.objects.filter(id__gt=before[-1].id).order_by("id")
    end = retention.close_now("touches")
    retention.remove(end + timedelta(days=1))
    assert segments.names("touches", state="removed")[0] == "first"
    assert Removal.objects.count() == Segment.objects.filter(state="removed").count() == 2
    assert retention.baseline() == fold(before)
    assert compare("default") == []


def test_the_rows_of_the_baseline_have_names_and_are_not_saved(user: Any) -> None:
    record_history(user)
    beat("one")
    retention.remove(retention.close_now("touches") + timedelta(days=1))
    for model in MODELS:
        row = model._default_manager.first()
        assert row is not None
        assert str(row) in map(str, row.__dict__.values())
        with pytest.raises(ProjectionIsDerived):
            row.save()
        with pytest.raises(ProjectionIsDerived):
            row.delete()


def test_a_user_of_the_operating_system_without_a_name_is_recorded_as_unknown(
    user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> str:
        raise KeyError("uid")

    monkeypatch.setattr("getpass.getuser", unknown)
    record_history(user)
    retention.remove(retention.close_now("touches") + timedelta(days=1))
    assert Removal.objects.get().operator == ""


def test_segments_are_not_dropped_in_a_transaction() -> None:
    with transaction.atomic(), pytest.raises(TransactionManagementError):
        remove_leaving("default")


def test_a_connection_that_is_lost_ends_the_lock() -> None:
    with removing.alone("default"):
        connection.close()
