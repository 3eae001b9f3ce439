"""Asks the client of one connection for signs of life, for servers that send no WebSocket pings.

ASGI gives an application no ping frames, so the ping is a text message that the client sends back. It is sent three
times in ``CHANNELS_PRESENCE_MAX_AGE`` seconds. The process vouches for the connection while something has arrived from
the client between the last two pings. What a client sends of its own counts as an answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

from projections import conf
from projections._live.background import BackgroundTasks
from projections._live.connection import Connection

__all__ = ["MIN_INTERVAL", "PING", "PINGS_PER_MAX_AGE", "ClientPing"]

logger = logging.getLogger("projections.connection")

PING = '{"type":"presence.ping"}'
"""The text of a ping, and of its answer: what ``JSON.stringify`` returns for the object."""

PINGS_PER_MAX_AGE = 3
"""Pings in the maximal age, as many as heartbeats. A client that misses one answer is not pruned."""

MIN_INTERVAL = 0.1
"""Seconds between two pings, at least."""


class ClientPing:
    """The pings of ``connection``. Use it in the event loop of the connection.

    The consumer has to be run with `receive` and `send` in place of those of the server.
    """

    def __init__(self, connection: Connection, tasks: BackgroundTasks, receive: Callable[[], Awaitable[Any]]) -> None:
        self._connection = connection
        self._tasks = tasks
        self._receive = receive
        self._heard = True
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None

    async def receive(self) -> Any:
        """Returns the next message of the server, without the answers to pings."""
        while True:
            message = await self._receive()
            self._heard = True
            if message["type"] != "websocket.receive" or message.get("text") != PING:
                return message

    async def send(self, message: Any) -> None:
        """Sends a message of the consumer. The pings begin when it accepts the socket."""
        await self._connection.send(message)
        if message["type"] == "websocket.accept" and self._timer is None:
            self._schedule()

    def stop(self) -> None:
        """Stops the pings. Call it when the consumer has ended."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()

    def _schedule(self) -> None:
        seconds = max(conf.max_age() / PINGS_PER_MAX_AGE, MIN_INTERVAL)
        # An empty context: that of the consumer is for the consumer.
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_timer, context=Context())

    def _on_timer(self) -> None:
        self._schedule()
        self._connection.heartbeat = self._heard
        self._heard = False
        # To a client that does not read, sending can take for ever.
        if self._sending is None or self._sending.done():
            self._sending = self._tasks.start(self._ping)

    async def _ping(self) -> None:
        try:
            await self._connection.send({"type": "websocket.send", "text": PING})
        except Exception as error:
            logger.debug("%s could not be pinged, and is probably closed: %r", self._connection.channel_name, error)
