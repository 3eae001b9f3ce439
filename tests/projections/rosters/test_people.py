"""The connections of a room by person, and the grace."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now

from presence_events.models import PresenceEvent
from projections.rosters import Roster
from projections.rosters.people import ANONYMOUS, People, Stay

NOW = now()


def people(grace: float = 5) -> People:
    return People(grace, Roster().person)


def event(position: int, kind: str, session: int | None, user: int | None = 1, data: Any = None) -> PresenceEvent:
    return PresenceEvent(id=position, kind=kind, session=session, user_id=user, since=NOW, data=data)


def sessions(found: People, at: float) -> dict[str, list[int]]:
    return {key: [one.session for one in connections] for key, (_, connections) in found.changes(at).items()}


def test_connections_are_those_of_people() -> None:
    room = people()
    room.replace([Stay(1, "a", 1, NOW, None), Stay(2, "b", None, NOW, None), Stay(3, "c", 1, NOW, None)])
    assert sessions(room, 0) == {"1": [1, 3], ANONYMOUS: [2]}
    assert room.apply(event(9, "join", 4, 2), 1) == {"2"}
    assert sessions(room, 1) == {"2": [4]}
    assert sessions(room, 1) == {}


def test_an_end_counts_until_the_grace_is_over() -> None:
    room = people()
    room.replace([Stay(1, "a", 1, NOW, None)])
    sessions(room, 0)
    room.apply(event(9, "leave", 1), 10)
    assert sessions(room, 10) == {"1": [1]}
    assert (room.next_expiry(), room.in_grace(), room.oldest_end()) == (15, {"1"}, 9)
    assert not room.has_changes(14)
    assert room.has_changes(15)
    assert sessions(room, 15) == {"1": []}
    assert (room.next_expiry(), room.in_grace(), room.oldest_end()) == (None, set(), None)


def test_a_join_takes_the_place_of_the_latest_end() -> None:
    room = people()
    room.replace([Stay(1, "a", 1, NOW, None), Stay(2, "b", 1, NOW, None)])
    sessions(room, 0)
    room.apply(event(9, "leave", 1), 10)
    room.apply(event(10, "leave", 2), 12)
    room.apply(event(11, "join", 3), 13)
    assert sessions(room, 13) == {"1": [1, 3]}
    assert sessions(room, 15) == {"1": [3]}
    assert sessions(room, 17) == {"1": [3]}


def test_a_join_that_is_read_before_the_end_in_front_of_it_takes_its_place() -> None:
    room = people()
    room.replace([Stay(1, "a", 1, NOW, None)])
    room.apply(event(10, "join", 2), 10)
    assert sessions(room, 10) == {"1": [1, 2]}
    room.apply(event(9, "leave", 1), 11)
    assert sessions(room, 11) == {"1": [2]}


def test_an_end_soon_after_a_join_does_not_count_on_while_the_person_is_there() -> None:
    room = people()
    room.replace([Stay(1, "a", 1, NOW, None)])
    sessions(room, 0)
    room.apply(event(9, "join", 2), 10)
    room.apply(event(10, "leave", 1), 11)
    assert sessions(room, 11) == {"1": [2]}
    room.apply(event(11, "leave", 2), 12)
    assert sessions(room, 12) == {"1": [2]}
    assert sessions(room, 17) == {"1": []}


def test_a_join_before_an_end_is_remembered_as_long_as_the_end() -> None:
    room = people()
    room.replace([Stay(1, "a", 1, NOW, None)])
    sessions(room, 0)
    room.apply(event(9, "join", 2), 10)
    room.apply(event(10, "leave", 1), 13)
    assert sessions(room, 13) == {"1": [2]}
    room.apply(event(11, "touch", 2, data={"status": "here"}), 16)
    assert sessions(room, 16) == {"1": [2]}


def test_a_short_visit_counts_until_the_grace_is_over() -> None:
    room = people()
    room.apply(event(9, "join", 1), 10)
    room.apply(event(10, "leave", 1), 11)
    assert sessions(room, 11) == {"1": [1]}
    assert sessions(room, 16) == {"1": []}


def test_an_end_long_after_a_join_counts_on() -> None:
    room = people()
    room.replace([Stay(1, "a", 1, NOW, None)])
    sessions(room, 0)
    room.apply(event(9, "join", 2), 10)
    room.apply(event(10, "leave", 1), 16)
    assert sessions(room, 16) == {"1": [1, 2]}


def test_without_a_grace_an_end_is_an_end() -> None:
    room = people(grace=0)
    room.replace([Stay(1, "a", 1, NOW, None)])
    room.apply(event(9, "prune", 1), 10)
    assert sessions(room, 10) == {"1": []}


def test_new_data_can_make_a_connection_that_of_another_person() -> None:
    class Guests(Roster):
        def person(self, user_id: Any, data: Any) -> str | None:
            return (data or {}).get("guest")

    room = People(5, Guests().person)
    room.replace([Stay(1, "a", None, NOW, None)])
    sessions(room, 0)
    assert room.apply(event(9, "touch", 1, None, {"guest": "x"}), 1) == {ANONYMOUS, "x"}
    assert sessions(room, 1) == {ANONYMOUS: [], "x": [1]}


def test_stays_that_are_missing_after_a_reload_have_ended() -> None:
    room = people()
    room.replace([Stay(1, "a", 1, NOW, None), Stay(2, "b", 2, NOW, None)])
    sessions(room, 0)
    room.replace([Stay(2, "b", 2, NOW, None)])
    assert sessions(room, 0) == {"1": [], "2": [2]}


def test_events_of_no_known_connection_change_nothing() -> None:
    room = people()
    assert room.apply(event(9, "prune", None), 1) == set()
    assert room.apply(event(9, "leave", 7), 1) == set()
    assert sessions(room, 1) == {}
