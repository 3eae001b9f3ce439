"""Attendance equals a second computation in plain Python, and what is certain and possible encloses what is true."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from hypothesis import example, given
from hypothesis import strategies as st

from projections.attendance import Attendance, Attendee, attendance
from tests.backdating import Stay, write
from tests.fold import assert_live_is_the_fold
from tests.properties import examples

pytestmark = pytest.mark.django_db

ZERO, INSTANT, MINUTE = timedelta(), timedelta(microseconds=1), timedelta(minutes=1)
NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
NAMES = ("ada", "bo", "cy")


@contextmanager
def rolled_back() -> Any:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def keys() -> list[Any]:
    users = get_user_model()._default_manager
    return [users.create(username=name).pk for name in NAMES]


# The second computation


class Period(NamedTuple):
    began: datetime
    ended: datetime


def by_definition(stays: Iterable[Stay], start: datetime, until: datetime) -> dict[Any, dict[str, Any]]:
    """Returns the figures of each user, and those of anonymous connections under None.

    Cuts the span at every time in the history, and asks of each piece who was there in it.
    """
    found: dict[Any, list[Stay]] = {}
    for stay in stays:
        if stay.joined < until and (stay.left is None or stay.left > start):
            found.setdefault(stay.user, []).append(stay)
    return {user: figures(own, start, until) for user, own in found.items()}


def figures(stays: list[Stay], start: datetime, until: datetime) -> dict[str, Any]:
    times = {time for stay in stays for time in (stay.joined, stay.left, seen(stay)) if time is not None}
    cuts = sorted({start, until, *(time for time in times if start < time < until)})
    pieces = [Period(*piece) for piece in pairwise(cuts)]
    possible = [any(stay.joined <= piece.began and (stay.left is None or piece.ended <= stay.left) for stay in stays)
                for piece in pieces]  # fmt: skip
    certain = [any(stay.joined <= piece.began and piece.ended <= seen(stay) for stay in stays) for piece in pieces]
    first = max(start, min(stay.joined for stay in stays))
    lefts = [until if stay.left is None else min(stay.left, until) for stay in stays]
    last = max(lefts)
    absences = [length(run) for is_there, run in runs(pieces, possible, first, last) if not is_there]
    signs = [min(seen(stay), until) for stay in stays if seen(stay) >= max(stay.joined, start)]
    span = until - start
    return {
        "first_in": first,
        "last_out": None if last == until else last,
        "last_seen": max(signs, default=None),
        "certain": length(piece for piece, is_there in zip(pieces, certain, strict=True) if is_there),
        "possible": length(piece for piece, is_there in zip(pieces, possible, strict=True) if is_there),
        "stays": len(stays),
        "longest_absence": max(absences, default=ZERO),
        "late": first - start or None,
        "left_early": until - last or None,
        "percent_certain": pytest.approx(100 * (length(p for p, c in zip(pieces, certain, strict=True) if c) / span)),
        "percent_possible": pytest.approx(100 * (length(p for p, c in zip(pieces, possible, strict=True) if c) / span)),
    }


def seen(stay: Stay) -> datetime:
    """Until when the stay is certain."""
    if stay.left is not None and stay.ended_by == "leave" and stay.reason is None:
        return stay.left
    return max([stay.last_seen or stay.joined, *(at for at, _ in stay.changes)])


def runs(pieces: list[Period], are_there: list[bool], first: datetime, last: datetime) -> Iterable[Any]:
    between = [(is_there, piece) for piece, is_there in zip(pieces, are_there, strict=True)
               if first <= piece.began and piece.ended <= last]  # fmt: skip
    for is_there, run in groupby(between, key=lambda each: each[0]):
        yield is_there, [piece for _, piece in run]


def length(pieces: Iterable[Period]) -> timedelta:
    return sum((piece.ended - piece.began for piece in pieces), ZERO)


def of_report(report: Attendance) -> dict[Any, dict[str, Any]]:
    lines = [*report.people, *([report.anonymous] if report.anonymous else [])]
    return {line.user_id: compared(line) for line in lines}


def of_function(room: str, start: datetime, stop: datetime) -> dict[Any, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM presence_attendance(%s, %s, %s)", [room, start, stop])
        _, *names = [column.name for column in cursor.description]
        return {key: dict(zip(names, row, strict=True)) for key, *row in cursor.fetchall()}


def compared(attendee: Attendee) -> dict[str, Any]:
    return {name: value for name, value in asdict(attendee).items() if name not in ("user_id", "is_expected", "active")}


# Histories

# A small set: many events coincide with each other and with the ends of the span.
MOMENT = st.builds(
    lambda minutes, instants: NOON + minutes * MINUTE + instants * INSTANT,
    st.integers(0, 12),
    st.sampled_from([0, 0, 0, 0, -1, 1]),
)
PERSON = st.sampled_from([None, 0, 1, 2])
Visit = tuple[str, int | None, datetime, datetime | None, str, datetime, Any]


@st.composite
def visits(draw: st.DrawFn) -> list[Visit]:
    """Draws stays in two rooms. A person has several tabs, which may begin and end at the same times."""
    found = []
    for _ in range(draw(st.integers(0, 9))):
        joined, last_seen, left = sorted([draw(MOMENT), draw(MOMENT), draw(MOMENT)])
        how, reason = draw(st.sampled_from([("leave", None), ("leave", {"reason": "moved"}), ("prune", None)]))
        is_open = draw(st.integers(0, 4)) == 0
        room = draw(st.sampled_from(["lobby", "lobby", "lobby", "hall"]))
        ended: datetime | None = None if is_open else left
        found.append((room, draw(PERSON), joined, ended, how, last_seen, None if is_open else reason))
    return found


@examples(50)
@given(visits(), MOMENT, st.integers(1, 15), st.sets(st.integers(0, 2)))
def test_figures_equal_the_second_computation(
    visits: list[Visit], start: datetime, minutes: int, expected: set[int]
) -> None:
    with rolled_back():
        people = keys()
        stays = [
            Stay(room, f"c{number}", None if who is None else people[who], joined, left, how, seen, reason=reason)
            for number, (room, who, joined, left, how, seen, reason) in enumerate(visits)
        ]
        write(*stays)
        until = start + minutes * MINUTE
        lobby = [stay for stay in stays if stay.room == "lobby"]
        listed = [people[number] for number in sorted(expected)]
        report = attendance("lobby", start, until, expected=listed)
        wanted = by_definition(lobby, start, until)
        assert of_report(report) == wanted
        assert of_function("lobby", start, until) == wanted
        assert report.is_known == bool(lobby)
        assert [line.first_in for line in report.people] == sorted(line.first_in for line in report.people)
        assert list(report.missing) == [key for key in listed if key not in wanted]
        assert {line.user_id: line.is_expected for line in report.people} == {
            key: key in listed for key in wanted if key is not None
        }
        assert report.expected == len(listed)
        assert_live_is_the_fold()


# Activity

DATA = st.sampled_from([*({"activity": what} for what in ("active", "idle", "hidden", "asleep")), {"status": "x"}, "x"])


@st.composite
def reporting(draw: st.DrawFn) -> list[tuple[int, Stay]]:
    """Draws tabs of two people, with data that changes while they are there."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        joined, left = sorted([draw(MOMENT), draw(MOMENT)])
        times = sorted(time for time in draw(st.lists(MOMENT, max_size=4)) if joined <= time <= left)
        changes = [(time, draw(DATA)) for time in times]
        how, is_open = draw(st.sampled_from([("leave", False), ("prune", False), ("prune", True)]))
        data = draw(st.none() | DATA)
        stay = Stay("lobby", f"c{number}", None, joined, None if is_open else left, how, data=data, changes=changes)
        found.append((draw(st.integers(0, 1)), stay))
    return found


