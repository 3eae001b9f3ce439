"""The selections: which drafts their queries find. Their invalid arguments are tested with the managers."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from presence_events.recorder import Selection, record_select
from projections import selections, times
from projections.models import Presence, Process, Room
from tests.leases import beat, join_leased, move_lease, put_on_lease
from tests.time import age_presences

pytestmark = pytest.mark.django_db


def drafts(selection: Selection) -> list[tuple[Any, ...]]:
    """Records the selection, and returns kind, room, connection, user and data of its events."""
    events = record_select(selection)
    return [(event.kind, event.room, event.channel_name, event.user_id, event.data) for event in events]


def join(process: str, channel: str) -> None:
    """Records a join that is claimed for ``process``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'room', %s, %s)",
            [channel, process],
        )


@pytest.fixture
def presences(user: Any) -> None:
    for room, channel, person in [("a", "1", user), ("b", "1", user), ("a", "2", None)]:
        Room.objects.add(room, channel, person)


@pytest.mark.usefixtures("presences")
def test_join_as_the_same_user_finds_nothing_that_changes(user: Any) -> None:
    assert drafts(selections.join("a", "1", user, None)) == []


@pytest.mark.usefixtures("presences")
def test_join_as_another_user_ends_the_present_stay_first(user: Any, other_user: Any) -> None:
    assert drafts(selections.join("a", "1", other_user, {"n": 1})) == [
        ("leave", "a", "1", user.pk, {"reason": "joined again as another user"}),
        ("join", "a", "1", other_user.pk, {"n": 1}),
    ]


@pytest.mark.usefixtures("presences")
def test_a_limited_join_as_the_same_user_finds_nothing(user: Any) -> None:
    assert drafts(selections.join("a", "1", user, None, capacity=1, exclusive="newest")) == []


@pytest.mark.usefixtures("presences")
def test_a_join_as_the_newest_ends_the_other_stays_of_the_user_in_the_room_first(user: Any, other_user: Any) -> None:
    Room.objects.add("a", "3", user)
    Room.objects.add("a", "4", other_user)
    Room.objects.add("a", "0", other_user)
    replaced = {"reason": "replaced by another connection"}
    assert drafts(selections.join("a", "0", user, {"n": 1}, exclusive="newest")) == [
        ("leave", "a", "0", other_user.pk, {"reason": "joined again as another user"}),
        ("leave", "a", "1", user.pk, replaced),
        ("leave", "a", "3", user.pk, replaced),
        ("join", "a", "0", user.pk, {"n": 1}),
    ]


@pytest.mark.usefixtures("presences")
def test_a_join_as_the_oldest_or_with_a_capacity_ends_no_other_stay(user: Any) -> None:
    assert drafts(selections.join("a", "3", user, None, exclusive="oldest")) == []
    assert drafts(selections.join("a", "3", None, None, capacity=2)) == []
    assert drafts(selections.join("a", "3", user, None, capacity=2)) == [("join", "a", "3", user.pk, None)]


@pytest.mark.usefixtures("presences")
def test_touch_finds_the_connection_in_every_room(user: Any) -> None:
    assert drafts(selections.touch("1")) == [("touch", room, "1", user.pk, None) for room in ("a", "b")]
    assert drafts(selections.touch_with_data("2", {"n": 1})) == [("touch", "a", "2", None, {"n": 1})]


@pytest.mark.usefixtures("presences")
def test_set_leased_finds_the_given_stays_that_are_present(user: Any) -> None:
    stays = [("a", "1", False), ("a", "2", True), ("b", "2", True), ("nowhere", "1", True)]
    assert drafts(selections.set_leased(stays)) == [("touch", "a", "1", user.pk, None), ("touch", "a", "2", None, None)]
    assert not Presence.objects.filter(is_leased=True).exists(), "no process has recorded it"


def test_prune_ghosts_finds_the_given_stays_on_the_lease_of_the_process() -> None:
    for process, channel in (("one", "1"), ("one", "2"), ("other", "3")):
        join_leased(process, "room", channel)
    Room.objects.add("room", "4")
    put_on_lease("one", ("room", "2"), is_leased=False)
    sessions = list(Presence.objects.values_list("pk", flat=True))
    reason = {"reason": selections.NOT_CONNECTED}
    assert drafts(selections.prune_ghosts(sessions, "one")) == [("prune", "room", "1", None, reason)]


@pytest.mark.parametrize("room", [None, "room"])
def test_prune_presences_keeps_those_that_a_beat_keeps_alive(room: str | None) -> None:
    for process, channel in (("alive", "kept"), ("silent", "pruned"), ("unknown", "no-lease")):
        join_leased(process, "room", channel)
    beat("alive", "silent")
    sessions = Presence.objects.values_list("pk", "channel_name")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE presence_open_stay DISABLE TRIGGER USER")
        cursor.execute("UPDATE presence_open_stay SET touched_at = touched_at - interval '100 s'")
        cursor.execute("ALTER TABLE presence_open_stay ENABLE TRIGGER USER")
    move_lease("silent", -61)
    assert len(sessions) == 3
    assert {draft[2] for draft in drafts(selections.prune_presences(room, 60))} == {"pruned", "no-lease"}


@pytest.mark.usefixtures("presences")
def test_leave_finds_the_connection_in_one_room(user: Any) -> None:
    assert drafts(selections.leave("b", "1")) == [("leave", "b", "1", user.pk, None)]
    assert drafts(selections.leave("b", "2")) == []


@pytest.mark.usefixtures("presences")
def test_leave_all_finds_the_connection_in_every_room(user: Any) -> None:
    assert drafts(selections.leave_all("1")) == [("leave", room, "1", user.pk, None) for room in ("a", "b")]


@pytest.mark.usefixtures("presences")
def test_leave_user_finds_every_connection_of_the_user(user: Any) -> None:
    Room.objects.add("c", "3", user)
    reason = {"reason": "banned"}
    assert drafts(selections.leave_user(user, "banned")) == [
        ("leave", "a", "1", user.pk, reason),
        ("leave", "b", "1", user.pk, reason),
        ("leave", "c", "3", user.pk, reason),
    ]


@pytest.mark.usefixtures("presences")
def test_prune_presences_finds_silent_presences_of_the_room_or_of_all_rooms(user: Any) -> None:
    age_presences("1", seconds=61)
    assert drafts(selections.prune_presences("a", None)) == [("prune", "a", "1", user.pk, None)]
    assert drafts(selections.prune_presences(None, 62)) == []
    assert drafts(selections.prune_presences(None, 60)) == [("prune", "b", "1", user.pk, None)]


def test_prune_dead_servers_finds_silent_presences_of_processes_that_were_not_seen_since() -> None:
    for process, channel in [("dead", "silent"), ("dead", "touched"), ("renewed", "other")]:
        join(process, channel)
    beat("dead", "renewed")
    for process in ("dead", "renewed"):
        move_lease(process, -60)
    age_presences("silent", "other", seconds=55)
    dead, renewed = (times.microseconds(Process.objects.get(pk=name).seen_at) for name in ("dead", "renewed"))
    selection = selections.prune_dead_servers(["dead", "renewed"], [dead, renewed - 1], 10)
    reason = {"reason": selections.SERVER_DIED, "process": "dead"}
    assert drafts(selection) == [("prune", "room", "silent", None, reason)]


@pytest.mark.usefixtures("presences")
def test_prune_rooms_finds_empty_rooms() -> None:
    Room.objects.remove("b", "1")
    assert drafts(selections.prune_rooms()) == [("prune", "b", None, None, None)]
