"""A room to which random things happen: its database, the processes that read it, and the pages that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

from tests.properties.rosters.database import Database
from tests.properties.rosters.kinds import ModelRoster
from tests.properties.rosters.pages import Page
from tests.properties.rosters.processes import Cluster, Socket

STEPS = 60
USERS = {"c0": 1, "c1": 1, "c2": 2, "c3": 3, "c4": 3, "c5": 5, "c6": None, "c7": None}
"""The users of the connections that can be in the room."""


class World:
    """A room with two processes and four pages, each of which shows one of ``rosters``."""

    def __init__(self, random: Random, rosters: Sequence[ModelRoster]) -> None:
        self.random = random
        self.rosters = rosters
        self.cluster = Cluster(random)
        self.processes = [self.cluster.new_process() for _ in range(2)]
        viewers = [("c0", "staff"), ("c2", "guest"), (None, "staff"), (None, "guest")]
        self.pages = [Page(channel, view, random.choice(rosters)) for channel, view in viewers]
        self.logs = 1
        self.dump = self.new_dump()

    @property
    def database(self) -> Database:
        return self.cluster.database

    async def run(self) -> None:
        """Lets random things happen. Waits then until each page should show who is in the room."""
        self.cluster.between_queries = self.sometimes_record
        often = [self.record] * 5 + [self.deliver] * 4
        sometimes = [self.end, self.connect, self.connect, self.disturb, self.follow, self.pause, self.wait, self.leave]
        rarely = [self.fail, self.restart, self.dump_log, self.restore]
        for _ in range(STEPS):
            steps = rarely if self.random.random() < 0.07 else often + sometimes
            await self.random.choice(steps)()
            await asyncio.sleep(self.random.choice([0, 0, 0.02, 0.02, 0.06, 0.06, 0.3]))
        self.cluster.between_queries = lambda: None
        await self.become_quiet()

    async def become_quiet(self) -> None:
        for tx in list(self.database.open):
            self.database.commit(tx)
        for page in self.pages:
            # A lost answer is not asked for again on the same socket: a socket that loses messages is closed.
            if page.socket is None or page.socket.is_damaged:
                self.connect_page(page)
            elif page.is_paused:
                page.follow()
        for seconds in (1, max(roster.grace for roster in self.rosters) + 5, 2):
            for page in self.pages:
                await page.deliver_all()
            await asyncio.sleep(seconds)
        for page in self.pages:
            await page.deliver_all()

    # The room

    async def record(self) -> None:
        self.append()

    def sometimes_record(self) -> None:
        if self.random.random() < 0.1:
            self.append()

    def append(self) -> None:
        """Appends an event, in a transaction of its own or in an open one."""
        random, database = self.random, self.database
        channel = random.choice(list(USERS))
        kind = random.choice(["join", "join", "touch", "leave", "prune"])
        data = random.choice([None, {"guest": "x"}, {"hidden": True}, {"status": random.randrange(2)}])
        is_open = bool(database.open) and random.random() < 0.3
        tx = random.choice(list(database.open)) if is_open else database.begin()
        database.append(tx, kind, channel, USERS[channel], data or ({} if kind == "touch" else None))
        if not is_open and random.random() < 0.6:
            self.commit(tx)

    async def end(self) -> None:
        """Ends an open transaction."""
        if self.database.open:
            tx = self.random.choice(list(self.database.open))
            if self.random.random() < 0.3:
                self.database.roll_back(tx)
            else:
                self.commit(tx)

    def commit(self, tx: int) -> None:
        """Commits, and tells the processes, unless the message is lost."""
        self.database.commit(tx)
        for process in self.processes:
            if self.random.random() < 0.8:
                process.wake()

    # The pages

    async def deliver(self) -> None:
        for _ in range(self.random.randrange(5)):
            await self.random.choice(self.pages).deliver(self.random.choice([0, 0, 0, self.random.randrange(5)]))

    async def connect(self) -> None:
        """Connects a page, which may have got other rights or another roster."""
        page = self.random.choice(self.pages)
        if self.random.random() < 0.1:
            page.view = self.random.choice(["staff", "guest"])
        if self.random.random() < 0.1:
            page.roster = self.random.choice(self.rosters)
        self.connect_page(page)

    def connect_page(self, page: Page) -> None:
        page.connect(Socket(self.random.choice(self.processes), page.roster, page.view, page.channel))

    async def disturb(self) -> None:
        """Loses, repeats or reorders messages, or closes a socket."""
        page = self.random.choice(self.pages)
        if page.socket is None or not page.socket.queue:
            return
        queue = page.socket.queue
        page.socket.is_damaged = True
        match self.random.randrange(4):
            case 0:
                queue.pop(self.random.randrange(len(queue)))
            case 1:
                queue.append(self.random.choice(queue))
            case 2:
                self.random.shuffle(queue)
            case 3:
                page.disconnect()

    async def follow(self) -> None:
        self.random.choice(self.pages).follow()

    async def pause(self) -> None:
        self.random.choice(self.pages).pause()

    async def leave(self) -> None:
        """A page asks for an answer, and its connection leaves while the page waits."""
        page = self.random.choice(self.pages)
        if page.channel is not None:
            page.follow()
            await page.deliver()
            tx = self.database.begin()
            self.database.append(tx, "leave", page.channel, USERS[page.channel], None)
            self.commit(tx)

    # The servers

    async def wait(self) -> None:
        await asyncio.sleep(self.random.choice([0.5, 1, 3, 7]))

    async def fail(self) -> None:
        """Fails the next query of a process."""
        self.random.choice(self.processes).is_cut = True

    async def restart(self) -> None:
        """Kills a process, with the sockets of its pages, and starts another one."""
        index = self.random.randrange(2)
        for page in self.pages:
            if page.socket is not None and page.socket.process is self.processes[index]:
                page.disconnect()
        self.processes[index] = self.cluster.new_process()

    async def dump_log(self) -> None:
        self.dump = self.new_dump()

    def new_dump(self) -> Database:
        self.logs += 1
        return self.database.restored(f"log {self.logs}")

    async def restore(self) -> None:
        """Puts a dump in the place of the database: the last one, which may be old."""
        self.cluster.replace(self.dump)
        self.dump = self.new_dump()
