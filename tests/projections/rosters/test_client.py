"""The client in Python: each rule of the protocol. `tests/properties` compares it with the one in JavaScript."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from projections.testing import RosterClient

SINCE = "2026-03-01T09:00:00.000Z"
DIFFERENCES = [
    ({"a": 1, "b": [1, {}]}, {"b": [1, {}], "a": 1}, False),
    ({"a": True}, {"a": 1}, True),
    ({"a": 1}, {"a": 1.0}, False),
    ([1, 2], [1], True),
    ([1, 2], [2, 1], True),
    ([], {}, True),
    ({}, 5, True),
    (5, {}, True),
    ({"a": None}, {"b": None}, True),
    ({"a": None}, {}, True),
    ({"a": {}}, {"a": None}, True),
    ({"__proto__": {}}, {"a": 1}, True),
    ("", None, True),
]
"""Information of a member, another one, and whether they differ."""


def member(key: str, name: str = "", connections: int = 1) -> dict[str, Any]:
    return {"id": key, "info": {"name": name or key}, "connections": [{"since": SINCE}] * connections}


def snapshot(mark: str, *members: dict[str, Any], **fields: Any) -> dict[str, Any]:
    counts = {"people": len(members), "anonymous": 0}
    return {"type": "presence.snapshot", "version": 1, "room": "lobby", "mark": mark, "members": [*members]} | (
        counts | fields
    )


def diff(before: str, mark: str, people: int, **fields: Any) -> dict[str, Any]:
    counts = {"people": people, "anonymous": 0}
    return {"type": "presence.diff", "room": "lobby", "before": before, "mark": mark} | counts | fields


def followed(mark: str | None) -> dict[str, Any]:
    return {"type": "presence.follow", "version": 1, "room": "lobby", "mark": mark}


class Reporting(RosterClient):
    """A client that collects what it sent and reported."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__("lobby", self.sent.append)
        self.reports: list[tuple[Any, ...]] = []
        self.on_join(lambda member, before: self.reports.append(("join", member["id"], before)))
        self.on_leave(lambda member, before: self.reports.append(("leave", member["id"], before)))
        self.on_update(lambda member, before: self.reports.append(("update", member["id"], before and before["id"])))
        self.on_sync(lambda: self.reports.append(("sync",)))


@pytest.fixture
def client() -> Reporting:
    return Reporting()


@pytest.fixture
def live(client: Reporting) -> Reporting:
    """A client that has a snapshot with Ada and Bo."""
    client.follow()
    assert client.receive(snapshot("a", member("7", "Ada"), member("9", "Bo")))
    client.sent.clear()
    client.reports.clear()
    return client


def test_a_new_client_has_nothing_and_sends_nothing(client: Reporting) -> None:
    assert (client.mark, client.people, client.anonymous, client.members) == (None, 0, 0, {})
    assert client.listed_all is False
    assert client.sent == []


def test_it_follows_with_its_mark(client: Reporting) -> None:
    client.follow()
    client.receive(snapshot("a"))
    client.follow()
    assert client.sent == [followed(None), followed("a")]


def test_the_people_of_the_first_snapshot_arrive(client: Reporting) -> None:
    client.follow()
    assert client.receive(snapshot("a", member("9"), member("7"), anonymous=3))
    assert client.reports == [("join", "9", None), ("join", "7", None), ("sync",)]
    assert (client.mark, client.people, client.anonymous, [*client.members]) == ("a", 2, 3, ["9", "7"])
    assert client.listed_all is True


def test_a_snapshot_is_reported_as_differences(live: Reporting) -> None:
    live.receive(snapshot("b", member("12"), member("9", "Bob")))
    assert live.reports == [("leave", "7", None), ("join", "12", None), ("update", "9", "9"), ("sync",)]
    assert [*live.members] == ["12", "9"]


def test_a_snapshot_that_changes_nothing_is_only_a_sync(live: Reporting) -> None:
    live.receive(snapshot("b", member("7", "Ada"), member("9", "Bo")))
    assert live.reports == [("sync",)]


