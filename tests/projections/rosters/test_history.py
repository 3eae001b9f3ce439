"""Who has changed since a mark, as far as it is known."""

from __future__ import annotations

import pytest

from projections.rosters import history
from projections.rosters.history import Change, History
from projections.rosters.marks import RosterMark, Snapshot

START = Snapshot.parse("10:10:")


def mark(low: int, snapshot: str) -> RosterMark:
    return RosterMark(low, Snapshot.parse(snapshot), 0)


def test_a_change_that_the_mark_does_not_know_counts() -> None:
    known = History(START, 5)
    for change in (Change(6, 10, "ada", False), Change(7, 11, "bo", False), Change(8, 12, "cy", False)):
        known.add(change)
    assert known.changed_since(mark(5, "11:13:11")) == {"bo"}
    assert known.changed_since(mark(7, "10:10:")) == {"cy"}


def test_an_end_after_its_position_counts_although_the_mark_knows_it() -> None:
    known = History(START, 5)
    known.add(Change(6, 10, "ada", True))
    assert known.changed_since(mark(5, "13:13:")) == {"ada"}


def test_it_reaches_marks_that_are_not_older_than_the_start() -> None:
    known = History(START, 5)
    assert known.reaches(mark(5, "10:10:"))
    assert not known.reaches(mark(4, "10:10:"))
    assert not known.reaches(mark(5, "9:10:9"))


def test_earlier_changes_extend_it() -> None:
    known = History(START, 5)
    known.extend([Change(3, 8, "ada", False)], after=2)
    assert known.reaches(mark(2, "8:8:"))
    assert not known.reaches(mark(1, "8:8:"))
    assert known.changed_since(mark(2, "8:8:")) == {"ada"}


def test_the_oldest_changes_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_CHANGES", 2)
    known = History(START, 5)
    for position in (6, 7, 8):
        known.add(Change(position, position + 4, "ada", False))
    assert not known.reaches(mark(5, "10:10:"))
    assert known.reaches(mark(6, "11:11:"))
