"""Views through which a test controls the server process, and the page of a roster."""

from __future__ import annotations

import asyncio
from io import StringIO

from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import engines

gate = asyncio.Event()

ROSTER_PAGE = """<!doctype html>
{% load presence %}
<html lang="en">
<title>{{ room }}</title>
<h1>{{ room }}</h1>
{% presence_roster room url=url %}
"""


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


def roster_page(request: HttpRequest, consumer: str) -> HttpResponse:
    """Shows the roster of the room in ``?room=``. Its WebSocket leads to ``consumer``, with the query of the page."""
    url = f"/{consumer}/?{request.GET.urlencode()}"
    return HttpResponse(engines["django"].from_string(ROSTER_PAGE).render({"room": request.GET["room"], "url": url}))
