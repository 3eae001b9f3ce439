"""The page on which people see their own attendance. Include `projections.final_reports.urls` in your URLs.

It shows the rooms in which the logged-in user was in a span, and the final reports that name them. It shows nothing
about others. The template is ``projections/own_attendance.html``: put one of the same name into your templates to
change it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.utils import timezone
from django.views.generic import TemplateView

from projections.attendance.own import own_attendance
from projections.final_reports.reading import reports_of
from projections.times import zone_name

__all__ = ["OwnAttendanceView"]


class OwnAttendanceView(LoginRequiredMixin, TemplateView):
    """Shows the attendance of the logged-in user in the last `days` days. Others are asked to log in."""

    template_name = "projections/own_attendance.html"
    http_method_names = ["get", "head", "options"]
    days = 30

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        now = timezone.now()
        visits, is_complete = own_attendance(self.request.user, now - timedelta(days=self.days), now)
        return super().get_context_data(
            visits=visits,
            is_complete=is_complete,
            reports=reports_of(self.request.user),
            days=self.days,
            zone=zone_name(),
            **kwargs,
        )
