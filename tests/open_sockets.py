"""Counts the sockets of a server whose application has not returned yet: at 0, no handler is at work."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

_open = 0


class OpenSocketCounter:
    """ASGI middleware around the application that serves the sockets."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        global _open  # noqa: PLW0603
        _open += 1
        try:
            await self.inner(scope, receive, send)
        finally:
            _open -= 1


async def count(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(_open))
