"""WebSocket clients that need little processor time, so that the server's core is the bottleneck.

They implement the part of RFC 6455 that an echo needs: the handshake, short text frames, pings and close frames. They
use zeros as the masking key, which the RFC allows, so the masked text equals the text.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Sequence
from itertools import cycle

from tests.benchmarks.measure import Clock, Sample

TEXT = b'{"type": "message", "text": "The quick brown fox jumps over it"}'
_CONCURRENT_OPENS = 100
"""Sockets that are being opened at the same time."""
_TIMEOUT = 300
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
        self.exchange: Exchange | None = None
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
                raise ConnectionError("A frame is longer than every message that was sent.")
            if len(data) < end:
                break
            self._take(data[0] & 0x0F, data[2:end])
            data = data[end:]
        self._received = data

    def connection_lost(self, error: Exception | None) -> None:
        lost = error or ConnectionError("The server has closed the connection.")
        if not self.welcomed.done():
            self.welcomed.set_exception(lost)
        if self.exchange is not None:
            self.exchange.fail(lost)
        self.closed.set_result(None)

    def send(self) -> None:
        if self._transport.is_closing():
            raise ConnectionError("The server has closed the connection.")
        self._transport.write(_MESSAGE)

    def close(self) -> None:
        self.exchange = None
        self._transport.write(_frame(_CLOSE, b"\x03\xe8"))

    def _take(self, opcode: int, content: bytes) -> None:
        if opcode == _TEXT and self.exchange is not None:
            self.exchange.take(content)
        elif opcode == _TEXT:
            self.welcomed.set_result(None)
        elif opcode == _PING:
            self._transport.write(_frame(_PONG, content))
        elif opcode == _CLOSE:
            self._transport.close()


class Exchange:
    """Sockets that send in turn: each waits for the echo of the one before. The last echo resolves ``finished``."""

    def __init__(self, sockets: Sequence[Socket], end: float) -> None:
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self._end = end
        self._sockets_in_turn = cycle(sockets)
        for one in sockets:
            one.exchange = self

    def begin(self) -> None:
        self._sent = time.perf_counter()
        next(self._sockets_in_turn).send()

    def take(self, echo: bytes) -> None:
        now = time.perf_counter()
        if echo != TEXT:
            raise ConnectionError(f"The echo differs from the message: {echo!r}")
        self.latencies.append(now - self._sent)
        if now < self._end:
            self.begin()
        else:
            self.finished.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.finished.done():
            self.finished.set_exception(error)


async def connect(pid: int, port: int, paths: Sequence[str]) -> tuple[list[Socket], Sample]:
    """Opens a socket for each of ``paths``. A connect ends with the welcome message of the server."""
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

    async with asyncio.timeout(_TIMEOUT):
        with Clock(pid) as clock:
            await asyncio.gather(*(opener() for _ in range(_CONCURRENT_OPENS)))
    return sockets, clock.sample(len(sockets), latencies)


async def echo(pid: int, sockets: Sequence[Socket], under_way: int, seconds: float) -> Sample:
    """Keeps ``under_way`` messages in flight on all sockets in turn. The measured time ends with the last echo."""
    end = time.perf_counter() + seconds
    exchanges = [Exchange(sockets[i::under_way], end) for i in range(min(under_way, len(sockets)))]
    async with asyncio.timeout(seconds + _TIMEOUT):
        with Clock(pid) as clock:
            for exchange in exchanges:
                exchange.begin()
            await asyncio.gather(*(exchange.finished for exchange in exchanges))
    latencies = [latency for exchange in exchanges for latency in exchange.latencies]
    return clock.sample(len(latencies), latencies)


async def close(sockets: Sequence[Socket]) -> None:
    """Closes all ``sockets`` at the same time, with a close frame."""
    for one in sockets:
        one.close()
    async with asyncio.timeout(_TIMEOUT):
        await asyncio.gather(*(one.closed for one in sockets))
