"""Final reports, and the attendance of any other span. No page changes a report; an operator can annotate one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from presence_events.admin import ReadOnlyAdmin
from presence_events.exceptions import BeforeHorizon
from presence_events.models import StoredSeal
from projections.admin.attendance.files import file_response
from projections.admin.attendance.page import ShownRow, sheet_context
from projections.admin.attendance.question import Question, QuestionForm
from projections.admin.columns import time_cell
from projections.admin.links import database_parameter, link, list_url, room_url
from projections.attendance.exporting import CONTENT_TYPES
from projections.attendance.sheets import Sheet, sheet_of
from projections.attendance.visibility import PERMISSION, visible_part, visible_users
from projections.final_reports.annotating import annotate
from projections.final_reports.reading import stored_sheet
from projections.models import AttendanceReport
from projections.times import url_value, zone_name

__all__ = ["AttendanceReportAdmin"]


class AnnotationForm(forms.Form):
    """A correction of one row of the page, or of the whole report."""

    row = forms.TypedChoiceField(label=_("About"), required=False, coerce=int, empty_value=None)
    correction = forms.CharField(label=_("Correction"), max_length=2000, widget=forms.Textarea({"rows": 2, "cols": 40}))
    reason = forms.CharField(label=_("Reason"), max_length=2000, widget=forms.Textarea({"rows": 2, "cols": 40}))

    def __init__(self, rows: list[ShownRow], *args: Any) -> None:
        super().__init__(*args)
        about: Any = self.fields["row"]
        about.choices = [("", _("the whole report")), *((shown.number, shown.row.shown_name) for shown in rows)]


@admin.register(AttendanceReport)
class AttendanceReportAdmin(ReadOnlyAdmin):
    list_display = ("title", "in_room", "start", "end", "made", "sealed")
    search_fields = ("title", "room")
    ordering = ("-ends_at",)
    change_list_template = "admin/projections/attendance/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("span/", view(self.span), name="presence_attendance"),
            path("span/<str:form>/", view(self.span_file), name="presence_attendance_file"),
            path("<path:object_id>/file/<str:form>/", view(self.file), name="presence_attendance_report_file"),
            *super().get_urls(),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(PERMISSION))

    def get_queryset(self, request: HttpRequest) -> Any:
        covering = StoredSeal.objects.filter(up_to__gte=OuterRef("position")).order_by("up_to")
        reports = super().get_queryset(request).defer("rows")
        return reports.annotate(number_of_seal=Subquery(covering.values("number")[:1]))

    @admin.display(description=_("room"), ordering="room")
    def in_room(self, report: AttendanceReport) -> str:
        return link(room_url(report.room), report.room)

    @admin.display(description=_("from"), ordering="starts_at")
    def start(self, report: AttendanceReport) -> str:
        return time_cell(report.starts_at)

    @admin.display(description=_("until"), ordering="ends_at")
    def end(self, report: AttendanceReport) -> str:
        return time_cell(report.ends_at)

    @admin.display(description=_("made at"), ordering="made_at")
    def made(self, report: AttendanceReport) -> str:
        return time_cell(report.made_at)

    @admin.display(description=_("seal"))
    def sealed(self, report: Any) -> str:
        return self.empty_text if report.number_of_seal is None else str(report.number_of_seal)

    @method_decorator(require_safe)
    def span(self, request: HttpRequest) -> HttpResponseBase:
        """Answers with the attendance of the room and the span of the address, or with a form to choose them."""
        form, question = self._read(request)
        context = {**self._context(request), "title": _("Attendance"), "form": form}
        template = "admin/projections/attendance/span.html"
        if question is None:
            return TemplateResponse(request, template, context, status=400 if form.errors else 200)
        if {name: value for name, value in request.GET.items() if name != "page"} != question.parameters():
            return HttpResponseRedirect(f"?{question.query()}")
        try:
            sheet = _asked(question)
        except BeforeHorizon as error:
            context |= {"form": QuestionForm.of(question), "horizon": error.horizon, "zone": zone_name()}
            return TemplateResponse(request, template, context, status=400)
        context |= self._sheet(request, sheet, question.query())
        context |= {
            "form": QuestionForm.of(question),
            "files": self._files("presence_attendance_file", query=question.query()),
            "schedule_url": _schedule_url(question) if request.user.has_perm(_ADD_SCHEDULE) else None,
        }
        return TemplateResponse(request, template, context)

    @method_decorator(require_safe)
    def span_file(self, request: HttpRequest, form: str) -> HttpResponse:
        """Answers with the same as a file."""
        fields, question = self._read(request)
        errors = [str(error) for found in fields.errors.values() for error in found]
        if question is None:
            return _refused(" ".join(errors) or str(_("Choose a room.")))
        try:
            sheet = _asked(question)
        except BeforeHorizon as error:
            return _refused(str(error))
        return file_response(visible_part(sheet, request.user), form)

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Answers with a final report. A POST adds an annotation."""
        report = self._report(request, object_id)
        if report is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(object_id))  # type: ignore[attr-defined]
        sheet = stored_sheet(report)
        shown = self._sheet(request, sheet, _database(report))
        form = AnnotationForm(shown["rows"], *([request.POST] if request.method == "POST" else []))
        may_annotate = self._may_annotate(request, sheet)
        if request.method == "POST":
            if not may_annotate:
                raise PermissionDenied
            if form.is_valid():
                found = form.cleaned_data
                annotate(report, request.user, found["correction"], found["reason"], row=found["row"])
                self.message_user(request, _("The annotation was added."))
                return HttpResponseRedirect(request.get_full_path())
        context = {
            **self._context(request),
            **shown,
            "title": report.title,
            "report": report,
            "annotations": [(note, _about(note.row, sheet)) for note in _notes(report, request, sheet)],
            "annotation_form": form if may_annotate else None,
            "seal_url": None if sheet.seal is None else list_url(StoredSeal),
            "files": self._files("presence_attendance_report_file", report.pk, query=_database(report)),
        }
        status = 400 if form.errors else 200
        return TemplateResponse(request, "admin/projections/attendance/report.html", context, status=status)

    @method_decorator(require_safe)
    def file(self, request: HttpRequest, object_id: str, form: str) -> Any:
        """Answers with a final report as a file."""
        report = self._report(request, object_id)
        if report is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        return file_response(visible_part(stored_sheet(report), request.user), form)

    def _report(self, request: HttpRequest, object_id: str | None) -> AttendanceReport | None:
        if object_id is None or not self.has_view_permission(request):
            raise PermissionDenied
        return self.get_object(request, unquote(object_id))  # type: ignore[return-value]

    def _read(self, request: HttpRequest) -> tuple[QuestionForm, Question | None]:
        """Returns a form to show, with the errors of the address, and what it asks, which is None without a room."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = QuestionForm(request.GET)
        question = form.question()
        return (form if form.errors else QuestionForm()), question

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts}

    def _sheet(self, request: HttpRequest, sheet: Sheet, query: str) -> dict[str, Any]:
        everyone = visible_users(request.user, sheet.room) is None
        shown = visible_part(sheet, request.user)
        return sheet_context(shown, request.GET.get("page", ""), query=query, complete=everyone)

    def _files(self, view: str, *args: Any, query: str = "") -> list[tuple[str, str]]:
        suffix = f"?{query}" if query else ""
        return [(form.upper(), reverse(f"admin:{view}", args=[*args, form]) + suffix) for form in CONTENT_TYPES]

    def _may_annotate(self, request: HttpRequest, sheet: Sheet) -> bool:
        """Returns whether the operator may annotate. Who does not see all rows could not choose among them."""
        may_add = request.user.has_perm("projections.add_reportannotation")
        return may_add and visible_users(request.user, sheet.room) is None


_ADD_SCHEDULE = "projections.add_scheduledreport"


def _asked(question: Question) -> Sheet:
    expected = question.expected_users()
    return sheet_of(question.room, question.start, question.end, expected, activity=question.activity)


def _refused(text: str) -> HttpResponse:
    return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")


def _schedule_url(question: Question) -> str:
    """Returns the address of a form to schedule a report, filled with ``question``."""
    values = {
        "room": question.room,
        "starts_at": url_value(question.start),
        "ends_at": url_value(question.end),
        "expected": question.expected,
    }
    return f"{reverse('admin:projections_scheduledreport_add')}?{urlencode(values)}"


def _database(report: AttendanceReport) -> str:
    return urlencode(database_parameter(report._state.db))


def _notes(report: AttendanceReport, request: HttpRequest, sheet: Sheet) -> list[Any]:
    """Returns the annotations that the operator may see: those about rows of others are not for everyone."""
    notes = list(report.annotations.all())
    users = visible_users(request.user, sheet.room)
    if users is None:
        return notes
    return [note for note in notes if note.row is not None and sheet.rows[note.row].user_id in users]


def _about(row: int | None, sheet: Sheet) -> str:
    return str(_("the whole report")) if row is None else sheet.rows[row].shown_name
