"""Corrections of final reports, which are annotations beside them."""

from __future__ import annotations

from typing import Any

from presence_events import users, validation
from presence_events.exceptions import InvalidAnnotation, InvalidUser
from projections.final_reports.records import AttendanceReport, ReportAnnotation

__all__ = ["annotate"]


def annotate(
    report: AttendanceReport, author: Any, correction: str, reason: str, *, row: int | None = None
) -> ReportAnnotation:
    """Adds an annotation by ``author``, a user, to ``report``, and returns it. The report itself does not change.

    ``correction`` says what is right, and ``reason`` how the author knows. ``row`` is the number of the row that it is
    about, from 0, or None for the whole report. Raises `InvalidUser` for an author without a key, and
    `InvalidAnnotation` for an empty text and for a row that the report does not have. Nothing is added then.
    """
    key = validation.saved_user_key(author)
    if key is None:
        raise InvalidUser("An annotation needs an author.")
    texts = [text.strip() for text in (correction, reason)]
    if not all(texts) or "\x00" in "".join(texts):
        raise InvalidAnnotation("The correction or the reason is empty, or has the character NUL.")
    if row is not None and not 0 <= row < len(report.rows):
        raise InvalidAnnotation(f"Got row {row}; the report has {len(report.rows)} rows.")
    return ReportAnnotation.objects.using(report._state.db).create(
        report=report,
        row=row,
        correction=texts[0],
        reason=texts[1],
        author=str(key),
        author_name=users.name_of(author),
    )