@examples(50)
@given(reporting(), MOMENT, st.integers(1, 15))
def test_active_times_equal_the_second_computation(
    drawn: list[tuple[int, Stay]], start: datetime, minutes: int
) -> None:
    with rolled_back():
        people = keys()
        stays = [stay._replace(user=people[who]) for who, stay in drawn]
        write(*stays)
        until = start + minutes * MINUTE
        report = attendance("lobby", start, until, activity=True)
        assert of_report(report) == by_definition(stays, start, until)
        for attendee in report.people:
            own = [stay for stay in stays if stay.user == attendee.user_id and stay.joined < until]
            assert attendee.active == active_by_definition(own, start, until)
            assert attendee.active is None or ZERO <= attendee.active <= attendee.certain
        assert_live_is_the_fold()


def active_by_definition(stays: list[Stay], start: datetime, until: datetime) -> timedelta | None:
    """Asks of each piece between two times whether some connection was active in it."""
    told = [stay for stay in stays if stay.left is None or stay.left > start]
    reporting = [stay for stay in told if any(activity_in(data) for at, data in said(stay) if at < until)]
    if not reporting:
        return None
    times = {time for stay in stays for time in (stay.joined, seen(stay), *(at for at, _ in stay.changes))}
    pieces = [Period(*piece) for piece in pairwise(sorted({start, until, *(t for t in times if start < t < until)}))]
    return length(piece for piece in pieces if any(is_active(stay, piece) for stay in reporting))


