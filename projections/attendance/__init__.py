"""Attendance: who was in a room in a span of time, for how long, who is missing, and how certain that is.

from projections.attendance import attendance

report = attendance("planning", start, end, expected=team.members.all())
report.of(alice)    # her figures, or None
report.missing      # the keys of those who never came
"""

from __future__ import annotations

from projections.attendance.figures import Attendance, Attendee
from projections.attendance.live import amissing_now, missing_now
from projections.attendance.reading import aattendance, attendance

__all__ = ["Attendance", "Attendee", "aattendance", "amissing_now", "attendance", "missing_now"]
