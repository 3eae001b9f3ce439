"""Every operation from eight threads, on the same few rooms and channels. The live tables must equal the replay."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection, transaction

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold

CONNECTIONS = 8
ROUNDS = 150
ROOMS = ["a", "b", "c"]
CHANNELS = ["1", "2", "3", "4", "5"]


def _hammer(  # noqa: C901
    seed: int, users: list[object]
) -> Counter[str]:
    dice = random.Random(seed)
    done: Counter[str] = Counter()

    def once() -> None:
        room, channel = dice.choice(ROOMS), dice.choice(CHANNELS)
        roll = dice.random()
        if roll < 0.35:
            Room.objects.add(room, channel, dice.choice(users), dice.choice([None, {"n": seed}]))
        elif roll < 0.60:
            Presence.objects.touch(channel, dice.choice([None, {"t": seed}]))
        elif roll < 0.75:
            Room.objects.remove(room, channel)
        elif roll < 0.85:
            Presence.objects.leave_all(channel)
        elif roll < 0.93:
            Room.objects.prune_presences(dice.choice([0, 0.01]))
        else:
            Room.objects.prune_rooms()

    try:
        for _ in range(ROUNDS):
            try:
                if dice.random() < 0.1:
                    with transaction.atomic():
                        once()
                        if dice.random() < 0.5:
                            transaction.set_rollback(True)
                else:
                    once()
                done["done"] += 1
            except OperationalError as error:
                # A transaction of two statements may deadlock with others. A single statement must never deadlock.
                done[type(error.__cause__).__name__] += 1
    finally:
        connection.close()
    return done


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(5))
def test_the_fold_of_the_log_is_the_live_tables(seed: int, user: object, other_user: object) -> None:
    users = [None, user, other_user]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        results = list(pool.map(_hammer, [seed * 100 + number for number in range(CONNECTIONS)], [users] * CONNECTIONS))
    assert results == [{"done": ROUNDS}] * CONNECTIONS
    kinds = set(PresenceEvent.objects.values_list("kind", flat=True))
    assert kinds == {"join", "touch", "leave", "prune"}
    assert_live_is_the_fold()
    Room.objects.prune_presences(0)
    Room.objects.prune_rooms()
    assert not Room.objects.exists()
    assert_live_is_the_fold()


@pytest.mark.django_db(transaction=True)
def test_the_stays_of_a_connection_do_not_overlap_when_it_leaves_while_it_joins() -> None:
    def repeat(operation: Callable[[], object]) -> None:
        try:
            for _ in range(1000):
                operation()
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(
                repeat,
                [
                    lambda: Room.objects.add("room", "channel"),
                    lambda: Room.objects.remove("room", "channel"),
                    lambda: Room.objects.remove("room", "channel"),
                ],
            )
        )
    ends = PresenceEvent.objects.filter(kind="leave").order_by("id")
    joins = PresenceEvent.objects.filter(kind="join").order_by("id")
    assert len(ends) > 50
    for end, next_join in zip(ends, joins[1:], strict=False):
        assert end.at <= next_join.since
    assert_live_is_the_fold()
