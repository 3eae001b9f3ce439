"""What the viewers of a room are sent."""

from __future__ import annotations

import json
from typing import Any

from django.utils.timezone import now

from presence_events.models import PresenceEvent
from projections.rosters import Connection, Member, Roster
from projections.rosters.marks import RosterMark, Snapshot
from projections.rosters.messages import View
from projections.rosters.people import Stay
from projections.rosters.replica import Replica

NOW = now()


def mark(position: int) -> RosterMark:
    return RosterMark(position, Snapshot.parse(f"{position}:{position}:"), int(NOW.timestamp()))


def member(key: str, session: int, **info: Any) -> Member:
    return Member(key, int(key), [Connection(session, NOW)], info=info)


def people(*members: Member) -> dict[str, Member | None]:
    return {one.id: one for one in members}


def view_of(roster: Roster, *members: Member) -> View:
    view = View(roster, None, "lobby", "log")
    view.update(people(*members), 0, mark(1))
    return view


def update(view: View, changed: dict[str, Member | None], position: int, anonymous: int = 0) -> dict[str, Any] | None:
    text = view.update(changed, anonymous, mark(position))
    return None if text is None else json.loads(text)


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in found]


def test_the_people_of_a_large_room_are_counted_and_the_first_are_listed() -> None:
    view = view_of(Roster(limit=2), member("1", 1), member("2", 2), member("3", 3))
    snapshot = json.loads(view.snapshot())
    assert (ids(snapshot["members"]), snapshot["people"]) == (["1", "2"], 3)
    counted = update(view, people(member("4", 4)), 2)
    assert counted is not None
    assert (counted["people"], counted.keys() & {"joined", "shown"}) == (4, set())
    moved = update(view, {"1": None}, 3)
    assert moved is not None
    assert (moved["left"], ids(moved["shown"]), moved["people"]) == (["1"], ["3"], 3)
    gone = update(view, {"4": None}, 4)
    assert gone is not None
    assert "left" not in gone
    assert update(view, people(member("3", 3)), 5) is None


def test_a_change_of_the_counts_of_a_large_room_is_short() -> None:
    far = 2**40
    people_of_room = [member(str(number), number) for number in range(1, 5001)]
    view = View(Roster(), None, "lobby", "log")
    for position, members in ((far, people_of_room), (far + 1, [member("5001", 5001)])):
        snapshot = Snapshot.parse(f"{position}:{position}:")
        text = view.update(people(*members), 1000, RosterMark(position, snapshot, int(NOW.timestamp())))
    assert text is not None
    assert '"people":5001' in text
    assert len(text) < 250


def test_a_listed_member_whose_first_connection_ends_can_leave_the_list() -> None:
    view = view_of(Roster(limit=1), member("1", 1), member("2", 2))
    moved = update(view, people(member("1", 3)), 2)
    assert moved is not None
    assert (moved["hidden"], ids(moved["shown"])) == (["1"], ["2"])


def test_a_mark_of_a_part_gets_a_snapshot() -> None:
    view = view_of(Roster(limit=1), member("1", 1), member("2", 2))
    partial = view.mark
    assert json.loads(view.since(partial, ["1"]))["type"] == "presence.snapshot"
    update(view, {"1": None}, 2)
    assert json.loads(view.since(partial, ["1"]))["type"] == "presence.snapshot"


def test_names_are_not_sent_where_people_are_counted() -> None:
    view = view_of(Roster(count_only=True), member("1", 1, name="Ada"))
    before = view.mark
    assert "members" not in json.loads(view.snapshot())
    update(view, people(member("2", 2, name="Bo")), 2)
    answer = view.since(before, ["1", "2"])
    assert json.loads(answer)["people"] == 2
    assert "Ada" not in answer
    assert "Bo" not in answer


def test_what_is_not_seen_is_not_sent_and_does_not_move_the_mark() -> None:
    class Hiding(Roster):
        def show(self, member: Member, view: Any) -> dict[str, Any] | None:
            return None if member.info.get("hidden") else super().show(member, view)

    view = view_of(Hiding(), member("1", 1), member("2", 2, hidden=True))
    before = view.mark
    assert update(view, people(member("3", 3, hidden=True)), 2) is None
    assert update(view, {"2": None}, 3) is None
    assert view.mark == before
    shown = update(view, people(member("3", 3)), 4)
    assert shown is not None
    assert (ids(shown["joined"]), shown["before"]) == (["3"], before)
    hidden = update(view, people(member("3", 3, hidden=True)), 5)
    assert hidden is not None
    assert hidden["left"] == ["3"]
    assert json.loads(view.since(before, ["2"]))["type"] == "presence.snapshot"


def event(position: int, kind: str, session: int) -> PresenceEvent:
    return PresenceEvent(
        id=position, kind=kind, session=session, channel_name=f"c{session}", user_id=session, since=NOW, tx=position
    )


async def describe(roster: Roster, members: Any) -> None:
    raise AssertionError("There is no information.")


async def test_a_replica_ignores_what_it_has_loaded_and_who_came_and_went() -> None:
    replica = Replica(Roster(grace=0), "lobby", "log")
    replica.load([Stay(1, "c1", 1, NOW, None)], mark(5), 5)
    await replica.publish(0, describe)
    assert not replica.apply(event(4, "leave", 1), 0)
    assert replica.apply(event(6, "join", 2), 0)
    assert replica.apply(event(7, "leave", 2), 0)
    replica.view(None)
    assert await replica.publish(0, describe) == {}
    assert replica.channels == {"c1"}


def test_without_more_a_roster_shows_no_information() -> None:
    assert Roster().serialize([member("1", 1)]) == {}
