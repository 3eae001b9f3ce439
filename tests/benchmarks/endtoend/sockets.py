"""WebSocket clients that cost next to nothing, so that the server's core is the one that is busy.

They speak just enough of RFC 6455 for an echo: a handshake, short text frames, pings, close frames. Every key of a mask
is allowed, and with zeros the masked text is the text itself.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Sequence
from itertools import cycle

from tests.benchmarks.measure import Clock, Sample

TEXT = b'{"type": "message", "text": "The quick brown fox jumps over it"}'
_OPENING = 100
"""How many sockets are being opened at any time."""
_PATIENCE = 300
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_HANDSHAKE = (
    "GET /{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def _frame(opcode: int, content: bytes = b"") -> bytes:
    assert len(content) < 126
    return bytes([0x80 | opcode, 0x80 | len(content), 0, 0, 0, 0]) + content


_MESSAGE = _frame(_TEXT, TEXT)


class Socket(asyncio.Protocol):
    """One client."""

    def __init__(self, path: str) -> None:
        loop = asyncio.get_running_loop()
        self.welcomed: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.talk: Talk | None = None
        self._path = path
        self._received = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_HANDSHAKE.format(path=self._path).encode())

    def data_received(self, data: bytes) -> None:
        data = self._received + data
        if not self._upgraded:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self._received = data
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                raise ConnectionError(head.decode(errors="replace"))
            self._upgraded = True
            data = rest
        while len(data) >= 2:
            end = 2 + data[1]
            if data[1] >= 126:
                raise ConnectionError("A frame is longer than anything that was sent.")
            if len(data) < end:
                break
            self._take(data[0] & 0x0F, data[2:end])
            data = data[end:]
        self._received = data

    def connection_lost(self, error: Exception | None) -> None:
        lost = error or ConnectionError("The server has closed the connection.")
        if not self.welcomed.done():
            self.welcomed.set_exception(lost)
        if self.talk is not None:
            self.talk.fail(lost)
        self.closed.set_result(None)

    def speak(self) -> None:
        if self._transport.is_closing():
            raise ConnectionError("The server has closed the connection.")
        self._transport.write(_MESSAGE)

    def close(self) -> None:
        self.talk = None
        self._transport.write(_frame(_CLOSE, b"\x03\xe8"))

    def _take(self, opcode: int, content: bytes) -> None:
        if opcode == _TEXT and self.talk is not None:
            self.talk.take(content)
        elif opcode == _TEXT:
            self.welcomed.set_result(None)
        elif opcode == _PING:
            self._transport.write(_frame(_PONG, content))
        elif opcode == _CLOSE:
            self._transport.close()


class Talk:
    """Sockets that speak in turn, the next one when the last one has its echo. ``over`` is done with the last echo."""

    def __init__(self, sockets: Sequence[Socket], end: float) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self._end = end
        self._turns = cycle(sockets)
        for one in sockets:
            one.talk = self

    def begin(self) -> None:
        self._sent = time.perf_counter()
        next(self._turns).speak()

    def take(self, echo: bytes) -> None:
        now = time.perf_counter()
        if echo != TEXT:
            raise ConnectionError(f"The echo is not what was said: {echo!r}")
        self.latencies.append(now - self._sent)
        if now < self._end:
            self.begin()
        else:
            self.over.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.over.done():
            self.over.set_exception(error)


async def connect(pid: int, port: int, paths: Sequence[str]) -> tuple[list[Socket], Sample]:
    """Opens a socket for each of ``paths``. A connect is over when the server has said welcome."""
    sockets: list[Socket] = []
    latencies: list[float] = []
    remaining = iter(paths)
    loop = asyncio.get_running_loop()

    async def opener() -> None:
        for path in remaining:
            begin = time.perf_counter()
            _, one = await loop.create_connection(functools.partial(Socket, path), "127.0.0.1", port)
            await one.welcomed
            latencies.append(time.perf_counter() - begin)
            sockets.append(one)

    async with asyncio.timeout(_PATIENCE):
        with Clock(pid) as clock:
            await asyncio.gather(*(opener() for _ in range(_OPENING)))
    return sockets, clock.sample(len(sockets), latencies)


async def echo(pid: int, sockets: Sequence[Socket], under_way: int, seconds: float) -> Sample:
    """``under_way`` messages at any time, and every socket has its turn. The time ends with the last echo."""
    end = time.perf_counter() + seconds
    talks = [Talk(sockets[i::under_way], end) for i in range(min(under_way, len(sockets)))]
    async with asyncio.timeout(seconds + _PATIENCE):
        with Clock(pid) as clock:
            for talk in talks:
                talk.begin()
            await asyncio.gather(*(talk.over for talk in talks))
    latencies = [latency for talk in talks for latency in talk.latencies]
    return clock.sample(len(latencies), latencies)


async def close(sockets: Sequence[Socket]) -> None:
    """Everybody closes at once, politely."""
    for one in sockets:
        one.close()
    async with asyncio.timeout(_PATIENCE):
        await asyncio.gather(*(one.closed for one in sockets))
