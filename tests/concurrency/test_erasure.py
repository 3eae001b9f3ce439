"""Erasing persons while others append and seal."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from presence_events.exceptions import ErasureNotEnded
from presence_events.models import ErasureInProgress, PresenceEvent
from presence_events.seals.sealing import seal
from presence_events.seals.verifying import verify
from projections.erasure import erase_person
from projections.models import Presence, Room
from projections.replay.repair import compare
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)


def start(call: Callable[[], Any], errors: list[Exception]) -> threading.Thread:
    """Runs ``call`` in a thread with a database connection of its own."""

    def run() -> None:
        try:
            call()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_erasures_under_load_keep_the_seals_valid(user: Any, other_user: Any) -> None:
    """Two threads record stays of two people, one seals, and one erases one of the two, again and again."""
    errors: list[Exception] = []
    is_over = threading.Event()

    def record(who: Any, number: int) -> None:
        for turn in random.Random(number).choices(range(4), k=120):
            channel = f"{number}.{turn}"
            Room.objects.add("room", channel, who, {"secret": turn})
            Presence.objects.touch(channel, {"secret": "touch"})
            if turn % 2:
                Room.objects.remove("room", channel)

    def seal_again() -> None:
        while not is_over.is_set():
            try:
                seal("default")
            except ErasureNotEnded:
                continue

    recording = [start(lambda who=who, number=number: record(who, number), errors)  # type: ignore[misc]
                 for number, who in enumerate((user, user, other_user))]  # fmt: skip
    sealing = start(seal_again, errors)
    while any(thread.is_alive() for thread in recording):
        erase_person(user)
        assert verify("default").findings == []
    for thread in recording:
        thread.join()
    is_over.set()
    sealing.join()
    assert errors == []
    erase_person(user)
    seal("default")
    found = verify("default")
    assert (found.findings, found.unsealed) == ([], 0)
    assert not PresenceEvent.objects.filter(user=user).exists()
    assert PresenceEvent.objects.filter(user=other_user, commitment=None).exists()
    assert not ErasureInProgress.objects.exists()
    for session in set(PresenceEvent.objects.exclude(session=None).values_list("session", flat=True)):
        assert PresenceEvent.objects.filter(session=session).values("user_id").distinct().count() == 1
    assert not compare("default")
    assert_live_is_the_fold()
