"""A server and its clients in Python and JavaScript, on a connection that loses, repeats and reorders messages.

Both clients agree at every step: their rosters, their reports and their messages. When the room is quiet, both have the
people that the server lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.projections.rosters.node import NodeClient, running
from tests.projections.rosters.twins import Twins
from tests.properties import examples

Members = dict[str, dict[str, Any]]

IDS = st.sampled_from(["1", "2", "3", "4", "é", "__proto__"])
INFO = st.sampled_from(
    [None, 5, [], {}, ["Ada", 1], ["Ada"], {"name": "Ada"}, {"name": None}, {"on": True, "x": 1}, {"x": 1, "on": True}]
)
CHANGES = st.lists(st.tuples(st.sampled_from(["toggle", "update"]), IDS, INFO, st.integers(1, 2)), max_size=3)
DELIVERED = st.sampled_from([0, 1, 1, 2, 9])
EVENTS = ["lose", "reconnect", "pause", "remove", "forget", "ignore"]
FAULTS = ["drop", "repeat", "swap"]


def rounds(events: list[str]) -> st.SearchStrategy[list[tuple[list[Any], str, int]]]:
    """Rounds: changes, an event, and how many messages are delivered after it. In half of them the event is nothing."""
    event = st.sampled_from(["nothing"] * len(events) + events)
    return st.lists(st.tuples(CHANGES, event, DELIVERED), min_size=8, max_size=40)


LIMITS = st.sampled_from([None, None, 2, 0])


class Server:
    """A room as a list of rosters, whose indexes are the marks, and one connection that may follow it.

    It lists ``limit`` people, the first of the alphabet, or all of them if it is None, or counts them if it is 0.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.history: list[Members] = [{}]
        self.oldest = 0
        self.frames: list[dict[str, Any]] = []
        self.sent: int | None = None  # the last mark that was sent
        self.follows = False
        self.is_admitted = True

    @property
    def members(self) -> Members:
        return self.history[-1]

    def listed(self, mark: int) -> Members:
        members = self.history[mark]
        return members if self.limit is None else {key: members[key] for key in sorted(members)[: self.limit]}

    def change(self, changes: list[tuple[str, str, Any, int]]) -> None:
        members = dict(self.members)
        for kind, key, info, connections in changes:
            if kind == "toggle" and key in members:
                del members[key]
            elif kind == "toggle" or key in members:
                shown = {} if info is None else {"info": info}
                members[key] = {"id": key, **shown, "connections": [{"since": "2026-03-01"}] * connections}
        self.history.append(members)
        if self.follows and self.is_admitted:
            self.send_diff(self.sent or 0)

    def receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "presence.unfollow":
            self.follows = False
            return
        assert message["version"] == 1
        self.follows = True
        self.sent = None if message["mark"] is None else int(message["mark"])
        if self.is_admitted:
            self.answer()

    def answer(self) -> None:
        if self.sent is None or self.sent < self.oldest:
            self.send_snapshot()
        else:
            self.send_diff(self.sent)

    def remove(self) -> None:
        if self.is_admitted and self.follows:
            self.send({"type": "presence.unfollowed"})
        self.is_admitted = False

    def admit(self) -> None:
        if not self.is_admitted:
            self.is_admitted = True
            if self.follows:
                self.answer()

    def disconnect(self) -> None:
        self.frames.clear()
        self.follows = False

    def send_snapshot(self) -> None:
        self.sent = len(self.history) - 1
        shown = {} if self.limit == 0 else {"members": [*self.listed(self.sent).values()]}
        self.send({"type": "presence.snapshot", "version": 1, "mark": str(self.sent), **self.counts(), **shown})

    def send_diff(self, before: int) -> None:
        mark = self.sent = len(self.history) - 1
        then, now = self.listed(before), self.listed(mark)
        was, present = self.history[before], self.history[mark]
        lists = {
            "joined": [now[key] for key in now.keys() - then.keys() if key not in was],
            "updated": [now[key] for key in now.keys() & then.keys() if repr(now[key]) != repr(then[key])],
            "left": [key for key in then.keys() - now.keys() if key not in present],
            "shown": [now[key] for key in now.keys() - then.keys() if key in was],
            "hidden": [key for key in then.keys() - now.keys() if key in present],
        }
        # Sets have a random order.
        shown = {name: sorted(values, key=str) for name, values in lists.items() if values}
        self.send({"type": "presence.diff", "before": str(before), "mark": str(mark), **self.counts(), **shown})

    def counts(self) -> dict[str, int]:
        return {"people": len(self.members), "anonymous": len(self.history) % 3}

    def send(self, message: dict[str, Any]) -> None:
        self.frames.append({"room": "lobby", "later": 1, **message})


