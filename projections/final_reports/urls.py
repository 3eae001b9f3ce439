"""The address of the page on which people see their own attendance: ``presence_own_attendance``."""

from __future__ import annotations

from django.urls import path

from projections.final_reports.views import OwnAttendanceView

urlpatterns = [path("", OwnAttendanceView.as_view(), name="presence_own_attendance")]
