"""Makes the reports that are due, each once, and announces them.

A report is due `conf.max_age` seconds after the end of its span: until then, each connection has shown a sign of life
or has been pruned, so a connection that was lost in the span is known to be lost. It is made from a log that is settled
up to the end of the span.

Any number of processes can do this at the same time, and each can be killed at any moment. A report is inserted with
the key of its schedule as its primary key. It is announced in the transaction that records that it was announced.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from presence_events import validation
from presence_events.positions import settled_position
from presence_events.segments import horizon
from projections import conf
from projections.attendance import assembling
from projections.attendance.activity import is_reported
from projections.attendance.reading import attendance
from projections.attendance.rows import Row
from projections.final_reports.records import AttendanceReport, ScheduledReport
from projections.signals import attendance_report_made

__all__ = ["make_due_reports"]

logger = logging.getLogger("projections.final_reports")


def make_due_reports(using: str) -> int:
    """Makes the reports that are due in the database ``using``, and announces what was not announced. Returns how many.

    One that fails delays no other: the first error is raised at the end, and the next call tries again. Raises
    `OperationalError` if a transaction that appends to the log stays open.
    """
    schedules = ScheduledReport.objects.using(using).filter(announced_at=None)
    due = schedules.filter(ends_at__lte=Now() - timedelta(seconds=conf.max_age())).order_by("ends_at", "id")
    keys = list(due.values_list("pk", flat=True))
    if not keys:
        return 0
    position = settled_position(using)
    errors: list[Exception] = []
    made = 0
    for key in keys:
        made += bool(_try(errors, partial(_make, key, position, using)))
        _try(errors, partial(_announce, key, using))
    if errors:
        raise errors[0]
    return made


def _try(errors: list[Exception], function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        errors.append(error)


def _make(key: int, position: int, using: str) -> bool:
    """Makes one report, unless it is made already, or another process is at it. Returns whether it did."""
    with transaction.atomic(using):
        report = AttendanceReport.objects.using(using).filter(schedule=OuterRef("pk"))
        schedule = _locked(key, using).filter(~Exists(report)).first()
        if schedule is None:
            return False
        _stored(schedule, position, using).save(using=using, force_insert=True)
    return True


def _announce(key: int, using: str) -> None:
    """Sends the signal of a report, unless that is done, or another process is at it."""
    with transaction.atomic(using):
        schedule = _locked(key, using).filter(report__isnull=False).first()
        if schedule is None:
            return
        report = AttendanceReport.objects.using(using).get(pk=key)
        for receiver in attendance_report_made.receivers_for(AttendanceReport):
            try:
                with transaction.atomic(using):
                    attendance_report_made.send_to(receiver, AttendanceReport, report=report)
            except Exception:
                name = attendance_report_made.name_of(receiver)
                logger.exception("The receiver %s of attendance_report_made raised", name)
        ScheduledReport.objects.using(using).filter(pk=key).update(announced_at=Now())


def _locked(key: int, using: str) -> Any:
    schedules = ScheduledReport.objects.using(using).select_for_update(skip_locked=True, of=("self",))
    return schedules.filter(pk=key, announced_at=None)


def _stored(schedule: ScheduledReport, position: int, using: str) -> AttendanceReport:
    """Returns the report of ``schedule``. Of a span that begins before the horizon, it has what is left."""
    expected = None if schedule.expected is None else [validation.user_key(key) for key in schedule.expected]
    found = horizon.read(using).stays
    complete_from = found if horizon.is_before(schedule.starts_at, found) else None
    start = complete_from or schedule.starts_at
    rows = _rows(schedule, start, expected, using) if start < schedule.ends_at else []
    return AttendanceReport(
        schedule=schedule,
        room=schedule.room,
        title=schedule.title,
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        position=position,
        complete_from=complete_from,
        rows=[row.as_json() for row in rows],
    )


def _rows(schedule: ScheduledReport, start: datetime, expected: Any, using: str) -> list[Row]:
    activity = is_reported(schedule.room, start, schedule.ends_at, using)
    found = attendance(schedule.room, start, schedule.ends_at, expected, activity=activity, using=using)
    rows = assembling.rows(found, using=using)
    # Who was there at the horizon may have come at any time before it.
    return rows if start == schedule.starts_at else [replace(row, late=None) for row in rows]
