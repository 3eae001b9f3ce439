"""How stays ended, and what follows from it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from presence_events import sql
from presence_events.recorder import Draft, record
from projections._live.verdict import SERVER_DIED, Ending, Verdict, endings, fate
from projections.models import Presence, Room

SHORT, LONG = timedelta(seconds=60), timedelta(seconds=60.001)


@pytest.mark.parametrize(
    ("ending", "seen", "signs", "expected"),
    [
        (Ending("join", None), 61, {"heartbeat"}, Verdict.STAY),
        (Ending("leave", LONG), 61, {"heartbeat"}, Verdict.FORGET),
        (Ending("leave", LONG), 61, {"spoke", "away"}, Verdict.FORGET),
        (Ending(None, None), 0, {"heartbeat"}, Verdict.HEAL),
        (Ending(None, None), 0, {"spoke"}, Verdict.HEAL),
        (Ending(None, None), 0, {"away"}, Verdict.STAY),
        (Ending(None, None), 0, set(), Verdict.EVICT),
        (Ending("prune", LONG), 60.001, {"heartbeat"}, Verdict.HEAL),
        (Ending("prune", LONG), 60, {"heartbeat", "spoke", "away"}, Verdict.EVICT),
        (Ending("prune", SHORT), 61, {"heartbeat", "spoke", "away"}, Verdict.EVICT),
        (Ending("prune", SHORT), 0, {"spoke"}, Verdict.HEAL),
        (Ending("prune", SHORT, True), 0, {"heartbeat"}, Verdict.HEAL),
        (Ending("prune", SHORT, True), 0, {"spoke"}, Verdict.HEAL),
        (Ending("prune", SHORT, True), 0, {"away"}, Verdict.STAY),
        (Ending("prune", SHORT, True), 0, set(), Verdict.EVICT),
        (Ending("prune", LONG), 61, {"spoke", "away"}, Verdict.HEAL),
        (Ending("prune", LONG), 61, {"away"}, Verdict.STAY),
        (Ending("prune", LONG), 61, set(), Verdict.EVICT),
        (Ending("prune", SHORT), 0, set(), Verdict.EVICT),
    ],
)
def test_the_fate_of_a_connection(ending: Ending, seen: float, signs: set[str], expected: Verdict) -> None:
    becomes = fate(ending, seen, **{sign: sign in signs for sign in ("heartbeat", "spoke", "away")})
    assert becomes is expected


@pytest.mark.django_db(transaction=True)
def test_the_last_that_the_log_says_of_each_who_is_absent() -> None:
    for channel in ("left", "pruned", "back", "other"):
        Room.objects.add("a", channel)
    Room.objects.add("b", "left")
    Room.objects.remove("a", "left")
    Room.objects.prune_presences(0)
    Room.objects.add("a", "back")
    Presence.objects.touch("back")
    stays = [("a", channel) for channel in ("left", "pruned", "back", "never")]
    found = endings(stays, 0, "default")
    assert {stay: ending.kind for stay, ending in found.items()} == {
        ("a", "left"): "leave",
        ("a", "pruned"): "prune",
        ("a", "never"): None,
    }
    assert found["a", "pruned"].silence is not None


@pytest.mark.django_db(transaction=True)
def test_who_was_pruned_with_a_server_that_was_taken_for_dead_is_told_from_others() -> None:
    reasons = {"died": {"reason": SERVER_DIED}, "other": {"reason": "tired"}, "text": SERVER_DIED, "none": None}
    for channel, data in reasons.items():
        record([Draft("join", "a", channel), Draft("prune", "a", channel, data=data)])
    record([Draft("join", "a", "left"), Draft("leave", "a", "left", data={"reason": SERVER_DIED})])
    found = endings([("a", channel) for channel in (*reasons, "left")], 0, "default")
    assert {channel for (_, channel), ending in found.items() if ending.presumed} == {"died"}


@pytest.mark.django_db(transaction=True)
def test_who_is_present_is_found_with_one_query(django_assert_num_queries: Any) -> None:
    Room.objects.add("a", "channel")
    with django_assert_num_queries(1):
        assert endings([("a", "channel")], 0, "default") == {}


@pytest.mark.django_db(transaction=True)
def test_what_is_older_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    Room.objects.add("a", "channel")
    Room.objects.remove("a", "channel")
    monkeypatch.setattr("projections._live.verdict.LOOK_BACK", -1)
    assert endings([("a", "channel")], 0, "default") == {("a", "channel"): Ending(None, None)}


@pytest.mark.django_db(transaction=True)
def test_the_search_uses_the_index_of_the_room() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        cursor.execute(
            "EXPLAIN " + sql.read("projections", "queries/live/endings"),
            {"rooms": ["a"], "channel_names": ["channel"], "position": 1, "died": SERVER_DIED},
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan; RESET enable_bitmapscan")
    assert "presence_event_room" in plan
