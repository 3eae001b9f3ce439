"""One core for the server, the others for everybody else: what one core can serve is then what is measured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.benchmarks import cpu


@contextmanager
def apart(*pids: int) -> Iterator[None]:
    """This process and those ``pids``, their children included, keep off the core of the server."""
    mine = os.sched_getaffinity(0)
    _, others = _split(mine)
    everybody = [0, *pids, *(child for pid in pids for child in cpu.children(pid))]
    for pid in everybody:
        _move(pid, others)
    try:
        yield
    finally:
        for pid in everybody:
            _move(pid, mine)


@contextmanager
def of_the_server() -> Iterator[None]:
    """What is started meanwhile runs on the server's core: children are where their parent was."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _split(set(range(os.cpu_count() or 1)))[0])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _split(cores: set[int]) -> tuple[set[int], set[int]]:
    first = {min(cores)}
    return first, cores - first or first


def _move(pid: int, cores: set[int]) -> None:
    with suppress(ProcessLookupError):
        os.sched_setaffinity(pid, cores)
