"""The admin: who is present now, who was where, and the log. Its pages link to each other.

No page changes the log or the tables derived from it, with one exception: an operator with the permission
``projections.end_presence`` can make a connection leave. That leave is an event like any other. Reports of attendance
can be scheduled and annotated.
"""

from __future__ import annotations

from projections.admin.attendance.reports import AttendanceReportAdmin
from projections.admin.attendance.schedules import ScheduledReportAdmin
from projections.admin.dead_letters import DeadLetterAdmin
from projections.admin.events import EventAdmin
from projections.admin.presences import PresenceAdmin
from projections.admin.processes import ProcessAdmin
from projections.admin.rooms import RoomAdmin
from projections.admin.stays import PresenceSessionAdmin
from projections.admin.timeline.admin import TimelineAdmin

__all__ = [
    "AttendanceReportAdmin",
    "DeadLetterAdmin",
    "EventAdmin",
    "PresenceAdmin",
    "PresenceSessionAdmin",
    "ProcessAdmin",
    "RoomAdmin",
    "ScheduledReportAdmin",
    "TimelineAdmin",
]
