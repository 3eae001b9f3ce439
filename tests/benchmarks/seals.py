"""Measures seals: ``python -m tests.benchmarks.seals [EVENTS [PAIRS [SECONDS]]]``.

The log is that of `tests.benchmarks.history`. It is sealed and verified, and the processor time of both is measured:
that of Python, and that of the PostgreSQL backend. Then batches are appended in turns, with a process that seals what
is new once a second, and without it. A ratio is that of two neighbours in time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Self

PAIRS = 10
"""Turns with seals, each with a turn without them before or after it."""

TURN = 10.0
"""Seconds of a turn."""

BATCH = 1000

SEALING = """
import select, sys, django
django.setup()
from presence_events.seals.sealing import seal
sealed = 0
seal("default")
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 1)[0]:
    sealed += sum(made.seal.stays.events + made.seal.touches.events for made in seal("default"))
print(sealed)
"""


class Clock:
    """The processor seconds of this thread, and of its PostgreSQL backend."""

    def __init__(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), version()")
            pid, self.version = cursor.fetchone()
        self._stat = Path(f"/proc/{pid}/schedstat")

    def of(self, call: Callable[[], Any]) -> tuple[float, float, Any]:
        """Calls ``call``. Returns the seconds of Python, those of PostgreSQL, and what it returns."""
        before = self._read()
        result = call()
        python, postgres = (after - earlier for after, earlier in zip(self._read(), before, strict=True))
        return python, postgres, result

    def _read(self) -> tuple[float, float]:
        return time.thread_time(), int(self._stat.read_text().split()[0]) / 1e9


class Sealing:
    """While it is entered, a process seals the log, with a pause of a second after each run."""

    sealed = 0
    """How many events it has sealed."""

    def __enter__(self) -> Self:
        from django.db import connection

        database = connection.settings_dict
        url = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
        self._process = subprocess.Popen(
            [sys.executable, "-c", SEALING],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"DATABASE_URL": url, **os.environ},
        )
        assert self._process.stdout
        self._process.stdout.readline()
        return self

    def __exit__(self, *error: object) -> None:
        output, _ = self._process.communicate("stop\n")
        self.sealed = int(output)


def append(seconds: float, run: str) -> float:
    """Appends batches of joins, touches and leaves for ``seconds``. Returns events a second."""
    from presence_events._recording import statement
    from projections import selections

    start = time.perf_counter()
    appended = number = 0
    while time.perf_counter() - start < seconds:
        names = [f"specific.{run}!{number}-{i}" for i in range(BATCH)]
        for select in (
            lambda name: selections.join(f"append{hash(name) % 100}", name, None, None),
            selections.touch,
            selections.leave_all,
        ):
            statement.append_quietly([select(name) for name in names], "default")
            appended += BATCH
        number += 1
    return appended / (time.perf_counter() - start)


def main(events: int, pairs: int, turn: float) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from presence_events.models import StoredSeal
    from presence_events.seals.sealing import seal
    from presence_events.seals.verifying import verify
    from tests.benchmarks import history

    call_command("migrate", verbosity=0)
    history.users(5000)
    history.write(events, progress=lambda message: print(message, flush=True))
    clock = Clock()
    print(clock.version)
    for name, call in (("seal", lambda: seal("default")), ("verify", lambda: verify("default"))):
        python, postgres, result = clock.of(call)
        assert name == "seal" or (result.findings, result.events) == ([], events)
        print(
            f"{name:7} {events:,} events: {python:.2f} s of Python, {events / python:,.0f} events/s, and "
            f"{postgres:.2f} s of PostgreSQL",
            flush=True,
        )
    sizes = [len(stored.text) + len(stored.marks) for stored in StoredSeal.objects.all()]
    print(f"{len(sizes)} seals, {sum(sizes) / events:.1f} bytes an event", flush=True)

    append(turn / 5, "warm-up")
    seal("default")
    ratios, rates, sealed = [], [], 0
    for pair in range(pairs):
        with_seals = without = 0.0
        for is_sealing in (pair % 2 == 0, pair % 2 == 1):
            if is_sealing:
                with Sealing() as sealing:
                    with_seals = append(turn, f"{pair}-sealed")
                sealed += sealing.sealed
            else:
                without = append(turn, f"{pair}-alone")
                # The next turn with seals then seals what it appends, and no more.
                seal("default")
        ratios.append(with_seals / without)
        rates.append(without)
    print(
        f"appends {median(rates):,.0f} events/s without seals; with them {median(ratios):.3f} times that "
        f"({min(ratios):.3f} to {max(ratios):.3f} in {pairs} pairs of turns of {turn:g} s), {sealed:,} events sealed"
    )


if __name__ == "__main__":
    from tests import postgres

    postgres.start()
    try:
        arguments = [*sys.argv[1:], *("1000000", str(PAIRS), str(TURN))[len(sys.argv) - 1 :]]
        main(int(arguments[0]), int(arguments[1]), float(arguments[2]))
    finally:
        from django.db import connections

        connections.close_all()
        postgres.stop()
