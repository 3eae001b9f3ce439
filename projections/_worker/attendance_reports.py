"""Makes final reports beside the other jobs of the worker."""

from __future__ import annotations

from projections._worker.background_job import BackgroundJob
from projections.final_reports import making

__all__ = ["AttendanceReports"]


class AttendanceReports(BackgroundJob):
    """Makes and announces the reports that are due."""

    interval = 60.0
    what = "The making of attendance reports"

    def work(self) -> None:
        making.make_due_reports(self._using)
