"""The rosters that one socket follows: what its client asks for, and what it is allowed to see."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from presence_events import validation
from presence_events.databases.rooms import alias_of_room
from presence_events.exceptions import InvalidRoomName
from projections.rosters import feed, wakeups
from projections.rosters.feed import Feed
from projections.rosters.follower import Follower
from projections.rosters.marks import is_possible
from projections.rosters.messages import VERSION, encode
from projections.rosters.roster import Roster

__all__ = ["MAX_ROOMS", "RosterSocket"]

logger = logging.getLogger("projections.rosters")

MAX_ROOMS = 100
"""Rooms that one client can follow."""


class _Permission(NamedTuple):
    """To follow a room in the database ``using``: while ``channel_name`` is in it, or, if that is None, in any case."""

    using: str
    channel_name: str | None


class RosterSocket:
    """The rosters of one socket. The mixins make one for each consumer; make one yourself for other consumers.

    ``send`` is the ASGI ``send`` of the socket, and ``scope`` its scope. Use it in the event loop of the socket: pass
    each text that arrives to `receive`, and call `close` at the end.
    """

    def __init__(self, roster: Roster, scope: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        self._roster = roster
        self._scope = scope
        self._send = send
        self._allowed: dict[str, _Permission] = {}
        self._observed: dict[str, _Permission] = {}
        self._asked: dict[str, str | None] = {}
        self._followers: dict[str, tuple[Feed, Follower]] = {}
        self._is_closed = False
        wakeups.connect()

    def allow(self, room: str, channel_name: str, using: str | None = None) -> None:
        """Lets the client follow ``room`` while the connection ``channel_name`` is in it."""
        self._permit(self._allowed, room, _Permission(alias_of_room(room, using), channel_name))

    def observe(self, room: str, using: str | None = None) -> None:
        """Lets the client follow ``room`` without being in it.

        Raises `InvalidRoomName` for a name that no room can have.
        """
        validation.room_name(room)
        self._permit(self._observed, room, _Permission(alias_of_room(room, using), None))

    def unobserve(self, room: str) -> None:
        """Takes back `observe`. If the connection is not in the room, the client is told that it follows it no more."""
        if self._observed.pop(room, None) is None:
            return
        if room in self._allowed:
            self._renew(room)
        elif room in self._followers:
            here, follower = self._followers[room]
            here.dismiss(follower)
            self._asked[room] = None

    async def receive(self, text: str | None) -> bool:
        """Returns whether ``text`` is a message of the roster protocol. Does what it asks for."""
        message = _parse(text)
        if message is None:
            return False
        room = message.get("room")
        refusal = None if message["type"] == "presence.unfollow" else self._refusal(message)
        if refusal is not None:
            await self._send({"type": "websocket.send", "text": encode(refusal)})
        if refusal is not None or message["type"] == "presence.unfollow":
            if isinstance(room, str):
                self._asked.pop(room, None)
                self._stop(room)
        else:
            mark = message.get("mark")
            self._asked[str(room)] = mark if is_possible(mark) else None
            self._follow(str(room))
        return True

    def filter(self, receive: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
        """Returns an ASGI ``receive`` that takes the messages of the protocol out of those of ``receive``."""

        async def remaining() -> Any:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive" or not await self.receive(message.get("text")):
                    return message

        return remaining

    def close(self) -> None:
        """Ends everything. Call it when the socket is closed."""
        self._is_closed = True
        for room in list(self._followers):
            self._stop(room)

    def _permit(self, permissions: dict[str, _Permission], room: str, permission: _Permission) -> None:
        if not self._is_closed and permissions.get(room) != permission:
            permissions[room] = permission
            self._renew(room)

    def _renew(self, room: str) -> None:
        """Follows ``room`` with the present permission, from what the client has."""
        if room in self._asked:
            if room in self._followers:
                self._asked[room] = self._followers[room][1].mark
            self._follow(room)

    def _refusal(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Returns the answer to a message that is not accepted."""
        room = message.get("room")
        # What cannot be the name of a room may not even be text that can be sent.
        refused = {"type": "presence.refused", "room": room if isinstance(room, str) and room.isascii() else None}
        if message.get("version") != VERSION:
            return {**refused, "reason": "version", "versions": [VERSION]}
        try:
            validation.room_name(room)
        except InvalidRoomName:
            return {**refused, "reason": "room"}
        if room not in self._asked and len(self._asked) >= MAX_ROOMS:
            return {**refused, "reason": "rooms"}
        return None

    def _follow(self, room: str) -> None:
        permission = self._observed.get(room) or self._allowed.get(room)
        if permission is None or self._is_closed:
            return
        try:
            view = self._roster.view(self._scope)
            hash(view)
        except Exception:
            logger.exception("A client cannot follow %s, because view() failed, or its result has no hash.", room)
            return
        here = feed.feed(permission.using)
        before, follower = self._followers.get(room) or (here, Follower(self._roster, room, self._send))
        before.unfollow(follower)
        self._followers[room] = here, follower
        follower.view, follower.channel_name, follower.mark = view, permission.channel_name, self._asked[room]
        here.follow(follower)
        wakeups.listen()

    def _stop(self, room: str) -> None:
        if room in self._followers:
            here, follower = self._followers.pop(room)
            here.unfollow(follower)


def _parse(text: str | None) -> dict[str, Any] | None:
    """Returns the message of the protocol that ``text`` is, or None."""
    if text is None or '"presence.' not in text:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_ours = isinstance(message, dict) and message.get("type") in ("presence.follow", "presence.unfollow")
    return message if is_ours else None
