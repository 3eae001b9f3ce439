"""Server processes and their sockets: the real ones of the library, on a simulated database, clock and network."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from django.db import OperationalError

from presence_events import sql, tail
from presence_events.models import PresenceEvent
from presence_events.segments import catalogue
from presence_events.tail import Mark, Tail
from projections.rosters import RosterSocket, feed, reading, wakeups
from tests.properties.rosters.database import ROOM, Database
from tests.properties.rosters.kinds import ModelRoster
from tests.properties.rosters.loop import monotonic

_Result = TypeVar("_Result")


class Cluster:
    """A database, and the processes that use it. `simulated` puts it in the place of the real one.

    ``between_queries`` is called before each query, because processes do not see a moment of the database but several.
    ``faults`` collects what should not have happened. The library would log it, and go on.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.database = Database("log 0")
        self.between_queries: Callable[[], object] = lambda: None
        self.faults: list[str] = []
        self.made_for: dict[str, tuple[str, str, Any]] = {}
        self._processes: dict[str, Process] = {}

    def new_process(self) -> Process:
        process = Process(self, f"process {len(self._processes)}")
        self._processes[process.name] = process
        return process

    def replace(self, database: Database) -> None:
        """Puts another database in the place of this one. All processes lose their connections."""
        self.database = database
        for process in self._processes.values():
            process.is_cut = True

    @contextmanager
    def simulated(self) -> Iterator[None]:
        """Makes the library use this instead of PostgreSQL, and the time of the running loop."""
        handler, logger = _Faults(self.faults), logging.getLogger("projections.rosters")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sql, "rows", self._rows)
            patch.setattr(Tail, "_events", lambda tail, *arguments: self._events(tail._using, *arguments))
            patch.setattr(tail, "connections", defaultdict(lambda: SimpleNamespace(get_autocommit=lambda: True)))
            patch.setattr(catalogue, "days", lambda **limits: "true")
            patch.setattr(reading, "from_database", lambda key, using: key)
            patch.setattr(feed, "in_thread", self._in_thread)
            patch.setattr(feed, "time", SimpleNamespace(monotonic=monotonic))
            patch.setattr(wakeups, "listen", lambda: None)
            patch.setattr(logger, "propagate", False)
            logger.addHandler(handler)
            try:
                yield
            finally:
                logger.removeHandler(handler)

    async def _in_thread(self, function: Callable[[], _Result]) -> _Result:
        await asyncio.sleep(self.random.choice([0, 0, 0.01, 0.1]))
        result = function()
        await asyncio.sleep(self.random.choice([0, 0, 0.01, 0.1]))
        return result

    def _rows(
        self, package: str, query: str, params: Mapping[str, Any] | None = None, *, using: str, **fragments: str
    ) -> list[tuple[Any, ...]]:
        self.between_queries()
        return self._processes[using].query(query, params or {})

    def _events(self, using: str, mark: Mark, until: int, limit: int, rooms: list[str]) -> list[PresenceEvent]:
        self.between_queries()
        return self._processes[using].window(mark, until, rooms)[:limit]


class Process:
    """A server process, whose feed has its name as the alias of its database.

    ``log`` is the log that it reads, and ``shown`` has the connections that its last queries have found in the room.
    """

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.is_cut = False
        self.log = ""
        self.shown: dict[str, set[str]] = {}

    def wake(self) -> None:
        feed.feed(self.name).wake([ROOM])

    def query(self, query: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        self._connect()
        rows = self.cluster.database.rows(query, params)
        if query == "queries/rosters/log":
            self.log = rows[0][0]
            self.shown.clear()
        elif query in ("queries/tail/window", "queries/rosters/stays"):
            self.shown[query] = self.cluster.database.channels()
        return rows

    def window(self, mark: Mark, until: int, rooms: list[str]) -> list[PresenceEvent]:
        self._connect()
        return self.cluster.database.window(mark, until, rooms)

    def may_show(self, channel: str | None) -> bool:
        """Returns whether the connection ``channel``, or an observer, may see the room, as far as the process knows."""
        return channel is None or any(channel in shown for shown in self.shown.values())

    def _connect(self) -> None:
        """Connects again after an error."""
        if self.is_cut:
            self.is_cut = False
            raise OperationalError("The connection was lost.")


class Socket:
    """The socket of a page that follows the room. ``channel`` is its connection there. None is that of an observer.

    What the server sends waits in ``queue``. ``is_admitted`` is whether the server has answered the page. It is False
    after the server has told that the page does not follow the room, and None if the page was told nothing.
    """

    def __init__(self, process: Process, roster: ModelRoster, view: str, channel: str | None) -> None:
        self.process = process
        self.channel = channel
        self.queue: list[str] = []
        self.is_admitted: bool | None = None
        self.is_damaged = False
        self._roster = roster
        self._view = view
        self._is_open = True
        # Followers are in sets, so those of one room are sent to in any order.
        self._random = Random(process.cluster.random.random())
        self._rosters = RosterSocket(roster, {"view": view}, self._send)
        if channel is None:
            self._rosters.observe(ROOM, process.name)
        else:
            self._rosters.allow(ROOM, channel, process.name)

    async def receive(self, message: dict[str, Any]) -> None:
        """Passes a message of the page to the server."""
        if message["type"] == "presence.unfollow":
            self.is_admitted = None
        await self._rosters.receive(json.dumps(message))

    def close(self) -> None:
        self._is_open = False
        self._rosters.close()

    async def _send(self, event: dict[str, Any]) -> None:
        if not self._is_open:
            raise RuntimeError("The socket is closed.")
        self._check(json.loads(event["text"]))
        self.queue.append(event["text"])
        await asyncio.sleep(self._random.choice([0, 0, 0, 0.1, 2]))

    def _check(self, message: dict[str, Any]) -> None:
        """Notes what the server should not have sent."""
        self.is_admitted = message["type"] != "presence.unfollowed"
        if not self.is_admitted:
            return
        cluster = self.process.cluster
        if not self.process.may_show(self.channel):
            cluster.faults.append(f"{self.channel} is not in the room, and was sent {message}.")
        viewers = self.process.log, self._roster.identity, self._view
        if message["type"] == "presence.diff" and cluster.made_for.get(message["before"]) != viewers:
            cluster.faults.append(f"{viewers} cannot continue from the mark before {message}.")
        cluster.made_for[message["mark"]] = viewers
        members = [one for name in ("members", "joined", "updated", "shown") for one in message.get(name, ())]
        keys = {*(one["id"] for one in members), *message.get("left", ()), *message.get("hidden", ())}
        hidden = {key for key in keys if self._roster.is_secret(key, self._view)}
        if hidden:
            cluster.faults.append(f"{self._view} was sent something of {hidden}: {message}.")


class _Faults(logging.Handler):
    """Notes what the library logs, unless it is an error of the database."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__()
        self._faults = faults

    def emit(self, record: logging.LogRecord) -> None:
        if not any(isinstance(argument, OperationalError) for argument in record.args or ()):
            self._faults.append(self.format(record))
