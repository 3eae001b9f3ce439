"""The processor time of a server with all its processes."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(pid: int) -> float:
    """Returns the CPU seconds of the process ``pid`` and its children, also of those that have ended."""
    own, _ = _times(pid)
    reaped = _times(pid, waited_for=True)[0]
    return (own + reaped + sum(_times(child)[0] for child in children(pid))) / _TICKS


def of_one(pid: int) -> float:
    """Returns the CPU seconds of the process ``pid`` alone, or 0 if it has ended."""
    return _times(pid)[0] / _TICKS


def of_core(number: int) -> float:
    """Returns the CPU seconds that all programs of this machine used on a core. It is 0 where that is not known."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except FileNotFoundError:
        return 0.0
    # The fourth and fifth column are of an idle core. Those after the seventh are of virtual machines.
    columns = next((line.split()[1:8] for line in lines if line.startswith(f"cpu{number} ")), [])
    return sum(int(ticks) for column, ticks in enumerate(columns) if column not in (3, 4)) / _TICKS


def parent(pid: int) -> int:
    """Returns the id of the parent of the process ``pid``."""
    return _times(pid)[1]


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            _, parent = _times(int(entry.name))
            if parent == pid:
                found.append(int(entry.name))
    return found


def _times(pid: int, *, waited_for: bool = False) -> tuple[int, int]:
    """Returns the ticks in user and system mode, and the parent's id. Both are 0 for a process that has just ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    fields = stat.rpartition(")")[2].split()  # the name of the program may contain spaces and brackets
    first = 13 if waited_for else 11
    return int(fields[first]) + int(fields[first + 1]), int(fields[1])
