"""Hundreds of WebSocket clients, which can close, break off or stop answering."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

_T = TypeVar("_T")

HEARTBEAT = '"heartbeat"'
PING = '{"type":"presence.ping"}'


class Visit(NamedTuple):
    """What a client connects to: a consumer ("sync", "async" or "unguarded"), the rooms, and its user or None."""

    consumer: str
    rooms: tuple[str, ...]
    user: Any = None


class Socket:
    """One client. It keeps the messages that it receives, in order, and answers pings."""

    def __init__(self, visit: Visit, connection: ClientConnection) -> None:
        self.visit = visit
        self.connection = connection
        self.channel = ""
        self.presence: list[dict[str, Any]] = []
        self.echoes: list[str | bytes] = []
        self.barriers = 0
        self._welcome = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())

    async def welcomed(self) -> None:
        """Waits until the connection has joined its rooms."""
        self.channel = await asyncio.wait_for(self._welcome, 60)

    async def fall_silent(self) -> None:
        """Stops reading, and so stops answering, pings included. The TCP connection stays open."""
        self._reader.cancel()
        await asyncio.wait([self._reader])
        self.connection.transport.pause_reading()

    async def wake(self) -> None:
        """Reads again, after `fall_silent`."""
        self.connection.transport.resume_reading()
        self._reader = asyncio.create_task(self._read())

    async def vanish(self, *, reset: bool) -> None:
        """Ends the TCP connection without a close frame: with a RST, or with a FIN."""
        if reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.transport.abort()
        await self.connection.wait_closed()

    async def _read(self) -> None:
        try:
            async for message in self.connection:
                if message == PING:
                    await self.connection.send(message)
                else:
                    self._take(message)
        except ConnectionClosed:
            pass
        finally:
            if not self._welcome.done():
                self._welcome.set_exception(ConnectionError("The server closed the socket before its welcome message."))

    def _take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.echoes.append(message)
            return
        content = json.loads(message)
        match content["type"]:
            case "welcome":
                self._welcome.set_result(content["channel"])
            case "echo":
                self.echoes.append(content["text"])
            case "barrier":
                self.barriers += 1
            case "presence":
                self.presence.append(content)


class Crowd:
    """Clients of one server. They run in a thread with an event loop, so they read whatever the test is doing."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[Socket] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def join(self, *visits: Visit) -> list[Socket]:
        """Connects a client for each of ``visits``, all at the same time. Returns when all have joined their rooms."""
        return self.run([self.enter(visit) for visit in visits])

    def send(self, sockets: Iterable[Socket], message: str | bytes) -> None:
        self.run([one.connection.send(message) for one in sockets])

    def close(self, sockets: Iterable[Socket]) -> None:
        """Closes all of ``sockets`` at the same time, with a close frame."""
        self.run([one.connection.close() for one in sockets])

    def vanish(self, sockets: Iterable[Socket], *, reset: bool) -> None:
        self.run([one.vanish(reset=reset) for one in sockets])

    def fall_silent(self, sockets: Iterable[Socket]) -> None:
        self.run([one.fall_silent() for one in sockets])

    def wake(self, sockets: Iterable[Socket]) -> None:
        self.run([one.wake() for one in sockets])

    async def enter(self, visit: Visit) -> Socket:
        """Connects one client. Returns when it has joined its rooms. Runs in the event loop of the crowd."""
        query = [("room", room) for room in visit.rooms]
        if visit.user is not None:
            query.append(("user", str(visit.user.pk)))
        connection = await connect(
            f"ws://127.0.0.1:{self._port}/{visit.consumer}/?{urlencode(query)}",
            compression=None,
            open_timeout=60,
            close_timeout=60,
            ping_interval=None,
            proxy=None,
        )
        one = Socket(visit, connection)
        self._sockets.append(one)
        await one.welcomed()
        return one

    def run(self, coroutines: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
        """Runs ``coroutines`` concurrently and returns their results. Raises the first error when all are done."""

        async def together() -> list[_T | BaseException]:
            return await asyncio.gather(*coroutines, return_exceptions=True)

        results: list[_T] = []
        for result in asyncio.run_coroutine_threadsafe(together(), self._loop).result(90):
            if isinstance(result, BaseException):
                raise result
            results.append(result)
        return results

    def disperse(self) -> None:
        """Breaks off all connections that are still open, and ends the thread."""
        try:
            self.vanish(self._sockets, reset=False)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
