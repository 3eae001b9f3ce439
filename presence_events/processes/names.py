"""The names of server processes, and which of them belong to processes that are known to have ended.

A name is ``host:pid:machine-start:random``. ``machine`` is a digest of the boot and the PID namespace, within which a
process id has one meaning. ``start`` is when the process started, in clock ticks since the boot. Both come from Linux;
on other systems a name is ``host:pid:random``.

Whether a process has ended is decided only for processes of the same ``machine``. Other machines, containers with the
same host name, and this machine before it was restarted have another one.
"""

from __future__ import annotations

import os
import secrets
import socket
from functools import cache
from hashlib import sha256
from pathlib import Path

__all__ = ["has_ended", "new_name"]

_PROC = Path("/proc")

_MAX_PID_DIGITS = 10
"""No process has a longer id. Roles that may write the registry decide what is in a name."""


def new_name() -> str:
    """Returns a name that no other event loop has, for one of this process."""
    machine, start = _machine(), _start(os.getpid())
    origin = f"{machine}-{start}:" if machine and start else ""
    return f"{socket.gethostname()}:{os.getpid()}:{origin}{secrets.token_hex(4)}"


def has_ended(name: str) -> bool:
    """Returns whether the process ``name`` is known to have ended. False if it runs, or if it cannot be known."""
    try:
        _, pid, origin, _ = name.rsplit(":", 3)
        machine, start = origin.split("-")
    except ValueError:
        return False
    if not machine or machine != _machine() or not pid.isdecimal():
        return False
    if len(pid) > _MAX_PID_DIGITS:
        return True
    found = _start(int(pid))
    # The process may be another user's, and hidden (the mount option hidepid).
    return found != start if found else not _exists(int(pid))


@cache
def _machine() -> str:
    """Returns a digest that two processes share if they see each other's process ids. It is empty if unknown."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()
        namespace = (_PROC / "self/ns/pid").readlink()
        is_own = (_PROC / "self").readlink() == Path(str(os.getpid()))
    except OSError:
        return ""
    # A container can have the /proc of its host, where the ids of its own processes mean others.
    return sha256(f"{boot} {namespace}".encode()).hexdigest()[:12] if is_own else ""


def _start(pid: int) -> str | None:
    """Returns when the process ``pid`` started, in clock ticks since the machine started. None if it has ended."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name of the program is in parentheses and may contain anything. A zombie (Z) has ended.
    state, *fields = stat[stat.rindex(b")") + 2 :].split()
    return None if state == b"Z" else fields[18].decode()


def _exists(pid: int) -> bool:
    """Returns whether a process that does not show in /proc exists nevertheless."""
    if (_PROC / str(pid)).exists():
        return False  # a zombie
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