def said(stay: Stay) -> list[tuple[datetime, Any]]:
    return [(stay.joined, stay.data), *stay.changes]


def activity_in(data: Any) -> str | None:
    activity = data.get("activity") if isinstance(data, dict) else None
    return activity if activity in ("active", "idle", "hidden") else None


def is_active(stay: Stay, piece: Period) -> bool:
    is_there = stay.joined <= piece.began and piece.ended <= seen(stay)
    last = [data for at, data in said(stay) if at <= piece.began][-1:]
    return is_there and all(activity_in(data) in ("active", None) for data in last)


# The simulation: what really happened, and what the log has of it


class Tab(NamedTuple):
    """A connection, as it really was. It is alive from ``opened`` to ``closed``, and shows signs of life meanwhile.

    ``end`` is how: ``leave`` by itself, ``crash`` without a word, or ``operator``, who makes it leave at ``noticed``
    whether it is still alive or not. After a crash it is pruned at ``noticed``, or still open if that is None. With
    ``mistake``, it is pruned then although it is alive: its signs of life do not arrive.
    """

    person: int | None
    opened: datetime
    closed: datetime
    sign: datetime
    """The last sign of life that arrived."""
    end: str
    noticed: datetime | None

    @property
    def really(self) -> Period:
        """When it was really in the room: until it closed, or the log ended its stay."""
        ended = (
            self.closed if self.end in ("leave", "crash") or self.noticed is None else min(self.closed, self.noticed)
        )
        return Period(self.opened, ended)

    def recorded(self, number: int, keys: list[Any]) -> Stay:
        user = None if self.person is None else keys[self.person]
        kinds: dict[str, dict[str, Any]] = {
            "leave": {"left": self.closed},
            "crash": {"left": self.noticed, "ended_by": "prune"},
            "mistake": {"left": self.noticed, "ended_by": "prune"},
            "operator": {"left": self.noticed, "reason": {"reason": "closed the room"}},
        }
        how = dict(kinds[self.end])
        if self.end != "leave" and self.noticed is None:
            how = {"left": None}
        return Stay("lobby", f"c{number}", user, self.opened, last_seen=self.sign, **how)


@st.composite
def tabs(draw: st.DrawFn) -> list[Tab]:
    found = []
    for _ in range(draw(st.integers(1, 8))):
        end = draw(st.sampled_from(["leave", "crash", "crash", "mistake", "operator"]))
        opened, sign, third, fourth = sorted(draw(MOMENT) for _ in range(4))
        # A leave is alive until then. A crash is noticed later. A mistake ends what is alive. An operator does either.
        closed, noticed = (fourth, third) if end == "mistake" else (third, fourth)
        if end == "operator":
            closed, noticed = draw(st.permutations([third, fourth]))
        is_open = end == "crash" and draw(st.booleans())
        found.append(Tab(draw(PERSON), opened, closed, sign, end, None if is_open else noticed))
    return found


@examples(50)
@given(tabs(), MOMENT, st.integers(1, 15))
@example([Tab(0, NOON, NOON + 5 * MINUTE, NOON + 4 * MINUTE, "operator", NOON + 9 * MINUTE)], NOON, 12).via(
    "an operator ends the stay of a tab that was lost before"
)
def test_the_truth_is_between_certain_and_possible(tabs: list[Tab], start: datetime, minutes: int) -> None:
    with rolled_back():
        people = keys()
        write(*(tab.recorded(number, people) for number, tab in enumerate(tabs)))
        until = start + minutes * MINUTE
        report = attendance("lobby", start, until)
        lines = {line.user_id: line for line in (*report.people, *([report.anonymous] if report.anonymous else []))}
        for person in {tab.person for tab in tabs}:
            own = [tab for tab in tabs if tab.person == person]
            true = truth([tab.really for tab in own], start, until)
            line = lines.get(None if person is None else people[person])
            if line is None:
                assert true == ZERO
                continue
            assert ZERO <= line.certain <= true <= line.possible <= until - start
            was_there = any(tab.opened < until and tab.really.ended >= start for tab in own)
            assert not line.is_certain or was_there
            assert line.is_certain or line.certain == ZERO


def truth(periods: list[Period], start: datetime, until: datetime) -> timedelta:
    """Returns for how long at least one of ``periods`` went on between ``start`` and ``until``."""
    cuts = sorted({start, until, *(time for period in periods for time in period if start < time < until)})
    return length(
        Period(*piece)
        for piece in pairwise(cuts)
        if any(period.began <= piece[0] and piece[1] <= period.ended for period in periods)
    )
