"""A process that records without a pause and notes every answer: ``python -m tests.live.recording '<a plan>'``.

Each connection makes calls in bursts: several at once, in an order of which the answers and the log must know. What
came of them goes to the plan's file, a `Call` a line, in the order in which the calls of a connection were made.

Commands come from the standard input. ``stop`` ends the loops, as soon as every connection has had answers to all of
its last calls, and ``closed`` is the reply when they are closed; the end of the input ends the process.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

ROOMS = ("a", "b", "c")
BURST = 4


@dataclass
class Plan:
    """``connections`` in each of ``loops`` event loops, every one in a thread, whose channels are called ``name``.

    ``timeout`` is CHANNELS_PRESENCE_RECORD_TIMEOUT, ``bound`` how many may wait in a loop, ``database`` what is added
    to the settings of the database.
    """

    name: str
    file: str
    loops: int = 1
    connections: int = 100
    pause: float = 0.1
    timeout: float = 30
    bound: int | None = None
    database: dict[str, Any] = field(default_factory=dict)

    def json(self) -> str:
        return json.dumps(asdict(self))


class Call(NamedTuple):
    """What was asked for, when, and what came of it. Of ``answer`` and ``error`` one is None."""

    channel: str
    operation: str
    room: str | None
    began: float
    ended: float
    answer: int | None
    error: str | None


class Recording:
    """One event loop's share of the work."""

    def __init__(self, plan: Plan, number: int, file: TextIO) -> None:
        self.plan = plan
        self.number = number
        self.file = file
        self.most_waiting = 0
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        asyncio.run(self._run())

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stopping is not None
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        names = [f"{self.plan.name}-{self.number}.c!{number}" for number in range(self.plan.connections)]
        async with self._watched():
            await asyncio.gather(*map(self._connection, names))

    async def _connection(self, channel: str) -> None:
        assert self._stopping is not None
        dice = random.Random(channel)
        await asyncio.sleep(dice.random() * self.plan.pause)
        while True:
            burst = [dice.choices(("add", "remove", "touch", "leave_all"), (4, 2, 4, 1))[0] for _ in range(BURST)]
            calls = await asyncio.gather(*(self._call(channel, operation, dice.choice(ROOMS)) for operation in burst))
            self.file.writelines(json.dumps(call) + "\n" for call in calls)
            if self._stopping.is_set() and not any(call.error for call in calls):
                return
            await asyncio.sleep(self.plan.pause)

    async def _call(self, channel: str, operation: str, room: str) -> Call:
        from projections.models import Presence, Room

        began = time.monotonic()
        answer = error = None
        try:
            match operation:
                case "add":
                    answer = int(bool(await Room.objects.aadd(room, channel)))
                case "remove":
                    answer = int(await Room.objects.aremove(room, channel) is None)
                case "touch":
                    answer = await Presence.objects.atouch(channel)
                case "leave_all":
                    answer = await Presence.objects.aleave_all(channel)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
        about = room if operation in ("add", "remove") else None
        return Call(channel, operation, about, began, time.monotonic(), answer, error)

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Counts those who wait, several times a second, if there is a bound."""
        if self.plan.bound is None:
            yield
            return
        watch = asyncio.create_task(self._watch())
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch

    async def _watch(self) -> None:
        from presence_events._recording.write_queue import PendingWrite

        while True:
            gc.collect()  # an error and those who have it know each other
            waiting = sum(type(thing) is PendingWrite and not thing.written for thing in gc.get_objects())
            self.most_waiting = max(self.most_waiting, waiting)
            await asyncio.sleep(0.1)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")


def main(plan: Plan) -> None:
    import django
    from django.conf import settings

    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    settings.DATABASES["default"].update(plan.database)
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = plan.timeout
    django.setup()

    from presence_events._recording import group_commit

    if plan.bound is not None:
        group_commit.BOUND = plan.bound
    with Path(plan.file).open("a", buffering=1) as file:
        recordings = [Recording(plan, number, file) for number in range(plan.loops)]
        threads = [threading.Thread(target=recording.run) for recording in recordings]
        for thread in threads:
            thread.start()
        sys.stdin.readline()
        for recording in recordings:
            recording.stop()
        for thread in threads:
            thread.join()
    print(json.dumps({"closed": True, "most_waiting": max(each.most_waiting for each in recordings)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Plan(**json.loads(sys.argv[1])))
