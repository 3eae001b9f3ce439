"""Marks: which events they know, and who can read them."""

from __future__ import annotations

from typing import Any

import pytest

from projections.rosters import marks
from projections.rosters.marks import RosterMark, Snapshot

MARK = RosterMark(7, Snapshot.parse("10:20:10,14"), 1_000)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks.time, "time", lambda: 1_000.0)


@pytest.mark.parametrize("text", ["10:20:10,14", "3:3:"])
def test_a_snapshot_is_shown_as_postgresql_shows_it(text: str) -> None:
    assert str(Snapshot.parse(text)) == text


def test_a_snapshot_sees_what_had_ended() -> None:
    assert [tx for tx in range(8, 22) if MARK.snapshot.sees(tx)] == [8, 9, 11, 12, 13, *range(15, 20)]


@pytest.mark.parametrize(
    ("earlier", "later", "covers"),
    [("10:20:10,14", "10:20:10,14", True), ("10:20:10,14", "10:20:10", True), ("10:20:10", "10:20:10,14", False),
     ("10:20:10", "10:21:10,20", True), ("10:21:10", "10:20:10", False)],
)  # fmt: skip
def test_a_snapshot_covers_what_it_sees_too(earlier: str, later: str, covers: bool) -> None:
    assert Snapshot.parse(later).covers(Snapshot.parse(earlier)) is covers


@pytest.mark.parametrize("mark", [MARK, MARK._replace(is_partial=True), MARK._replace(low=-1)])
def test_a_mark_is_read_for_the_same_purpose(mark: RosterMark) -> None:
    assert RosterMark.unsigned(mark.signed("lobby"), "lobby") == mark
    assert RosterMark.unsigned(mark.signed("lobby"), "secret") is None


def test_a_mark_that_was_changed_is_not_read(settings: Any) -> None:
    signed = MARK.signed("lobby")
    assert RosterMark.unsigned(signed.replace("7", "6", 1), "lobby") is None
    settings.SECRET_KEY = "another"
    assert RosterMark.unsigned(signed, "lobby") is None


@pytest.mark.parametrize("value", [None, "", "x", "x" * 20_000, "\ud800", "1.2.3.ü"])
def test_anything_else_is_not_read(value: str | None) -> None:
    assert RosterMark.unsigned(value, "lobby") is None


def test_a_mark_expires_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = MARK.signed("lobby")
    monkeypatch.setattr(marks.time, "time", lambda: 4_600.0)
    assert RosterMark.unsigned(signed, "lobby") == MARK
    monkeypatch.setattr(marks.time, "time", lambda: 4_601.0)
    assert RosterMark.unsigned(signed, "lobby") is None
