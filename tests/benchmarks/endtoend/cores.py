"""Reserves one core for the server, so that the benchmark measures what one core can serve."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.benchmarks import cpu


@contextmanager
def off_server_core(*pids: int) -> Iterator[None]:
    """Keeps this process and ``pids``, with their children, off the core of the server while the block runs."""
    mine = os.sched_getaffinity(0)
    _, others = _split(mine)
    all_pids = [0, *pids, *(child for pid in pids for child in cpu.children(pid))]
    for pid in all_pids:
        _move(pid, others)
    try:
        yield
    finally:
        for pid in all_pids:
            _move(pid, mine)


@contextmanager
def on_server_core() -> Iterator[None]:
    """Makes processes that start in the block run on the server's core: they inherit the affinity of this process."""
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
