"""Clients who join, talk, leave and come back, and remember every answer.

Thrown out they connect again, as browsers do. All are in one thread with an event loop of its own.
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

AGAIN = 0.3
"""Seconds before another attempt to connect, on average."""

OPEN_TIMEOUT = 5
"""Seconds after which a server that does not answer is given up."""


class Call(NamedTuple):
    """What a connection asked for and was told that it is done."""

    channel: str
    do: str
    room: str | None
    number: int
    answer: int | None


class View(NamedTuple):
    """The world as the clients see it. ``unsettled`` are those of whom it is not known yet where they are."""

    stays: dict[tuple[str, str], str | None]
    unsettled: list[str]


class Client:
    """One browser tab. ``rooms`` are those it knows that it is in."""

    def __init__(self, crowd: Crowd, number: int, user: str | None, home: tuple[str, ...]) -> None:
        self.number = number
        self.user = user
        self.home = home
        self.channel = ""
        self.server = ""
        self.rooms: set[str] = set()
        self.heard: set[int] = set()
        self.absent = False
        self.connection: ClientConnection | None = None
        self._crowd = crowd
        self._dice = random.Random(f"{crowd.seed} {number}")
        self._consumer = ("async", "sync")[number % 3 == 2]
        self._asked: tuple[dict[str, Any], asyncio.Future[Any]] | None = None
        self._settled = False

    def __str__(self) -> str:
        asked = None if self._asked is None else self._asked[0]
        return (
            f"client {self.number} at {self.server} as {self.channel or 'nobody'}, in {sorted(self.rooms)}, waits for "
            f"an answer to {asked}"
        )

    @property
    def settled(self) -> bool:
        """Whether it knows where it is, and intends to stay there."""
        return self._settled and self._asked is None

    async def live(self) -> None:
        while self._crowd.comes_back:
            with suppress(OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidMessage):
                await self._visit()
            await asyncio.sleep(AGAIN * 2 * self._dice.random())

    async def _visit(self) -> None:
        self.server, address = self._dice.choice(sorted(self._crowd.servers().items()))
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
            await asyncio.sleep(self._crowd.pause * 2 * self._dice.random())
            await self._crowd.going.wait()
            self._settled = False
            match self._dice.choices(("say", "leave", "join", "close", "tell"), (12, 2, 3, 1, 1))[0]:
                case "say":
                    await self.ask("say")
                case "leave" if self.rooms:
                    room = self._dice.choice(sorted(self.rooms))
                    self.rooms.discard(room)
                    await self.ask("leave", room)
                case "join" if set(self.home) - self.rooms:
                    await self._join(self._dice.choice(sorted(set(self.home) - self.rooms)))
                case "tell" if self.rooms:
                    await self.ask("tell", self._dice.choice(sorted(self.rooms)))
                case "close":
                    return

    async def _join(self, room: str) -> None:
        await self.ask("join", room)
        self.rooms.add(room)

    async def ask(self, do: str, room: str | None = None, number: int | None = None) -> None:
        """Returns when it is done. Raises `ConnectionClosed` if it is not known whether it is."""
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
                if "heard" in content:
                    self.heard.add(content["heard"])
                elif self._asked is not None and not self._asked[1].done():
                    assert content["number"] == self._asked[0]["number"], (content, str(self))
                    self._asked[1].set_result(content["answer"])

    def cut(self) -> None:
        """The TCP connection is reset."""
        if self.connection is not None:
            linger = struct.pack("ii", 1, 0)
            self.connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.transport.abort()


class Crowd:
    """``servers`` says who serves where now: addresses by names."""

    def __init__(self, size: int, rooms: int, seed: str, pause: float, servers: Callable[[], dict[str, str]]) -> None:
        self.seed = seed
        self.pause = pause
        self.servers = servers
        self.journal: list[Call] = []
        self.numbers = count(1)
        self.comes_back = True
        dice = random.Random(seed)
        names = [f"room-{number}" for number in range(rooms)]
        self.clients = [
            Client(
                self,
                number,
                f"user-{number % max(size // 2, 1)}" if number % 5 else None,
                tuple(sorted(dice.sample(names, dice.choice((1, 1, 2, 3))))),
            )
            for number in range(size)
        ]
        self.users = sorted({client.user for client in self.clients if client.user})
        self._silent: list[ClientConnection] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: dict[Client, asyncio.Task[None]] = {}
        self.going = asyncio.Event()

    def come(self) -> None:
        self.run(self._come())

    async def _come(self) -> None:
        self._tasks = {client: asyncio.create_task(client.live()) for client in self.clients}

    def run(self, coroutine: Coroutine[Any, Any, _T], timeout: float = 30) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    def go(self) -> None:
        self._loop.call_soon_threadsafe(self.going.set)

    def hold(self) -> None:
        """From now on nobody does anything but connect again and join the rooms it wants to be in."""
        self._loop.call_soon_threadsafe(self.going.clear)

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
        """Those that are in a room."""
        return [client.channel for client in self.clients if client.server == server and client.rooms]

    def tell_all(self) -> list[str]:
        """Somebody in each room tells everybody there. Returns who has not heard it two seconds later, and who has
        heard what was not for them. Everybody has to be settled."""
        return self.run(self._tell_all())

    async def _tell_all(self) -> list[str]:
        present = [client for client in self.clients if not client.absent]
        expected = {}
        free = {client for client in present if client.settled}
        telling = []
        for room in sorted({room for client in present for room in client.rooms}):
            there = [client for client in present if room in client.rooms]
            teller = next((client for client in there if client in free), None)
            if teller is not None:
                free.discard(teller)
                number = next(self.numbers)
                expected[number] = room, there
                telling.append(asyncio.create_task(teller.ask("tell", room, number)))
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*telling, return_exceptions=True)
                while any(number not in one.heard for number, (_, there) in expected.items() for one in there):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        return [
            f"{'deaf' if client in there else 'wrongly told'} in {room}: {client}"
            for number, (room, there) in expected.items()
            for client in present
            if (number in client.heard) != (client in there)
        ]

    def cut(self, number: int, dice: random.Random) -> None:
        self.run(self._each(dice.sample(self.clients, number), Client.cut))

    async def _each(self, clients: list[Client], function: Callable[[Client], None]) -> None:
        for client in clients:
            function(client)

    def fall_silent(self, number: int, dice: random.Random) -> None:
        """So many read nothing any more and answer nothing, pings neither. The TCP connections stay."""
        self.run(self._fall_silent(dice.sample([client for client in self.clients if client.connection], number)))

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
        """Everybody closes politely."""
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
