"""A TCP relay in front of a Unix socket, which delays, loses and interrupts."""

from __future__ import annotations

import asyncio
import random
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")

RETRANSMISSION = 0.2
"""Seconds after which TCP sends a lost packet again, at least."""


class Relay:
    """Forwards the TCP connections to its ``port`` on loopback to the Unix socket ``target``, in a thread.

    It does to data what a network does to packets, as the two ends of a connection see it. Each direction takes
    ``delay`` seconds. A share ``loss`` of the packets arrives only when it is sent again. An interruption ends no
    connection, and what was sent meanwhile arrives after it.
    """

    host = "127.0.0.1"

    def __init__(self, target: Path) -> None:
        self.delay = 0.0
        self.loss = 0.0
        self._target = target
        self._rng = random.Random("relay")
        self._generation = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._clients: set[StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._is_up = asyncio.Event()
        self._is_up.set()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._accept, self.host, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """Lets nothing pass until the block ends, not even the end of a connection."""
        self._loop.call_soon_threadsafe(self._is_up.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._is_up.set)

    def forget(self) -> None:
        """Lets nothing pass through the present connections any more. New ones work.

        This is what a client sees of a machine that has failed and whose address another one has taken over.
        """
        self._generation += 1

    def time_out(self) -> None:
        """Ends the clients' side of the present connections, as a kernel does when a peer does not answer for long."""
        self._loop.call_soon_threadsafe(self._end_clients)

    def _end_clients(self) -> None:
        for client in self._clients:
            client.transport.abort()

    def close(self) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, client: StreamReader, to_client: StreamWriter) -> None:
        task = self._loop.create_task(self._connect(client, to_client, self._generation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, client: StreamReader, to_client: StreamWriter, generation: int) -> None:
        writers = [to_client]
        self._clients.add(to_client)
        try:
            await self._is_up.wait()
            database, to_database = await asyncio.open_unix_connection(self._target)
            writers.append(to_database)
            await asyncio.gather(
                self._forward(client, to_database, generation), self._forward(database, to_client, generation)
            )
        except OSError:
            pass  # the database does not accept connections
        finally:
            self._clients.remove(to_client)
            for writer in writers:
                writer.transport.abort()

    async def _forward(self, source: StreamReader, sink: StreamWriter, generation: int) -> None:
        on_their_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver(on_their_way, sink, generation))
            data = b"not the end"
            while data:
                data = await _read(source)
                lost = data and self._rng.random() < self.loss
                on_their_way.put_nowait((self._loop.time() + self.delay + RETRANSMISSION * bool(lost), data))

    async def _deliver(self, arrivals: asyncio.Queue[tuple[float, bytes]], sink: StreamWriter, generation: int) -> None:
        """Writes each of ``arrivals`` when it is due. What follows a packet that was lost waits for it."""
        data = b"not the end"
        while data:
            due, data = await arrivals.get()
            await asyncio.sleep(due - self._loop.time())
            await self._is_up.wait()
            if generation != self._generation:
                await asyncio.Event().wait()  # until the relay is closed
            with suppress(OSError):
                sink.write(data)
                await sink.drain()
        sink.close()


async def _read(source: StreamReader) -> bytes:
    """Returns what has arrived, or nothing at the end of the connection."""
    try:
        return await source.read(65536)
    except OSError:
        return b""
