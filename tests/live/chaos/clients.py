"""Clients that join, touch, leave and reconnect, and store every answer.

A client that loses its connection connects again, as a browser does. All clients run in one thread with an event loop.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

_T = TypeVar("_T")

RECONNECT_DELAY = 0.3
"""Seconds before the next attempt to connect, on average."""

OPEN_TIMEOUT = 5
"""Seconds that a client waits for a server to answer."""


class Call(NamedTuple):
    """A request of a connection that the server answered when it was done."""

    channel: str
    do: str
    room: str | None
    number: int
    answer: int | None


class View(NamedTuple):
    """The rooms and users of the connections as the clients know them.

    ``unsettled`` describes the clients whose rooms are not known yet.
    """

    stays: dict[tuple[str, str], str | None]
    unsettled: list[str]


class Client:
    """One browser tab. ``rooms`` are those whose join was answered."""

    def __init__(self, crowd: Crowd, number: int, user: str | None, home: tuple[str, ...]) -> None:
        self.number = number
        self.user = user
        self.home = home
        self.channel = ""
        self.server = ""
        self.rooms: set[str] = set()
        self.received: set[int] = set()
        self.absent = False
        self.connection: ClientConnection | None = None
        self._crowd = crowd
        self._rng = random.Random(f"{crowd.seed} {number}")
        self._consumer = "async" if crowd.only_async else ("async", "sync")[number % 3 == 2]
        self._asked: tuple[dict[str, Any], asyncio.Future[Any]] | None = None
        self._settled = False

    def __str__(self) -> str:
        asked = None if self._asked is None else self._asked[0]
        return (
            f"client {self.number} at {self.server} as {self.channel or 'unconnected'}, in {sorted(self.rooms)}, "
            f"waits for an answer to {asked}"
        )

    @property
    def settled(self) -> bool:
        """Whether its rooms are known and it is not about to change them."""
        return self._settled and self._asked is None

    async def live(self) -> None:
        while self._crowd.reconnects:
            with suppress(OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage):
                await self._visit()
            await asyncio.sleep(RECONNECT_DELAY * 2 * self._rng.random())

    async def _visit(self) -> None:
        self.server, address = self._rng.choice(sorted(self._crowd.servers().items()))
        query = urlencode({"user": self.user}) if self.user else ""
        connection = self.connection = await connect(
            f"ws://{address}/{self._consumer}/?{query}",
            compression=None,
            open_timeout=OPEN_TIMEOUT,
            close_timeout=OPEN_TIMEOUT,
            ping_interval=None,
            proxy=None,
        )
        reader = None
        try:
            self.channel = json.loads(await connection.recv())["channel"]
            reader = asyncio.create_task(self._read(connection))
            acting = asyncio.create_task(self._act())
            try:
                await asyncio.wait([reader, acting], return_when=asyncio.FIRST_COMPLETED)
            finally:
                acting.cancel()
            with suppress(ConnectionClosed, asyncio.CancelledError):
                await acting
        finally:
            if reader is not None:
                reader.cancel()
            if self._asked is not None:
                self._asked[1].cancel()
            self.channel, self.connection, self._asked, self._settled = "", None, None, False
            self.rooms = set()
            if not self.absent:
                await connection.close()

    async def _act(self) -> None:
        for room in self.home:
            await self._join(room)
        while True:
            self._settled = True
            await asyncio.sleep(self._crowd.pause * 2 * self._rng.random())
            await self._crowd.load_is_on.wait()
            self._settled = False
            match self._rng.choices(("touch", "leave", "join", "close", "send"), (12, 2, 3, 1, 1))[0]:
                case "touch":
                    await self.ask("touch")
                case "leave" if self.rooms:
                    room = self._rng.choice(sorted(self.rooms))
                    self.rooms.discard(room)
                    await self.ask("leave", room)
                case "join" if set(self.home) - self.rooms:
                    await self._join(self._rng.choice(sorted(set(self.home) - self.rooms)))
                case "send" if self.rooms:
                    await self.ask("send", self._rng.choice(sorted(self.rooms)))
                case "close":
                    return

    async def _join(self, room: str) -> None:
        await self.ask("join", room)
        self.rooms.add(room)

    async def ask(self, do: str, room: str | None = None, number: int | None = None) -> None:
        """Sends a request and waits for the answer. Raises `ConnectionClosed` if the outcome is unknown."""
        assert self.connection is not None
        number = next(self._crowd.numbers) if number is None else number
        request = {"do": do, "room": room, "number": number}
        self._asked = request, asyncio.get_running_loop().create_future()
        await self.connection.send(json.dumps(request))
        answer = await self._asked[1]
        self._asked = None
        self._crowd.journal.append(Call(self.channel, do, room, number, answer))

    async def _read(self, connection: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in connection:
                content = json.loads(message)
                if "received" in content:
                    self.received.add(content["received"])
                elif self._asked is not None and not self._asked[1].done():
                    assert content["number"] == self._asked[0]["number"], (content, str(self))
                    self._asked[1].set_result(content["answer"])

    def cut(self) -> None:
        """Resets the TCP connection."""
        if self.connection is not None:
            linger = struct.pack("ii", 1, 0)
            self.connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.transport.abort()


class Crowd:
    """All clients. ``servers`` returns the addresses of the servers that run now, by name.

    With ``only_async`` the servers need no thread of synchronous code: the consumers are asynchronous, and the clients
    anonymous. Channels visits that thread before each message to a consumer, so one query that hangs stops them all.
    """

    def __init__(
        self,
        size: int,
        rooms: int,
        seed: str,
        pause: float,
        servers: Callable[[], dict[str, str]],
        *,
        only_async: bool = False,
    ) -> None:
        self.only_async = only_async
        self.seed = seed
        self.pause = pause
        self.servers = servers
        self.journal: list[Call] = []
        self.numbers = count(1)
        self.reconnects = True
        rng = random.Random(seed)
        names = [f"room-{number}" for number in range(rooms)]
        self.clients = [
            Client(
                self,
                number,
                f"user-{number % max(size // 2, 1)}" if number % 5 and not only_async else None,
                tuple(sorted(rng.sample(names, rng.choice((1, 1, 2, 3))))),
            )
            for number in range(size)
        ]
        self.users = sorted({client.user for client in self.clients if client.user})
        self._silent: list[ClientConnection] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: dict[Client, asyncio.Task[None]] = {}
        self.load_is_on = asyncio.Event()

    def connect_all(self) -> None:
        self.run(self._connect_all())

    async def _connect_all(self) -> None:
        self._tasks = {client: asyncio.create_task(client.live()) for client in self.clients}

    def run(self, coroutine: Coroutine[Any, Any, _T], timeout: float = 30) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def start_load(self) -> None:
        self._loop.call_soon_threadsafe(self.load_is_on.set)

    def stop_load(self) -> None:
        """Lets clients only reconnect and join their rooms from now on."""
        self._loop.call_soon_threadsafe(self.load_is_on.clear)

    def view(self) -> View:
        return self.run(self._view())

    async def _view(self) -> View:
        for client, task in self._tasks.items():
            if task.done() and not client.absent:
                task.result()
        present = [client for client in self.clients if not client.absent]
        return View(
            {(room, client.channel): client.user for client in present for room in client.rooms},
            [str(client) for client in present if not client.settled],
        )

    def channels_at(self, server: str) -> list[str]:
        """Returns the channel names of the clients of ``server`` that are in a room."""
        return [client.channel for client in self.clients if client.server == server and client.rooms]

    def send_to_rooms(self) -> list[str]:
        """Sends one message to each room and waits at most two seconds. Returns descriptions of the wrong deliveries.

        These are clients in a room that did not receive its message, and clients that received one of another room. All
        clients have to be settled.
        """
        return self.run(self._send_to_rooms())

    async def _send_to_rooms(self) -> list[str]:
        present = [client for client in self.clients if not client.absent]
        expected = {}
        free = {client for client in present if client.settled}
        sending = []
        for room in sorted({room for client in present for room in client.rooms}):
            members = [client for client in present if room in client.rooms]
            sender = next((client for client in members if client in free), None)
            if sender is not None:
                free.discard(sender)
                number = next(self.numbers)
                expected[number] = room, members
                sending.append(asyncio.create_task(sender.ask("send", room, number)))
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*sending, return_exceptions=True)
                while any(number not in one.received for number, (_, members) in expected.items() for one in members):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        return [
            f"{'missing' if client in members else 'wrong'} message of {room}: {client}"
            for number, (room, members) in expected.items()
            for client in present
            if (number in client.received) != (client in members)
        ]

    def cut(self, number: int, rng: random.Random) -> None:
        self.run(self._each(rng.sample(self.clients, number), Client.cut))

    async def _each(self, clients: list[Client], function: Callable[[Client], None]) -> None:
        for client in clients:
            function(client)

    def fall_silent(self, number: int, rng: random.Random) -> None:
        """Makes ``number`` clients stop reading, and so stop answering pings. Their TCP connections stay open."""
        self.run(self._fall_silent(rng.sample([client for client in self.clients if client.connection], number)))

    async def _fall_silent(self, clients: list[Client]) -> None:
        for client in clients:
            client.absent = True
            if client.connection is not None:
                client.connection.transport.pause_reading()
                self._silent.append(client.connection)
            self._tasks[client].cancel()
        await asyncio.wait([self._tasks[client] for client in clients])

    def wake(self) -> None:
        self.run(self._wake())

    async def _wake(self) -> None:
        for connection in self._silent:
            connection.transport.abort()
        self._silent = []
        for client in self.clients:
            if client.absent:
                client.absent = False
                self._tasks[client] = asyncio.create_task(client.live())

    def disperse(self) -> None:
        """Closes all connections with a close frame."""
        self.run(self._disperse())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _disperse(self) -> None:
        for connection in self._silent:
            connection.transport.abort()
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
