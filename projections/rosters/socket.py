"""The rosters that one socket follows: what its client asks for, and what it is allowed to see."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from presence_events import validation
from presence_events.databases import write_alias
from presence_events.exceptions import InvalidRoomName
from projections.rosters import feed, wakeups
from projections.rosters.feed import Feed
from projections.rosters.follower import Follower
from projections.rosters.messages import VERSION, encode
from projections.rosters.roster import Roster

__all__ = ["MAX_ROOMS", "RosterSocket"]

logger = logging.getLogger("projections.rosters")

MAX_ROOMS = 100
"""Rooms that one client can follow."""


@dataclass(frozen=True)
class _Permission:
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
        self._permissions: dict[str, _Permission] = {}
        self._asked: dict[str, Any] = {}
        self._followers: dict[str, tuple[Feed, Follower]] = {}
        self._is_closed = False
        wakeups.connect()

    def allow(self, room: str, channel_name: str, using: str | None = None) -> None:
        """Lets the client follow ``room`` while the connection ``channel_name`` is in it."""
        self._permit(room, _Permission(write_alias(using), channel_name))

    def observe(self, room: str, using: str | None = None) -> None:
        """Lets the client follow ``room`` without being in it.

        Raises `InvalidRoomName` for a name that no room can have.
        """
        self._permit(validation.room_name(room), _Permission(write_alias(using), None))

    def unobserve(self, room: str) -> None:
        """Takes back `observe`. The client is told that it does not follow the room any more."""
        permission = self._permissions.get(room)
        if permission is not None and permission.channel_name is None:
            del self._permissions[room]
            follower = self._stop(room)
            if follower is not None:
                follower.tell(encode({"type": "presence.unfollowed", "room": room}))

    async def receive(self, text: str | None) -> bool:
        """Returns whether ``text`` is a message of the roster protocol. Does what it asks for."""
        message = _parse(text)
        if message is None:
            return False
        room = message.get("room")
        if message["type"] == "presence.unfollow":
            if isinstance(room, str):
                self._asked.pop(room, None)
                self._stop(room)
        elif refusal := self._refusal(message):
            await self._send({"type": "websocket.send", "text": encode(refusal)})
        else:
            mark = message.get("mark")
            self._follow(str(room), mark if isinstance(mark, str) else None)
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

    def _permit(self, room: str, permission: _Permission) -> None:
        if self._is_closed or self._permissions.get(room) == permission:
            return
        self._permissions[room] = permission
        if room in self._asked:
            follower = self._stop(room)
            self._follow(room, self._asked[room] if follower is None else follower.mark)

    def _refusal(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Returns the answer to a message that is not accepted."""
        room = message.get("room")
        refused = {"type": "presence.refused", "room": room}
        if message.get("version") != VERSION:
            return {**refused, "reason": "version", "versions": [VERSION]}
        try:
            validation.room_name(room)
        except InvalidRoomName:
            return {**refused, "reason": "room"}
        if room not in self._asked and len(self._asked) >= MAX_ROOMS:
            return {**refused, "reason": "rooms"}
        return None

    def _follow(self, room: str, mark: str | None) -> None:
        self._asked[room] = mark
        permission = self._permissions.get(room)
        if permission is None or self._is_closed:
            return
        self._stop(room)
        here = feed.feed(permission.using)
        try:
            view = self._roster.view(self._scope)
        except Exception:
            logger.exception("A client cannot follow %s, because view() failed.", room)
            return
        follower = Follower(
            self._roster,
            room,
            view,
            channel_name=permission.channel_name,
            mark=mark,
            send=self._send,
            tasks=here.tasks,
        )
        self._followers[room] = here, follower
        here.follow(follower)
        wakeups.listen()

    def _stop(self, room: str) -> Follower | None:
        here, follower = self._followers.pop(room, (None, None))
        if here is not None and follower is not None:
            here.unfollow(follower)
        return follower


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
