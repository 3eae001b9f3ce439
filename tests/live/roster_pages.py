"""Serves pages, the static files of `projections` and rosters, all from one port and without Django."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from tests import csp

STATIC = Path(__file__).parents[2] / "projections" / "static"


class RosterPages:
    """Pages by path, and the message with which each room answers ``presence.follow``."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.policy = csp.POLICY
        self.answers: dict[str, dict[str, Any]] = {}
        self.received: list[dict[str, Any]] = []
        self.sockets: list[ServerConnection] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, message: dict[str, Any]) -> None:
        """Sends ``message`` to all sockets."""
        for socket in [*self.sockets]:
            socket.send(json.dumps(message))

    def respond(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answers requests for pages and files. The others open a WebSocket."""
        if "Upgrade" in request.headers:
            return None
        path = urlsplit(request.path).path
        file = STATIC / path.removeprefix("/static/")
        if path in self.pages:
            return self._response(200, "text/html", self.pages[path].encode())
        if path.startswith("/static/") and file.is_file():
            return self._response(200, mimetypes.guess_type(file)[0] or "", file.read_bytes())
        return self._response(404, "text/plain", b"")

    def _response(self, status: int, kind: str, body: bytes) -> Response:
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": self.policy,
            "Connection": "close",
        }
        return Response(status, "", Headers(headers), body)

    def serve_rosters(self, socket: ServerConnection) -> None:
        """Answers what one client asks for."""
        self.sockets.append(socket)
        try:
            for text in socket:
                message = json.loads(text)
                self.received.append(message)
                if message["type"] == "presence.follow" and message["room"] in self.answers:
                    socket.send(json.dumps(self.answers[message["room"]]))
        except ConnectionClosed:
            pass
        finally:
            self.sockets.remove(socket)


@contextmanager
def serving() -> Iterator[RosterPages]:
    """Runs the server in a thread."""
    pages = RosterPages()
    server: Server
    with serve(pages.serve_rosters, "127.0.0.1", 0, process_request=pages.respond) as server:
        pages.port = server.socket.getsockname()[1]
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield pages
        server.shutdown()
        thread.join()