def test_a_diff_is_applied(live: Reporting) -> None:
    live.receive(diff("a", "b", 2, joined=[member("12")], updated=[member("9", connections=2)], left=["7"]))
    assert live.reports == [("leave", "7", None), ("join", "12", None), ("update", "9", "9"), ("sync",)]
    assert (live.mark, live.people, [*live.members]) == ("b", 2, ["9", "12"])
    assert len(live.members["9"]["connections"]) == 2
    assert live.sent == []


def test_an_answer_may_contain_what_the_client_knows(live: Reporting) -> None:
    """Members that it has in joined, new ones in updated, and in left ids that it lacks."""
    live.receive(diff("a", "b", 3, joined=[member("7", "Ada")], updated=[member("12")], left=["99"]))
    assert live.reports == [("join", "12", None), ("sync",)]
    assert [*live.members] == ["7", "9", "12"]


def test_a_person_who_left_and_came_back_in_one_diff_is_both(live: Reporting) -> None:
    live.receive(diff("a", "b", 2, left=["7"], joined=[member("7", "Ada")]))
    assert live.reports == [("leave", "7", None), ("join", "7", None), ("sync",)]
    assert [*live.members] == ["9", "7"]


def test_members_who_are_shown_or_hidden_did_not_arrive_or_depart(live: Reporting) -> None:
    live.receive(diff("a", "b", 2, hidden=["7", "99"], shown=[member("12")]))
    assert live.reports == [("sync",)]
    assert [*live.members] == ["9", "12"]


def test_a_shown_member_that_is_known_can_be_an_update(live: Reporting) -> None:
    live.receive(diff("a", "b", 2, shown=[member("7", "Ada"), member("9", "Bob")]))
    assert live.reports == [("update", "9", "9"), ("sync",)]


def test_in_a_part_not_all_are_listed(client: Reporting) -> None:
    client.receive(snapshot("a", member("7"), people=5))
    assert client.listed_all is False


def test_people_who_are_only_counted_are_not_listed(client: Reporting) -> None:
    counted = snapshot("a", people=5)
    del counted["members"]
    client.receive(counted)
    client.receive(diff("a", "b", 6))
    assert (client.people, client.members, client.listed_all) == (6, {}, None)
    client.receive(snapshot("c"))
    assert client.listed_all is True


def test_a_repetition_is_ignored(live: Reporting) -> None:
    change = diff("a", "b", 3, joined=[member("12")])
    live.receive(change)
    live.reports.clear()
    assert live.receive(change)
    assert (live.reports, live.sent, live.mark) == ([], [], "b")


def test_a_diff_with_equal_marks_is_applied(live: Reporting) -> None:
    live.receive(diff("a", "a", 2))
    assert (live.reports, live.mark) == ([("sync",)], "a")


def test_after_a_missed_diff_it_asks_once(live: Reporting) -> None:
    for message in (diff("b", "c", 3, joined=[member("12")]), diff("c", "d", 2, left=["7"])):
        assert live.receive(message)
    assert (live.sent, live.reports, live.mark, [*live.members]) == ([followed("a")], [], "a", ["7", "9"])


@pytest.mark.parametrize("answer", [diff("a", "c", 2), snapshot("c", member("7"), member("9"))])
def test_after_the_answer_it_can_ask_again(answer: dict[str, Any], live: Reporting) -> None:
    live.receive(diff("b", "c", 2))
    live.receive(answer)
    live.receive(diff("d", "e", 2))
    assert live.sent == [followed("a"), followed("c")]


def test_while_the_first_answer_is_awaited_it_does_not_ask_again(client: Reporting) -> None:
    client.follow()
    client.receive(diff("a", "b", 2))
    assert (client.sent, client.mark) == ([followed(None)], None)


def test_a_diff_without_marks_is_not_for_a_client_without_a_mark(client: Reporting) -> None:
    client.follow()
    for marks in ({}, {"before": None, "mark": None}, {"before": None, "mark": "b"}):
        change = diff("", "", 1, joined=[member("7")])
        del change["before"], change["mark"]
        client.receive(change | marks)
    assert (client.members, client.reports) == ({}, [])


