"""Records without a pause and logs every answer: ``python -m tests.live.load_generator '<a plan>'``.

Each connection makes calls in bursts: several concurrent calls whose order the answers and the log must keep. The
results are appended to the plan's file, one `Call` a line, in the order in which the connection made the calls.

Commands are read from standard input. ``stop`` ends the event loops, once no call of the last burst of any connection
failed; the reply, when they are closed, is a line of JSON. The end of the input ends the process.
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
    """The work of one process: ``connections`` in each of ``loops`` event loops, each of which has a thread.

    Channel names begin with ``name``. A connection waits ``pause`` seconds between two bursts. ``timeout`` is
    CHANNELS_PRESENCE_RECORD_TIMEOUT in seconds, ``max_pending`` replaces `group_commit.MAX_PENDING`, and ``database``
    is added to the settings of the database.
    """

    name: str
    file: str
    loops: int = 1
    connections: int = 100
    pause: float = 0.1
    timeout: float = 30
    max_pending: int | None = None
    database: dict[str, Any] = field(default_factory=dict)

    def json(self) -> str:
        return json.dumps(asdict(self))


class Call(NamedTuple):
    """A call and its result. Either ``answer`` or ``error`` is None. Times are those of `time.monotonic`."""

    channel: str
    operation: str
    room: str | None
    began: float
    ended: float
    answer: int | None
    error: str | None


class LoadLoop:
    """The connections of one event loop."""

    def __init__(self, plan: Plan, number: int, file: TextIO) -> None:
        self.plan = plan
        self.number = number
        self.file = file
        self.most_pending = 0
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
        async with self._sampled():
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
    async def _sampled(self) -> AsyncIterator[None]:
        """Samples the number of pending writes ten times a second, if the plan limits it."""
        if self.plan.max_pending is None:
            yield
            return
        sampling = asyncio.create_task(self._sample())
        yield
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling

    async def _sample(self) -> None:
        from presence_events._recording.write_queue import PendingWrite

        while True:
            gc.collect()  # an error and the writes that failed with it refer to each other
            pending = sum(type(thing) is PendingWrite and not thing.is_done for thing in gc.get_objects())
            self.most_pending = max(self.most_pending, pending)
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

    if plan.max_pending is not None:
        group_commit.MAX_PENDING = plan.max_pending
    with Path(plan.file).open("a", buffering=1) as file:
        loops = [LoadLoop(plan, number, file) for number in range(plan.loops)]
        threads = [threading.Thread(target=loop.run) for loop in loops]
        for thread in threads:
            thread.start()
        sys.stdin.readline()
        for loop in loops:
            loop.stop()
        for thread in threads:
            thread.join()
    print(json.dumps({"closed": True, "most_pending": max(each.most_pending for each in loops)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Plan(**json.loads(sys.argv[1])))
