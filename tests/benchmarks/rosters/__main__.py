"""Measures rosters beside lists that are written by hand. ``--small`` tries everything in a minute."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from websockets.asyncio.client import connect

from tests.benchmarks import cpu
from tests.benchmarks.server import Servers, running
from tests.live.servers import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
WAYS = ("roster", "each", "whole")
PHASES = ("storm", "changes", "large", "echoes")

FEWER_PAGES = 10
"""How many times fewer pages the storm has when each join sends the whole list: the bytes grow with the cube."""

FEWER_CHANGES = 20
"""How many times fewer changes a second a large room has then."""

CHANGES = 20.0
"""Changes a second, in all rooms together."""

STORM = 100.0
"""Changes a second in a room of which only some are listed."""

MAX_LISTED = 200
"""People that a roster lists by default."""

LARGE = 50
"""People from which on a room is large."""

PATIENCE = 20.0
"""Seconds after which pages that do not agree never will: they missed a change."""

INSERT_USERS = (
    "INSERT INTO auth_user (username, password, first_name, last_name, email, is_staff, is_active, is_superuser,"
    " date_joined) SELECT 'user ' || n, '', '', '', '', false, true, false, now() FROM generate_series(1, %s) AS n"
)


SAMPLE = 50
"""Pages that read their messages at once. The others read them in the end: one process stands for all browsers."""


class Page:
    """A client: how many frames and bytes it received, and the people that it shows."""

    def __init__(self, room: str, user: int) -> None:
        self.room, self.user = room, user
        self.frames = self.bytes = self.echoes = 0
        self.is_lazy = False
        self._unread: list[str] = []
        self._people: set[str] = set()
        self._count: int | None = None
        self.socket: Any = None

    async def open(self, port: int, way: str) -> None:
        self.socket = await connect(
            f"ws://127.0.0.1:{port}/{self.room}/{self.user}", open_timeout=300, max_size=None, ping_interval=None,
            compression=None,
        )  # fmt: skip
        self.reader = asyncio.ensure_future(self._read())
        if way in ("roster", "large"):
            follow = {"type": "presence.follow", "version": 1, "room": self.room, "mark": None}
            await self.socket.send(json.dumps(follow))

    async def _read(self) -> None:
        async for text in self.socket:
            if text.startswith('{"echo"'):
                self.echoes += 1
                continue
            self.frames += 1
            self.bytes += len(text)
            if text.startswith('{"list"'):
                self._unread.clear()  # a list replaces everything before it
            self._unread.append(text)
            if not self.is_lazy:
                self.read_all()

    def read_all(self) -> None:
        """Reads what has arrived."""
        for text in self._unread:
            self._apply(json.loads(text))
        self._unread.clear()

    def shows(self, people: set[str]) -> bool:
        """Reads what has arrived. Returns whether the page shows ``people``: all of them, or only how many they are."""
        self.read_all()
        return self._people == people or (self._count == len(people) > MAX_LISTED)

    def _apply(self, message: dict[str, Any]) -> None:
        self._count = message.get("people", self._count)
        if "list" in message:
            self._people = {str(one["id"]) for one in message["list"]}
        elif "change" in message:
            change = message["change"]
            (self._people.discard if change["kind"] in ("leave", "prune") else self._people.add)(str(change["id"]))
        elif message["type"] == "presence.snapshot":
            self._people = {member["id"] for member in message["members"]}
        else:
            self._people -= set(message.get("left", ()))
            self._people |= {member["id"] for name in ("joined", "updated") for member in message.get(name, ())}

    async def answered(self, echoes: int) -> None:
        """Waits until more than ``echoes`` have arrived."""
        while self.echoes == echoes:  # noqa: ASYNC110 - an event for each echo would be measured too
            await asyncio.sleep(0)

    async def close(self) -> None:
        self.reader.cancel()
        await self.socket.close()


class Measured:
    """A server that is measured. With ``waits``, the whole list is not sent before a page asks to start."""

    def __init__(self, servers: Servers, way: str, *, waits: bool = False) -> None:
        self.way = way
        self.database = servers.copy("rosters", "template_rosters")
        self.port = free_port()
        environment = {
            **os.environ,
            "BENCHMARK_PEER": "ours",
            "BENCHMARK_DATABASE": self.database,
            "BENCHMARK_WAY": way,
            "BENCHMARK_WAITS": "1" if waits else "",
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.rosters.settings",
        }
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port)),
                *("--no-access-log", "--log-level", "error", "--backlog", "4096", "--ws-max-queue", "1024"),
                *("--lifespan", "off", "--ws-ping-interval", "0", "tests.benchmarks.rosters.app:application"),
            ],
            cwd=ROOT,
            env=environment,
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        async def attempt() -> bool:
            async with connect(f"ws://127.0.0.1:{self.port}/first/1"):
                return True

        try:
            return asyncio.run(attempt())
        except OSError:
            return False

    def figures(self) -> tuple[float, int]:
        """Returns the CPU seconds of the server, and the transactions of its database. A query is one of them."""
        with psycopg.connect(self.database) as connection:
            query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
            row = connection.execute(query).fetchone()
        return cpu.seconds(self.process.pid), int(row[0]) if row else 0

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def measured(servers: Servers, way: str, *, waits: bool = False) -> Iterator[Measured]:
    server = Measured(servers, way, waits=waits)
    try:
        yield server
    finally:
        server.stop()


async def agree(pages: list[Page], expected: dict[str, set[str]]) -> float:
    """Waits until all pages show the people of their room. Returns the seconds until those did that read at once."""
    start = time.perf_counter()
    seconds = await _wait_until_all_show([page for page in pages if not page.is_lazy], expected, start)
    await _wait_until_all_show(pages, expected, start)
    return seconds


async def _wait_until_all_show(pages: list[Page], expected: dict[str, set[str]], start: float) -> float:
    while wrong := [page for page in pages if not page.shows(expected[page.room])]:
        await asyncio.sleep(0.02)
        if time.perf_counter() - start > PATIENCE:
            print(f"{len(wrong)} of {len(pages)} pages do not agree after {PATIENCE:.0f} s", file=sys.stderr)
            break
    return time.perf_counter() - start


async def open_all(pages: list[Page], server: Measured, at_once: int = 200) -> None:
    limit = asyncio.Semaphore(at_once)

    async def open_one(page: Page) -> None:
        async with limit:
            await page.open(server.port, server.way)

    await asyncio.gather(*(open_one(page) for page in pages))


def rooms_of(pages: list[Page]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for page in pages:
        found.setdefault(page.room, set()).add(str(page.user))
    return found


async def storm(server: Measured, pages: list[Page]) -> dict[str, float]:
    """All pages join at once."""
    for page in pages[SAMPLE:]:
        page.is_lazy = True
    start = time.perf_counter()
    await open_all(pages, server)
    opened = time.perf_counter() - start
    agreed = await agree(pages, rooms_of(pages))
    return {"open": opened, "agree": agreed}


async def changes(server: Measured, pages: list[Page], seconds: float, rate: float) -> dict[str, float]:
    """``rate`` changes a second: a page leaves and comes back, or changes its data."""
    await open_all(pages, server)
    if server.way == "whole":
        await pages[0].socket.send('{"start":1}')
    else:
        await agree(pages, rooms_of(pages))
    await asyncio.sleep(2)
    for page in pages:
        page.frames = page.bytes = 0
        page.is_lazy = len(pages) > SAMPLE and page not in pages[:: len(pages) // SAMPLE]
    before = server.figures()
    start = time.perf_counter()
    random, made = Random(1), 0
    while time.perf_counter() - start < seconds:
        page = random.choice(pages)
        if made % 2:
            await page.socket.send(json.dumps({"status": f"status {made}"}))
        else:
            await page.close()
            await page.open(server.port, server.way)
        made += 1
        await asyncio.sleep(max(0.0, start + made / rate - time.perf_counter()))
    lasted = time.perf_counter() - start
    await asyncio.sleep(1)
    agreed = await agree(pages, rooms_of(pages))
    after = server.figures()
    # The pages that have just come back received a list of their own. They are few, and the same for all ways.
    middle = sorted(pages, key=lambda page: page.bytes)[len(pages) // 2]
    return {
        "changes": made / lasted,
        "bytes": middle.bytes / lasted,
        "frames": middle.frames / lasted,
        "cpu": (after[0] - before[0]) / lasted,
        "transactions": (after[1] - before[1]) / lasted,
        "agree": agreed,
    }


async def echoes(server: Measured, pages: list[Page], seconds: float) -> float:
    """Returns the echoes a second of all pages, each of which sends the next message when it has the last answer."""
    await open_all(pages, server)
    await asyncio.sleep(1)
    until = time.perf_counter() + seconds

    async def talk(page: Page) -> None:
        while time.perf_counter() < until:
            number = page.echoes
            await page.socket.send('{"echo":1}')
            await page.answered(number)

    await asyncio.gather(*(talk(page) for page in pages))
    return sum(page.echoes for page in pages) / seconds


def prepare(servers: Servers, users: int) -> None:
    """Makes a database with all tables and ``users`` users, to copy."""
    url = servers.database("template_rosters")
    environment = {
        **os.environ,
        "BENCHMARK_PEER": "ours",
        "BENCHMARK_DATABASE": url,
        "BENCHMARK_WAY": "none",
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.rosters.settings",
    }
    subprocess.run(
        [sys.executable, "-m", "django", "migrate", "--verbosity", "0", "--skip-checks"],
        cwd=ROOT, env=environment, check=True,
    )  # fmt: skip
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(INSERT_USERS, [users])


def measure_storm(servers: Servers, ways: Sequence[str], pages_of_storm: int) -> None:
    for way in ways:
        with measured(servers, way) as server:
            count = pages_of_storm // FEWER_PAGES if way == "whole" else pages_of_storm
            pages = [Page("storm", number + 1) for number in range(count)]
            before = server.figures()
            found = asyncio.run(storm(server, pages))
            time.sleep(1.5)  # PostgreSQL reports its figures with a delay
            after = server.figures()
            middle = sorted(pages, key=lambda page: page.bytes)[len(pages) // 2]
            show(
                f"storm of {len(pages):,}",
                way,
                f"{found['open']:.1f} s to connect",
                f"{found['agree']:.2f} s to agree",
                f"{middle.bytes / 1000:,.0f} kB, {middle.frames:,} frames a page",
                f"{after[0] - before[0]:.1f} s CPU",
                f"{after[1] - before[1]:,} transactions",
            )


def measure_changes(servers: Servers, ways: Sequence[str], rooms: int, size: int, seconds: float) -> None:
    for way in ways:
        with measured(servers, way, waits=way == "whole") as server:
            pages = [Page(f"room-{room}", room * size + number + 1) for number in range(size) for room in range(rooms)]
            rate = CHANGES / FEWER_CHANGES if way == "whole" and size > LARGE else CHANGES
            found = asyncio.run(changes(server, pages, seconds, rate))
            show(
                f"{rooms:,} rooms of {size:,}",
                way,
                f"{found['changes']:.1f} changes/s",
                f"{found['bytes']:,.0f} B/s, {found['frames']:.1f} frames/s a page",
                f"{found['bytes'] / found['changes'] * rooms:,.0f} B a change",
                f"{found['cpu']:.2f} s CPU a second",
                f"{found['transactions']:.0f} transactions/s",
                f"{found['agree']:.2f} s to agree",
            )


def measure_large(servers: Servers, size: int, seconds: float) -> None:
    """A room with more people than a roster lists, in which many leave and come back."""
    with measured(servers, "large") as server:
        pages = [Page("large", number + 1) for number in range(size)]
        found = asyncio.run(changes(server, pages, seconds, STORM))
        show(
            f"a room of {size:,}, {MAX_LISTED} of them listed",
            f"{found['changes']:.0f} changes/s",
            f"{found['bytes']:,.0f} B/s, {found['frames']:.1f} frames/s a page",
            f"{found['cpu']:.2f} s CPU a second",
            f"{found['agree']:.2f} s to agree",
        )


def measure_echoes(servers: Servers, count: int, seconds: float) -> None:
    for _ in range(3):
        rates = {}
        for way in ("none", "roster"):
            with measured(servers, way) as server:
                pages = [Page(f"room-{number % 20}", number + 1) for number in range(count)]
                rates[way] = asyncio.run(echoes(server, pages, seconds))
        ratio = rates["roster"] / rates["none"]
        show("echoes", f"{rates['none']:,.0f}/s without", f"{rates['roster']:,.0f}/s with", f"{ratio:.2f}")


def show(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rosters", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="how the list gets to the pages")
    parser.add_argument("--only", nargs="+", choices=PHASES, default=PHASES, help="what is measured")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a phase")
    options = parser.parse_args(arguments)
    scale = 10 if options.small else 1
    with running() as servers:
        prepare(servers, 5000)
        if "storm" in options.only:
            measure_storm(servers, options.ways, 2000 // scale)
        if "changes" in options.only:
            measure_changes(servers, options.ways, 1, 1000 // scale, options.seconds)
            measure_changes(servers, options.ways, 200 // scale, 10, options.seconds)
        if "large" in options.only:
            measure_large(servers, 5000 // scale, options.seconds)
        if "echoes" in options.only:
            measure_echoes(servers, 200 // scale, options.seconds / 2)


if __name__ == "__main__":
    main(sys.argv[1:])
