"""What the load generator asks of the server's process itself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

open_sockets = 0


async def count(request: HttpRequest) -> HttpResponse:
    """How many consumers have not returned yet: at 0, everybody has left."""
    return HttpResponse(str(open_sockets))
