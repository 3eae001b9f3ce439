"""Annotations of reports have an author and a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from presence_events.exceptions import InvalidAnnotation, InvalidUser
from projections.final_reports.annotating import annotate
from projections.models import AttendanceReport, ReportAnnotation

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("meeting")]

Make = Callable[..., AttendanceReport]


def test_an_annotation_is_stored_with_its_author(make: Make, user: Any) -> None:
    report = make()
    note = annotate(report, user, " She was there. ", " I saw her. ", row=1)
    note.refresh_from_db()
    assert (note.row, note.correction, note.reason) == (1, "She was there.", "I saw her.")
    assert (note.author, note.author_name, str(note)) == (str(user.pk), "ada", "She was there.")
    assert list(report.annotations.all()) == [note]
    assert str(report) == "Weekly"


@pytest.mark.parametrize(
    "changes",
    [{"correction": " "}, {"reason": ""}, {"reason": "a\x00"}, {"row": -1}, {"row": 3}],
)
def test_an_empty_annotation_and_a_wrong_row_are_refused(make: Make, user: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnnotation):
        annotate(**{"report": make(), "author": user, "correction": "a", "reason": "b", **changes})
    assert not ReportAnnotation.objects.exists()


def test_an_annotation_needs_an_author(make: Make) -> None:
    with pytest.raises(InvalidUser):
        annotate(make(), None, "a", "b")
