"""A network connection between browsers and a server, which a test can interrupt."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock, Thread

__all__ = ["Cable"]


class Cable:
    """Forwards the TCP connections to its ``port`` to the port ``target``, both on loopback.

    While it is unplugged, browsers are refused. The server is not told: its ends of the connections stay open, and
    nothing arrives there any more.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = Lock()
        self._is_plugged = True
        self._sockets: list[socket.socket] = []
        self._connected: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self._accepting = Thread(target=self._accept)
        self._accepting.start()

    def unplug(self) -> None:
        """Ends the connections of the browsers, and those that they open from now on."""
        with self._lock:
            self._is_plugged = False
            browsers, self._connected = self._connected, set()
            for browser in browsers:
                _end(browser)

    def plug_in(self) -> None:
        """Forwards new connections again. The earlier ones stay interrupted."""
        with self._lock:
            self._is_plugged = True

    def close(self) -> None:
        """Ends all connections on both sides."""
        _end(self._listener)
        self._accepting.join()
        self._listener.close()
        for each in self._sockets:
            _end(each)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                self._connect(self._listener.accept()[0])

    def _connect(self, browser: socket.socket) -> None:
        with self._lock:
            self._sockets.append(browser)
            if not self._is_plugged:
                _end(browser)
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets.append(server)
            self._connected.add(browser)
        for source, sink in ((browser, server), (server, browser)):
            thread = Thread(target=self._forward, args=(source, sink, browser))
            self._threads.append(thread)
            thread.start()

    def _forward(self, source: socket.socket, sink: socket.socket, browser: socket.socket) -> None:
        with suppress(OSError):  # the other side has ended
            while data := source.recv(65536):
                sink.sendall(data)
            if browser in self._connected:
                sink.shutdown(socket.SHUT_WR)


def _end(connection: socket.socket) -> None:
    """Ends a connection, and wakes the threads that wait for it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
