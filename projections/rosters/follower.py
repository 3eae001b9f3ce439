"""One socket that follows the roster of one room."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from projections._live.background import BackgroundTasks
from projections.rosters.roster import Roster

__all__ = ["Follower"]

logger = logging.getLogger("projections.rosters")


class Follower:
    """A socket that shows ``room`` as ``roster`` shows it. Use it in one event loop. ``send`` is the ASGI ``send``.

    - ``view``: what the viewer may see, as `Roster.view` returns it.
    - ``channel_name``: the connection has to be in the room under this name. None for an observer, who need not be.
    - ``mark``: the mark that the client has, or None.
    - ``is_looked_up``: whether the events after its mark have been looked for.
    - ``is_admitted``: whether it was answered, and not told since that it does not follow the room any more.

    One message is sent at a time. If another one is due before it has been sent, the follower `is_behind`: it needs an
    answer to its mark instead. So a client that reads slowly gets few messages, and no queue grows.
    """

    def __init__(self, roster: Roster, room: str, send: Callable[[Any], Awaitable[None]]) -> None:
        self.roster = roster
        self.room = room
        self.view: Hashable = None
        self.channel_name: str | None = None
        self.mark: str | None = None
        self.is_behind = False
        self.is_looked_up = False
        self.is_admitted = False
        self.on_sent: Callable[[Follower], None] | None = None
        self._send = send
        self._tasks = BackgroundTasks()
        self._is_sending = False
        self._next: str | None = None

    def offer(self, text: str, mark: str) -> None:
        """Sends the message ``text``, after which the client has ``mark``, unless another message is being sent."""
        if self._is_sending:
            self.is_behind = True
        else:
            self.mark = mark
            self._start(text)

    def tell(self, text: str) -> None:
        """Sends the message ``text``, which has no mark, after the message that is being sent."""
        if self._is_sending:
            self._next = text
        else:
            self._start(text)

    def _start(self, text: str) -> None:
        self._is_sending = True
        self._tasks.start(lambda: self._deliver(text))

    async def _deliver(self, text: str) -> None:
        try:
            await self._send({"type": "websocket.send", "text": text})
        except Exception as error:
            logger.debug("A message of %s could not be sent; the socket is probably closed: %r", self.room, error)
        self._is_sending = False
        if self._next is not None:
            text, self._next = self._next, None
            self._start(text)
        elif self.is_behind and self.on_sent is not None:
            self.is_behind = False
            self.on_sent(self)