@pytest.fixture(scope="module")
def process() -> Iterator[NodeClient]:
    with running() as process:
        yield process


class Connection:
    """The connection of both clients to a server. Each method is a step."""

    def __init__(self, process: NodeClient, limit: int | None) -> None:
        self.server = Server(limit)
        self.clients = Twins("lobby")
        self.process = process
        self.is_open = False
        self.is_paused = False

    def run(self, steps: list[tuple[list[Any], str, int]]) -> None:
        self.connect()
        for changes, event, delivered in steps:
            self.server.change(changes)
            getattr(self, event)()
            self.check()
            for _ in range(delivered):
                self.deliver()
                self.check()

    def check(self) -> None:
        """What a client has is the roster at its mark, whatever it missed."""
        mark, members = self.clients.python.mark, self.clients.python.members
        assert repr(sorted(members.items())) == repr(
            [] if mark is None else sorted(self.server.listed(int(mark)).items())
        )

    def to_server(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            self.server.receive(message)

    def nothing(self) -> None:
        pass

    def connect(self) -> None:
        self.server.disconnect()
        self.is_open = True
        self.to_server(self.clients.resume() if self.is_paused else self.clients.follow())
        self.is_paused = False

    def reconnect(self) -> None:
        self.lose()
        self.connect()

    def lose(self) -> None:
        """Loses the connection, or connects again after it was lost."""
        if self.is_open:
            self.server.disconnect()
            self.is_open = False
        else:
            self.connect()

    def pause(self) -> None:
        """Pauses, or resumes."""
        if self.is_paused:
            self.resume()
        elif self.is_open:
            self.is_paused = True
            self.to_server(self.clients.pause())

    def resume(self) -> None:
        self.is_paused = False
        messages = self.clients.resume()
        if self.is_open:
            self.to_server(messages)

    def remove(self) -> None:
        """Removes the connection from the room, or admits it again."""
        if self.server.is_admitted:
            self.server.remove()
        else:
            self.server.admit()

    def forget(self) -> None:
        self.server.oldest = len(self.server.history) - 1

    def ignore(self) -> None:
        assert self.clients.receive({"type": "presence.snapshot", "room": "hall", "mark": "x"}) == []

    def deliver(self) -> None:
        if self.server.frames:
            self.to_server(self.clients.receive(self.server.frames.pop(0)))

    def repeat(self) -> None:
        self.server.frames += self.server.frames[:1]

    def drop(self) -> None:
        del self.server.frames[:1]

    def swap(self) -> None:
        self.server.frames[:2] = reversed(self.server.frames[:2])

    def become_quiet(self) -> None:
        """Resumes what is paused, connects what is lost, and delivers what is under way."""
        self.server.admit()
        if not self.is_open:
            self.connect()
        if self.is_paused:
            self.resume()
        while self.server.frames:
            self.deliver()
            self.check()

    def check_end(self) -> None:
        """Both clients did the same, and have the roster of the server."""
        self.clients.compare(self.process)
        python, server = self.clients.python, self.server
        assert python.mark == str(len(server.history) - 1)
        assert python.members == server.listed(-1)
        assert (python.people, python.anonymous) == tuple(server.counts().values())


@examples(100)
@given(steps=rounds(EVENTS), limit=LIMITS)
def test_when_the_room_is_quiet_both_clients_have_the_roster(
    process: NodeClient, steps: list[tuple[list[Any], str, int]], limit: int | None
) -> None:
    connection = Connection(process, limit)
    connection.run(steps)
    connection.become_quiet()
    connection.check_end()


@examples(100)
@given(steps=rounds(EVENTS + FAULTS), limit=LIMITS)
def test_whatever_happens_to_messages_the_next_connection_repairs_it(
    process: NodeClient, steps: list[tuple[list[Any], str, int]], limit: int | None
) -> None:
    connection = Connection(process, limit)
    connection.run(steps)
    connection.become_quiet()
    connection.reconnect()
    connection.become_quiet()
    connection.check_end()