def test_a_client_that_does_not_follow_does_not_ask(live: Reporting) -> None:
    live.unfollow()
    assert live.sent == [{"type": "presence.unfollow", "room": "lobby"}]
    live.receive(diff("a", "b", 3, joined=[member("12")]))
    live.receive(diff("c", "d", 3))
    assert (live.sent[1:], live.mark, [*live.members]) == ([], "b", ["7", "9", "12"])
    live.follow()
    assert live.sent[1:] == [followed("b")]


def test_out_of_the_room_it_has_nothing(live: Reporting) -> None:
    assert live.receive({"type": "presence.unfollowed", "room": "lobby"})
    assert (live.mark, live.people, live.anonymous, live.members, live.listed_all) == (None, 0, 0, {}, False)
    assert live.reports == [("sync",)]
    live.receive(diff("a", "b", 3))
    assert live.sent == [followed(None)]


def test_a_refusal_is_known_until_it_follows_again(live: Reporting) -> None:
    assert live.receive({"type": "presence.refused", "room": "lobby", "reason": "rooms"})
    assert (live.refused, live.mark) == ("rooms", "a")
    live.receive(diff("c", "d", 3))
    assert live.sent == []
    live.follow()
    assert live.refused is None


def test_texts_and_bytes_are_read(client: Reporting) -> None:
    assert client.receive(json.dumps(snapshot("a")))
    assert client.receive(json.dumps(diff("a", "b", 1)).encode())
    assert client.mark == "b"


@pytest.mark.parametrize(
    "message",
    ["hello", "[]", "null", b"\xff", 7, None, {"room": "lobby"}, {"type": "presence.later", "room": "lobby"},
     {**snapshot("b"), "room": "hall"}],
)  # fmt: skip
def test_other_messages_are_not_for_it(message: Any, live: Reporting) -> None:
    assert not live.receive(message)
    assert (live.mark, live.sent, live.reports) == ("a", [], [])


def test_fields_that_it_does_not_know_are_ignored(live: Reporting) -> None:
    assert live.receive(diff("a", "b", 2, later=[1]))
    assert live.mark == "b"


@pytest.mark.parametrize(("before", "after", "is_update"), DIFFERENCES)
def test_an_update_is_reported_if_the_member_differs(
    before: Any, after: Any, is_update: bool, client: Reporting
) -> None:
    client.receive(snapshot("a", member("7") | {"info": before}))
    client.reports.clear()
    client.receive(diff("a", "b", 1, updated=[member("7") | {"info": after}]))
    assert client.reports == [("update", "7", "7")] * is_update + [("sync",)]
    assert client.members["7"]["info"] == after


def test_a_callback_can_be_removed(live: Reporting) -> None:
    called: list[str] = []

    def call() -> None:
        called.append("x")

    removals = [live.on_sync(call), live.on_sync(call)]
    removals[0]()
    removals[0]()
    live.receive(diff("a", "b", 2))
    assert called == ["x"]


def test_a_faulty_callback_does_not_break_the_roster(live: Reporting) -> None:
    remove = live.on_join(lambda member, before: {}[member["id"]])
    with pytest.raises(KeyError):
        live.receive(diff("a", "b", 3, joined=[member("12")]))
    remove()
    live.receive(diff("b", "c", 2, left=["12"]))
    assert (live.mark, [*live.members], live.sent) == ("c", ["7", "9"], [])


def test_a_callback_that_removes_itself_does_not_hide_the_next(live: Reporting) -> None:
    called: list[str] = []
    removals: list[Callable[[], None]] = []

    def remove(*_: object) -> None:
        removals.pop()()

    for add in (live.on_join, live.on_sync):
        removals.append(add(remove))
        add(lambda *_: called.append("x"))
        live.receive(diff(str(live.mark), f"{live.mark}+", 3, joined=[member(f"{live.mark}")]))
        assert removals == []
    assert called == ["x"] * 3


def test_it_knows_who_is_missing_if_all_are_listed(live: Reporting) -> None:
    assert Reporting().missing(["7"]) is None
    assert live.missing(["8", "7", "12"]) == ["8", "12"]
    live.receive(diff("a", "b", 2, left=["7"], joined=[member("8")]))
    assert live.missing(["8", "7"]) == ["7"]
    live.receive(snapshot("c", member("7"), people=2))
    assert live.missing(["8"]) is None
    live.receive(snapshot("d", people=2, members=None))
    assert live.missing(["8"]) is None
