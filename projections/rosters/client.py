"""The client of the roster protocol in Python: it folds the messages of a server, and does no I/O.

    client = RosterClient("lobby", communicator_messages.append)
    client.on_join(lambda member, before: print(member["id"], "arrived"))
    client.follow()
    client.receive(text_from_the_server)
    assert list(client.members) == ["7", "9"]

`docs/reference/roster-protocol.md` specifies the messages. `projections/static/projections/roster.js` does the same in
a browser, and both report the same changes in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

__all__ = ["VERSION", "RosterClient"]

VERSION = 1
"""The version of the protocol."""

Member: TypeAlias = dict[str, Any]
OnChange: TypeAlias = Callable[[Member, Member | None], object]
OnSync: TypeAlias = Callable[[], object]
Change: TypeAlias = tuple[list[OnChange], Member, Member | None]


class RosterClient:
    """The roster of ``room``, as the messages of a server describe it.

    ``send`` is called with each message for the server, a dict. These attributes are for reading:

    - ``mark``: the mark of the roster, or None while there is none.
    - ``people`` and ``anonymous``: how many people and how many anonymous connections are present.
    - ``members``: the listed people, a dict from their ids to what the server sent of them, in the order in which they
      arrived in the roster.
    - ``refused``: why the server refused to send the roster, or None.

    An exception from a callback reaches the caller of `receive`. The message has been applied by then. The callbacks
    that would have been called after it are not called.
    """

    def __init__(self, room: str, send: Callable[[dict[str, Any]], object]) -> None:
        self.room = room
        self.mark: str | None = None
        self.people = 0
        self.anonymous = 0
        self.members: dict[str, Member] = {}
        self.refused: str | None = None
        self._send = send
        self._is_counted = False
        self._follows = False
        self._is_asking = False
        self._on_join: list[OnChange] = []
        self._on_leave: list[OnChange] = []
        self._on_update: list[OnChange] = []
        self._on_sync: list[OnSync] = []

    @property
    def listed_all(self) -> bool | None:
        """Whether ``members`` has all people who are present. None in a room whose people are only counted."""
        if self._is_counted:
            return None
        return self.mark is not None and len(self.members) >= self.people

    def missing(self, expected: Iterable[str]) -> list[str] | None:
        """Returns those of the ids ``expected`` that are not present, in their order.

        Returns None unless `listed_all`: someone who is not listed may be present. A member who is hidden from this
        client is missing for it.
        """
        return [key for key in expected if key not in self.members] if self.listed_all else None

    def follow(self) -> None:
        """Asks for the roster, and for what changes afterwards: after each connect, and after `unfollow`."""
        self.refused = None
        self._follows = True
        self._ask()

    def unfollow(self) -> None:
        """Asks for no more messages. The roster and its mark stay, and a later `follow` goes on from there."""
        self._follows = False
        self._send({"type": "presence.unfollow", "room": self.room})

    def receive(self, message: Any) -> bool:
        """Applies a ``message`` of the server, a dict or the text of a WebSocket message.

        Returns whether the message was about this roster. Others, also such that are not JSON, are ignored.
        """
        if isinstance(message, (str, bytes)):
            try:
                message = json.loads(message)
            except ValueError:
                return False
        if not isinstance(message, dict) or message.get("room") != self.room:
            return False
        match message.get("type"):
            case "presence.snapshot":
                self._replace(message)
            case "presence.diff":
                self._apply(message)
            case "presence.unfollowed":
                self._drop()
            case "presence.refused":
                self.refused = message.get("reason")
                self._follows = False
            case _:
                return False
        return True

    def on_join(self, callback: OnChange) -> Callable[[], None]:
        """Calls ``callback(member, None)`` for each person who arrives. Returns a function that removes the callback.

        The people of the first snapshot arrive with it, before the first call of a callback of `on_sync`.
        """
        return _added(self._on_join, callback)

    def on_leave(self, callback: OnChange) -> Callable[[], None]:
        """Calls ``callback(member, None)`` for each person who departs. Returns as `on_join`."""
        return _added(self._on_leave, callback)

    def on_update(self, callback: OnChange) -> Callable[[], None]:
        """Calls ``callback(member, before)`` for each person who is different than before. Returns as `on_join`."""
        return _added(self._on_update, callback)

    def on_sync(self, callback: OnSync) -> Callable[[], None]:
        """Calls ``callback()`` after each message that was applied. Returns as `on_join`."""
        return _added(self._on_sync, callback)

    def _ask(self) -> None:
        self._is_asking = True
        self._send({"type": "presence.follow", "version": VERSION, "room": self.room, "mark": self.mark})

    def _replace(self, message: dict[str, Any]) -> None:
        known = self.members
        self._is_counted = message.get("members") is None
        self.members = {member["id"]: member for member in message.get("members") or ()}
        changes: list[Change] = [
            (self._on_leave, member, None) for key, member in known.items() if key not in self.members
        ]
        for key, member in self.members.items():
            changes += self._difference(known.get(key), member)
        self._settle(message, changes)

    def _apply(self, message: dict[str, Any]) -> None:
        if self.mark is None or message.get("before") != self.mark:
            # What is only a repetition was not missed.
            if message.get("mark") != self.mark and self._follows and not self._is_asking:
                self._ask()
            return
        departed = [self.members.pop(key) for key in message.get("left") or () if key in self.members]
        changes: list[Change] = [(self._on_leave, member, None) for member in departed]
        for key in message.get("hidden") or ():
            self.members.pop(key, None)
        for name in ("joined", "updated", "shown"):
            for member in message.get(name) or ():
                before = self.members.get(member["id"])
                self.members[member["id"]] = member
                if before is not None or name != "shown":
                    changes += self._difference(before, member)
        self._settle(message, changes)

    def _drop(self) -> None:
        self.mark = None
        self.people = self.anonymous = 0
        self.members = {}
        self._is_counted = self._is_asking = False
        self._report([])

    def _difference(self, before: Member | None, member: Member) -> Iterable[Change]:
        if before is None:
            yield self._on_join, member, None
        elif not _is_same(before, member):
            yield self._on_update, member, before

    def _settle(self, message: dict[str, Any], changes: list[Change]) -> None:
        self.mark = message["mark"]
        self.people = message["people"]
        self.anonymous = message["anonymous"]
        self._is_asking = False
        self._report(changes)

    def _report(self, changes: list[Change]) -> None:
        for callbacks, member, before in changes:
            for on_change in tuple(callbacks):
                on_change(member, before)
        for on_sync in tuple(self._on_sync):
            on_sync()


def _added(callbacks: list[Any], callback: Any) -> Callable[[], None]:
    # A wrapper has an identity of its own. Removing one of two equal callbacks then removes that one, and once.
    def call(*arguments: Any) -> None:
        callback(*arguments)

    callbacks.append(call)

    def remove() -> None:
        if call in callbacks:
            callbacks.remove(call)

    return remove


def _is_same(one: Any, other: Any) -> bool:
    """Compares values of JSON. In Python true equals 1, and in JSON it does not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
