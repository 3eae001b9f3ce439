"""Periods of presence agree with the figures of attendance, and with a count minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.attendance import assembling, attendance
from projections.attendance.periods import Period, periods
from projections.models import PresenceSession
from tests.backdating import Stay, write

NINE = datetime(2024, 3, 4, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TEN = NINE + 60 * MINUTE


def stay(joined: int, left: int | None, seen: int | None = None, ended_by: str = "leave") -> PresenceSession:
    """A stay in minutes from nine on. It was pruned, or is open, if it was last seen at ``seen``."""
    end = None if left is None else NINE + left * MINUTE
    ended = None if left is None else ended_by
    last = NINE + (seen if seen is not None else left or joined) * MINUTE
    return PresenceSession(joined_at=NINE + joined * MINUTE, left_at=end, last_seen=last, ended_by=ended)


def minutes(found: list[Period]) -> list[tuple[float, float, bool]]:
    return [((start - NINE) / MINUTE, (end - NINE) / MINUTE, is_certain) for start, end, is_certain in found]


def of(*stays: PresenceSession) -> list[tuple[float, float, bool]]:
    return minutes(periods(stays, NINE, TEN))


def test_the_tabs_of_a_person_are_merged() -> None:
    assert of(stay(5, 20), stay(10, 30), stay(30, 40), stay(50, 55)) == [(5, 40, True), (50, 55, True)]


def test_periods_are_cut_to_the_span() -> None:
    assert of(stay(-30, -10), stay(-10, 5), stay(55, 90), stay(60, 70)) == [(0, 5, True), (55, 60, True)]


def test_after_the_last_sign_of_life_presence_is_possible() -> None:
    assert of(stay(5, 20, 10, "prune")) == [(5, 10, True), (10, 20, False)]
    assert of(stay(5, None, 10)) == [(5, 10, True), (10, 60, False)]
    assert of(stay(5, 20, 5, "prune")) == [(5, 20, False)]


def test_a_leave_that_others_made_is_no_sign_of_life() -> None:
    ended = stay(5, 20, 10)
    ended.reason = {"by": "admin"}
    assert of(ended) == [(5, 10, True), (10, 20, False)]


def test_what_one_tab_makes_certain_is_certain() -> None:
    lost = stay(0, 40, 10, "prune")
    assert of(lost, stay(20, 30)) == [(0, 10, True), (10, 20, False), (20, 30, True), (30, 40, False)]


stays_of_one = st.lists(
    st.tuples(st.integers(-20, 70), st.integers(0, 40), st.integers(0, 40), st.booleans()).map(
        lambda drawn: stay(
            drawn[0], drawn[0] + drawn[1], drawn[0] + min(drawn[1], drawn[2]), "prune" if drawn[3] else "leave"
        )
    ),
    max_size=6,
)


@given(stays_of_one)
def test_periods_are_the_minutes_of_the_stays(stays: list[PresenceSession]) -> None:
    found = periods(stays, NINE, TEN)
    for minute in range(60):
        moment = NINE + minute * MINUTE
        possible = any(one.joined_at <= moment < one.left_at for one in stays if one.left_at)
        certain = any(one.joined_at <= moment < one.certain_until for one in stays)
        inside = [period.is_certain for period in found if period.start <= moment < period.end]
        assert inside == ([certain] if possible else [])
    for before, after in pairwise(found):
        assert before.end <= after.start
        assert before.end < after.start or before.is_certain != after.is_certain


@pytest.mark.django_db
def test_the_lengths_of_periods_are_the_figures(user: Any, other_user: Any) -> None:
    write(
        Stay("planning", "a1", user, NINE - MINUTE, NINE + 20 * MINUTE),
        Stay("planning", "a2", user, NINE + 10 * MINUTE, NINE + 40 * MINUTE, "prune", NINE + 25 * MINUTE),
        Stay("planning", "a3", user, NINE + 30 * MINUTE, NINE + 35 * MINUTE, reason={"by": "admin"}),
        Stay("planning", "b1", other_user, NINE + 50 * MINUTE, last_seen=NINE + 55 * MINUTE),
        Stay("planning", "g1", None, NINE, NINE + 5 * MINUTE),
        Stay("planning", "g2", None, NINE + 3 * MINUTE, NINE + 9 * MINUTE, "prune"),
    )
    rows = assembling.rows(attendance("planning", NINE, TEN), using="default")
    assert len(rows) == 3
    for row in rows:
        certain = sum((period.end - period.start for period in row.periods if period.is_certain), timedelta())
        possible = sum((period.end - period.start for period in row.periods), timedelta())
        assert (certain, possible) == (row.certain, row.possible)
