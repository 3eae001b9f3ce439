"""Attendance: who was in a room, for how long, and who is missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, assert_type

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from projections.attendance import Attendance, Attendee, aattendance, amissing_now, attendance, missing_now
from projections.models import Room


def pupils(room: str) -> list[int]:
    return [len(room)]


def reports(room: Room, user: AbstractBaseUser, start: datetime, end: datetime) -> None:
    report = attendance(room, start, end)
    assert_type(report, Attendance)
    for expected in (get_user_model()._default_manager.all(), [user], {4711}, pupils):
        assert_type(attendance("lobby", start, end, expected, activity=True, using="replica"), Attendance)
    assert_type(report.of(user), Attendee | None)
    assert_type(report.people, tuple[Attendee, ...])
    assert_type(report.anonymous, Attendee | None)
    assert_type(report.missing, tuple[Any, ...])
    assert_type(report.until, datetime)
    assert_type(report.position, int)
    assert_type(report.complete_from, datetime | None)
    assert_type(report.is_known, bool)
    assert_type(report.expected, int | None)
    assert_type(missing_now(room, pupils), tuple[Any, ...])


async def areports(start: datetime, end: datetime) -> None:
    assert_type(await aattendance("lobby", start, end, pupils), Attendance)
    assert_type(await amissing_now("lobby", [4711], using="default"), tuple[Any, ...])


def figures(attendee: Attendee) -> None:
    assert_type(attendee.first_in, datetime)
    assert_type(attendee.last_out, datetime | None)
    assert_type(attendee.last_seen, datetime | None)
    assert_type(attendee.certain, timedelta)
    assert_type(attendee.possible, timedelta)
    assert_type(attendee.stays, int)
    assert_type(attendee.late, timedelta | None)
    assert_type(attendee.percent_certain, float)
    assert_type(attendee.is_certain, bool)
    assert_type(attendee.is_expected, bool | None)
    assert_type(attendee.active, timedelta | None)
