"""The trigger, the replay and `tests.fold` agree on random histories, at every position and after any damage."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from presence_events.exceptions import AlreadyPresent, RoomIsFull
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.models import Presence, Room
from projections.replay import ranges
from projections.replay.repair import compare, repair
from projections.replay.state import state
from tests import leases
from tests.fold import assert_live_is_the_fold, fold, live
from tests.projections.replay.histories import expected_rows, rows_of, tamper
from tests.properties import examples

ROOMS = st.sampled_from(["a", "B", "c-1"])
CHANNELS = st.sampled_from(["1", "2", "3!x"])
PROCESSES = ["one", "two"]
DATA = st.none() | st.booleans() | st.text("ab%{}'\\", max_size=3)
STEP = (
    st.tuples(st.sampled_from(["join", "touch", "leave", "prune"]), ROOMS, CHANNELS, st.integers(0, 2), DATA)
    | st.tuples(st.just("prune"), ROOMS, st.none(), st.just(0), st.none())
    | st.tuples(st.sampled_from(["beat", "end"]), st.none(), st.none(), st.integers(0, 1), st.none())
    | st.tuples(st.sampled_from(["lease", "release"]), ROOMS, CHANNELS, st.integers(0, 1), st.none())
)
STEPS = st.lists(STEP, max_size=25)
EXCLUSIVE_JOINS = st.tuples(st.sampled_from(["newest", "oldest"]), ROOMS, CHANNELS, st.integers(0, 2), st.none())
STEPS_WITH_LIMITS = st.lists(STEP | EXCLUSIVE_JOINS, max_size=25)
DAMAGE = (
    "DELETE FROM presence_open_stay WHERE id % 3 = {0}",
    "UPDATE presence_open_stay SET id = id + 100000 WHERE id % 3 = {0}",
    "UPDATE presence_open_stay SET joined_at = now(), data = '[]' WHERE id % 3 = {0}",
    "UPDATE presence_open_stay SET user_id = NULL, touched_at = joined_at",
    "UPDATE presence_open_stay SET channel_name = channel_name || 'z'",
    "DELETE FROM presence_room WHERE channel_name NOT IN (SELECT room FROM presence)",
    "UPDATE presence_room SET created_at = now()",
    "UPDATE presence_open_stay SET is_leased = NOT is_leased, process = 'one'",
    "UPDATE presence_open_stay SET exclusive_room = NULL WHERE id % 3 = {0}",
    "UPDATE presence_open_stay SET user_id = NULL, exclusive_room = room WHERE id % 3 = {0}",
    "UPDATE presence_process SET seen_at = now(), started_at = now()",
    "DELETE FROM presence_process",
    "INSERT INTO presence_process VALUES ('ghost{0}', now(), now()) ON CONFLICT DO NOTHING",
    "INSERT INTO presence_room (channel_name, created_at) VALUES ('ghosts{0}', now()) ON CONFLICT DO NOTHING",
    (
        "INSERT INTO presence_open_stay (id, room, channel_name, joined_at, touched_at, is_leased) "
        "SELECT 200000 + {0}, channel_name, 'ghost', now(), now(), false FROM presence_room ORDER BY 2 LIMIT 1 "
        "ON CONFLICT DO NOTHING"
    ),
)


def record_steps(steps: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE presence_event, presence_open_stay, presence_process, presence_room")
    record_more(steps)


def record_more(steps: list[Any]) -> None:
    accounts = get_user_model()._default_manager
    users = [None, *(accounts.get_or_create(username=name)[0] for name in ("ada", "grace"))]
    for kind, room, channel, user, data in steps:
        match kind:
            case "beat":
                leases.beat(PROCESSES[user])
            case "end":
                leases.end_lease(PROCESSES[user])
            case "lease" | "release":
                leases.put_on_lease(PROCESSES[user], (room, channel), is_leased=kind == "lease")
            case "newest" | "oldest":
                with suppress(AlreadyPresent, RoomIsFull):
                    Room.objects.add(room, channel, users[user], capacity=2, exclusive=kind)
            case _:
                record([Draft(kind, room, channel, users[user], data)])


@pytest.mark.django_db(transaction=True)
@examples(25)
@given(steps=STEPS_WITH_LIMITS, range_size=st.integers(1, 10), cut=st.integers(0, 25))
def test_the_replay_of_any_part_is_its_fold(steps: list[Any], range_size: int, cut: int) -> None:
    record_steps(steps)
    with patch.object(ranges, "MAX_POSITIONS", range_size):
        assert compare("default") == []
        events = list(PresenceEvent.objects.order_by("id"))
        for until in (events, events[:cut]):
            if until:
                with state("default", position=until[-1].id) as folded:
                    assert rows_of(folded) == expected_rows(until)
        for room in ("a", "B"):
            assert compare("default", room=room) == []
            with state("default", room=room) as folded:
                assert rows_of(folded) == expected_rows([event for event in events if event.room in (room, "")])
    assert_live_is_the_fold()


@pytest.mark.django_db(transaction=True)
@examples(25)
@given(
    steps=STEPS_WITH_LIMITS,
    range_size=st.integers(1, 10),
    damage=st.lists(st.tuples(st.sampled_from(DAMAGE), st.integers(0, 2)), min_size=1, max_size=3),
)
def test_any_damage_is_found_and_repaired(steps: list[Any], range_size: int, damage: list[Any]) -> None:
    record_steps(steps)
    right = live()
    assert right == fold(PresenceEvent.objects.order_by("id"))
    tamper(*(statement.format(which) for statement, which in damage))
    with patch.object(ranges, "MAX_POSITIONS", range_size):
        found = compare("default")
        assert bool(found) == (live() != right)
        assert repair("default").differences == found
        assert compare("default") == []
    assert live() == right
    assert Presence.objects.count() == len(right.presences)
    assert Room.objects.count() == len(right.rooms)
