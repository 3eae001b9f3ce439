"""Verdicts, and the endings in the log that they depend on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from presence_events import sql
from presence_events.recorder import Draft, record
from projections._live.verdict import Ending, Verdict, decide, find_endings
from projections.models import Presence, Room
from projections.selections import SERVER_DIED
from tests.plans import of_log

SHORT, LONG = timedelta(seconds=60), timedelta(seconds=60.001)


@pytest.mark.parametrize(
    ("ending", "unseen_for", "signs", "expected"),
    [
        (Ending("join", None), 61, {"heartbeat"}, Verdict.KEEP),
        (Ending("leave", LONG), 61, {"heartbeat"}, Verdict.FORGET),
        (Ending("leave", LONG), 61, {"message", "stalled"}, Verdict.FORGET),
        (Ending("leave", LONG, is_replaced=True), 61, {"heartbeat"}, Verdict.REPLACE),
        (Ending("leave", SHORT, is_replaced=True), 0, {"message", "stalled"}, Verdict.REPLACE),
        (Ending(None, None), 0, {"heartbeat"}, Verdict.HEAL),
        (Ending(None, None), 0, {"message"}, Verdict.HEAL),
        (Ending(None, None), 0, {"stalled"}, Verdict.KEEP),
        (Ending(None, None), 0, set(), Verdict.EVICT),
        (Ending("prune", LONG), 60.001, {"heartbeat"}, Verdict.HEAL),
        (Ending("prune", LONG), 0, {"heartbeat"}, Verdict.HEAL),
        (Ending("prune", LONG), 60, set(), Verdict.HEAL),
        (Ending("prune", SHORT), 60, {"heartbeat", "message", "stalled"}, Verdict.EVICT),
        (Ending("prune", SHORT), 61, {"heartbeat", "message", "stalled"}, Verdict.EVICT),
        (Ending("prune", SHORT), 0, {"message"}, Verdict.HEAL),
        (Ending("prune", SHORT, True), 0, {"heartbeat"}, Verdict.HEAL),
        (Ending("prune", SHORT, True), 0, {"message"}, Verdict.HEAL),
        (Ending("prune", SHORT, True), 0, {"stalled"}, Verdict.KEEP),
        (Ending("prune", SHORT, True), 0, set(), Verdict.EVICT),
        (Ending("prune", LONG), 61, {"message", "stalled"}, Verdict.HEAL),
        (Ending("prune", LONG), 61, {"stalled"}, Verdict.KEEP),
        (Ending("prune", LONG), 61, set(), Verdict.EVICT),
        (Ending("prune", SHORT), 0, set(), Verdict.EVICT),
    ],
)
def test_the_verdict_on_a_stay(ending: Ending, unseen_for: float, signs: set[str], expected: Verdict) -> None:
    verdict = decide(
        ending,
        unseen_for,
        heartbeat="heartbeat" in signs,
        message_received="message" in signs,
        process_stalled="stalled" in signs,
    )
    assert verdict is expected


@pytest.mark.django_db(transaction=True)
def test_the_last_event_of_each_stay_that_is_not_present_is_returned() -> None:
    for channel in ("left", "pruned", "back", "other"):
        Room.objects.add("a", channel)
    Room.objects.add("b", "left")
    Room.objects.remove("a", "left")
    Room.objects.prune_presences(0)
    Room.objects.add("a", "back")
    Presence.objects.touch("back")
    stays = [("a", channel) for channel in ("left", "pruned", "back", "never")]
    found = find_endings(stays, 0, "default")
    assert {stay: ending.kind for stay, ending in found.items()} == {
        ("a", "left"): "leave",
        ("a", "pruned"): "prune",
        ("a", "never"): None,
    }
    assert found["a", "pruned"].silence is not None


@pytest.mark.django_db(transaction=True)
def test_a_prune_with_a_server_that_was_presumed_dead_is_recognised() -> None:
    reasons = {"died": {"reason": SERVER_DIED}, "other": {"reason": "tired"}, "text": SERVER_DIED, "none": None}
    for channel, data in reasons.items():
        record([Draft("join", "a", channel), Draft("prune", "a", channel, data=data)])
    record([Draft("join", "a", "left"), Draft("leave", "a", "left", data={"reason": SERVER_DIED})])
    found = find_endings([("a", channel) for channel in (*reasons, "left")], 0, "default")
    assert {channel for (_, channel), ending in found.items() if ending.presumed_dead} == {"died"}


@pytest.mark.django_db(transaction=True)
def test_a_leave_for_an_exclusive_join_is_recognised(user: Any) -> None:
    Room.objects.add("a", "replaced", user)
    Room.objects.add("a", "left", user)
    Room.objects.remove("a", "left")
    Room.objects.add("a", "newest", user, exclusive="newest")
    Room.objects.prune_presences(0)
    found = find_endings([("a", channel) for channel in ("replaced", "left", "newest")], 0, "default")
    assert {channel for (_, channel), ending in found.items() if ending.is_replaced} == {"replaced"}


@pytest.mark.django_db(transaction=True)
def test_stays_that_are_present_are_found_with_one_query(django_assert_num_queries: Any) -> None:
    Room.objects.add("a", "channel")
    with django_assert_num_queries(1):
        assert find_endings([("a", "channel")], 0, "default") == {}


@pytest.mark.django_db(transaction=True)
def test_older_events_are_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    Room.objects.add("a", "channel")
    Room.objects.remove("a", "channel")
    monkeypatch.setattr("projections._live.verdict.CLOCK_TOLERANCE", -1)
    assert find_endings([("a", "channel")], 0, "default") == {("a", "channel"): Ending(None, None)}


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
    assert "presence_event_room" in of_log(plan)
