"""A link between two network namespaces, whose packets a thread forwards, delays and loses.

It needs Linux, Python 3.12, ``ip``, ``/dev/net/tun`` and the right to create network namespaces, but no netem.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from tests.live.databases import Cluster

_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001
_OWN_NAMESPACE = "/proc/thread-self/ns/net"


class Link:
    """Connects the present network namespace with a new one, in which `entered` starts processes.

    Each direction takes ``delay`` seconds. A share ``loss`` of the packets vanishes, and all do while the link is
    interrupted: no end of the link is told.
    """

    near, host = "192.0.2.1", "192.0.2.2"
    port = 5432

    def __init__(self) -> None:
        self.delay = 0.0
        self.loss = 0.0
        self.forwarded = self.lost = 0
        self._rng = random.Random("link")
        self._is_up = True
        self._is_closed = False
        self._near = _interface("near", self.near)
        self._namespace, self._far = _far_end(self.host)
        self._thread = threading.Thread(target=self._forward)
        self._thread.start()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Lets the processes that this thread starts in the block use the far end of the link."""
        before = os.open(_OWN_NAMESPACE, os.O_RDONLY)
        os.setns(self._namespace, os.CLONE_NEWNET)
        try:
            yield
        finally:
            os.setns(before, os.CLONE_NEWNET)
            os.close(before)

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """Loses all packets until the block ends."""
        self._is_up = False
        try:
            yield
        finally:
            self._is_up = True

    def close(self) -> None:
        """Removes the interfaces, and with the last process of the far namespace that namespace."""
        self._is_closed = True
        self._thread.join()
        for file in (self._near, self._far, self._namespace):
            os.close(file)

    def _forward(self) -> None:
        opposite = {self._near: self._far, self._far: self._near}
        on_their_way: list[tuple[float, int, int, bytes]] = []
        numbers = count()
        while not self._is_closed:
            until_next = max(on_their_way[0][0] - time.monotonic(), 0) if on_their_way else 0.1
            for end in select.select(list(opposite), [], [], until_next)[0]:
                packet = os.read(end, 65536)
                if self._is_up and self._rng.random() >= self.loss:
                    heapq.heappush(on_their_way, (time.monotonic() + self.delay, next(numbers), opposite[end], packet))
                else:
                    self.lost += 1
            while on_their_way and on_their_way[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(on_their_way)
                os.write(end, packet)
                self.forwarded += 1


class FarCluster(Cluster):
    """A PostgreSQL server at the far end of ``link``. It is reached there by TCP, and by its Unix socket from here."""

    def __init__(self, home: Path, link: Link) -> None:
        self._link = link
        super().__init__(home, ("-c", f"listen_addresses={link.host}"))

    @contextmanager
    def running(self) -> Iterator[Cluster]:
        with ExitStack() as stack:
            with self._link.entered():
                stack.enter_context(super().running())
            with (self._server.data / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {self._link.near}/32 trust\n")
            self.query("SELECT pg_reload_conf()")
            yield self


def _interface(name: str, address: str) -> int:
    """Makes an interface of this thread's namespace. Returns the file of its packets, which removes it when closed."""
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN_WITHOUT_HEADER))
    for command in (
        ["ip", "address", "add", f"{address}/30", "dev", name],
        ["ip", "link", "set", name, "up"],
        ["ip", "link", "set", "lo", "up"],
    ):
        subprocess.run(command, check=True, env={"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"})
    return file


def _far_end(address: str) -> tuple[int, int]:
    """Makes a namespace with an interface. Returns the files of both."""
    files: list[int] = []

    def make() -> None:
        os.unshare(os.CLONE_NEWNET)
        files.append(os.open(_OWN_NAMESPACE, os.O_RDONLY))
        files.append(_interface("far", address))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    namespace, interface = files
    return namespace, interface
