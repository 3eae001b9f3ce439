"""Answers with a sheet as a file."""

from __future__ import annotations

import re

from django.http import Http404, HttpResponse

from presence_events.exceptions import SpreadsheetsNotInstalled
from projections.attendance.exporting import CONTENT_TYPES, as_bytes
from projections.attendance.sheets import Sheet
from projections.times import url_value

__all__ = ["file_response"]


def file_response(sheet: Sheet, form: str) -> HttpResponse:
    """Returns a response with ``sheet`` as a file to save. Raises Http404 for a ``form`` that does not exist."""
    if form not in CONTENT_TYPES:
        raise Http404
    try:
        content = as_bytes(sheet, form)
    except SpreadsheetsNotInstalled as error:
        return HttpResponse(str(error), status=501, content_type="text/plain; charset=utf-8")
    subject = re.sub(r"[^\w.-]+", "-", f"{sheet.title or sheet.room}-{url_value(sheet.start)}", flags=re.ASCII)
    response = HttpResponse(content, content_type=CONTENT_TYPES[form])
    response.headers["Content-Disposition"] = f'attachment; filename="attendance-{subject}.{form}"'
    return response
