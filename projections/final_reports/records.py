"""The models of final reports: a scheduled span, the report that is made of it, and corrections of the report.

A report is permanent. It does not change when retention removes the events that it is based on. Erasure puts a
pseudonym in place of a person, and leaves the figures as they are. A correction is an annotation beside the report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pgtrigger
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from presence_events.models import StoredSeal
from presence_events.schema.indexes import JsonIndex
from presence_events.schema.triggers import SqlTrigger, permanent

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models.fields.related_descriptors import RelatedManager

__all__ = ["AttendanceReport", "ReportAnnotation", "ScheduledReport"]


def _permanent_but_for(source: str) -> list[SqlTrigger]:
    """Returns triggers that refuse to change or delete rows. ``source`` admits what erasure does."""
    return [
        permanent(pgtrigger.Delete | pgtrigger.Truncate),
        SqlTrigger(
            name="only_erased",
            package="projections",
            source=source,
            level=pgtrigger.Row,
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
        ),
    ]


class ScheduledReport(models.Model):
    """A span of a room of which the worker makes a report when it is over.

    `projections.final_reports.scheduling.schedule_report` makes one. It can be changed or deleted until its report is
    made.
    """

    id: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    room: models.TextField[str, str] = models.TextField(
        _("room"), db_collation="C", help_text=_("The name of the room. It need not exist yet.")
    )
    title: models.TextField[str, str] = models.TextField(_("title"), help_text=_("What the report is called."))
    starts_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("from"))
    ends_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("until"))
    expected: models.JSONField[Any, Any] = models.JSONField(
        _("expected"), null=True, help_text=_("The keys of the users who are expected, as text, or null.")
    )
    announced_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("announced at"),
        null=True,
        editable=False,
        help_text=_("When receivers were told of the report; empty until then."),
    )

    if TYPE_CHECKING:
        report: AttendanceReport

    class Meta:
        verbose_name = _("scheduled report")
        verbose_name_plural = _("scheduled reports")
        db_table = "presence_scheduled_report"
        ordering = ["ends_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(starts_at__lt=models.F("ends_at")), name="presence_scheduled_report_span"
            )
        ]
        indexes = [
            # The worker asks for these once a minute.
            models.Index(
                fields=["ends_at"], condition=models.Q(announced_at=None), name="presence_scheduled_report_due"
            )
        ]

    def __str__(self) -> str:
        return self.title


class AttendanceReport(models.Model):
    """The final report of a scheduled span. Rows are added, and never deleted; only erasure changes them.

    ``rows`` is a list with an object for each person, in the form of `projections.attendance.rows`.
    """

    schedule: models.OneToOneField[ScheduledReport, ScheduledReport] = models.OneToOneField(
        ScheduledReport,
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="report",
        verbose_name=_("scheduled report"),
    )
    room: models.TextField[str, str] = models.TextField(_("room"), db_collation="C")
    title: models.TextField[str, str] = models.TextField(_("title"))
    starts_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("from"))
    ends_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("until"))
    made_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("made at"), db_default=Now())
    position: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("position"), help_text=_("The position in the log up to which the report is based on it.")
    )
    complete_from: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("complete from"),
        null=True,
        help_text=_("The horizon, if events of the span had been removed when the report was made."),
    )
    rows: models.JSONField[Any, Any] = models.JSONField(_("rows"))

    if TYPE_CHECKING:
        schedule_id: int
        annotations: RelatedManager[ReportAnnotation]

    class Meta:
        verbose_name = _("attendance report")
        verbose_name_plural = _("attendance reports")
        db_table = "presence_attendance_report"
        ordering = ["ends_at", "schedule"]
        default_permissions = ()
        permissions = [("view_attendance", "Can view attendance")]
        indexes = [
            # Finds the reports that name a person.
            JsonIndex("rows", name="presence_attendance_rows")
        ]
        triggers = _permanent_but_for("report_only_erased")

    def __str__(self) -> str:
        return self.title

    @property
    def seal(self) -> int | None:
        """The number of the seal that covers the position, and with those before it all that the report is based on.

        None as long as there is none. Reading it is a query.
        """
        seals = StoredSeal.objects.using(self._state.db).filter(up_to__gte=self.position).order_by("up_to")
        return seals.values_list("number", flat=True).first()


class ReportAnnotation(models.Model):
    """A correction of a report, beside it. Annotations are added, and never deleted; only erasure changes them."""

    id: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    report: models.ForeignKey[AttendanceReport, AttendanceReport] = models.ForeignKey(
        AttendanceReport, on_delete=models.PROTECT, related_name="annotations", verbose_name=_("attendance report")
    )
    row: models.IntegerField[int | None, int | None] = models.IntegerField(
        _("row"), null=True, help_text=_("The number of the row that it is about, from 0; empty for the whole report.")
    )
    correction: models.TextField[str, str] = models.TextField(_("correction"))
    reason: models.TextField[str, str] = models.TextField(_("reason"))
    author: models.TextField[str, str] = models.TextField(_("author"), help_text=_("The key of the user, as text."))
    author_name: models.TextField[str | None, str | None] = models.TextField(
        _("name of the author"), null=True, help_text=_("Empty if the author was erased.")
    )
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("time"), db_default=Now())

    if TYPE_CHECKING:
        report_id: int

    class Meta:
        verbose_name = _("annotation")
        verbose_name_plural = _("annotations")
        db_table = "presence_report_annotation"
        ordering = ["id"]
        default_permissions = ("add",)
        triggers = _permanent_but_for("annotation_only_erased")

    def __str__(self) -> str:
        return self.correction
