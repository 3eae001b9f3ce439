"""Views through which a test controls the server process."""

from __future__ import annotations

import asyncio
from io import StringIO

from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse

gate = asyncio.Event()


def prune(request: HttpRequest) -> HttpResponse:
    output = StringIO()
    try:
        call_command("prune_presences", f"--age={request.GET['age']}", stdout=output)
    finally:
        connection.close()  # the thread of this request ends with the request
    return HttpResponse(output.getvalue())


async def open_gate(request: HttpRequest) -> HttpResponse:
    """Releases the handlers that wait at the gate now, but none that come later."""
    gate.set()
    gate.clear()
    return HttpResponse()
