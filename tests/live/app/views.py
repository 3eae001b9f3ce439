"""What a test asks of the server's process itself."""

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
        connection.close()  # it belongs to the thread of this request, which ends with it
    return HttpResponse(output.getvalue())


async def open_gate(request: HttpRequest) -> HttpResponse:
    """Lets everyone go on who waits at the gate, now and not later."""
    gate.set()
    gate.clear()
    return HttpResponse()
