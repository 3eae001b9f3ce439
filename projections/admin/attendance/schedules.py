"""Scheduled reports: an operator can add one, and change or delete it until its report is made."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.admin import ReadOnlyAdmin
from presence_events.databases.rooms import alias_of_room
from presence_events.exceptions import InvalidRoomName
from projections.admin.attendance.question import user_keys
from projections.admin.columns import time_cell
from projections.admin.links import link, report_url, room_url
from projections.admin.timeline.lanes import users_by_key
from projections.final_reports.scheduling import MAX_TITLE_CHARS
from projections.models import ScheduledReport
from projections.times import local

__all__ = ["ScheduledReportAdmin"]


class ScheduledReportForm(forms.ModelForm):  # type: ignore[type-arg]
    room = forms.CharField(label=_("Room"), strip=False, help_text=_("exact name"))
    title = forms.CharField(label=_("Title"), max_length=MAX_TITLE_CHARS)
    expected = forms.CharField(
        label=_("Expected"),
        required=False,
        widget=forms.Textarea({"rows": 6, "cols": 40}),
        help_text=_("names or keys of users, one on each line"),
    )

    class Meta:
        model = ScheduledReport
        fields = ("title", "room", "starts_at", "ends_at", "expected")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "expected" in self.fields and self.instance.expected is not None:
            self.initial["expected"] = _names(self.instance.expected)

    def clean_room(self) -> str:
        try:
            return validation.recorded_room_name(self.cleaned_data["room"])
        except InvalidRoomName:
            raise forms.ValidationError(_("No room can have this name.")) from None

    def clean_expected(self) -> list[str] | None:
        lines = [line.strip() for line in self.cleaned_data["expected"].splitlines() if line.strip()]
        return [str(key) for key in dict.fromkeys(user_keys("\n".join(lines)))] or None

    def clean(self) -> None:
        start, end = (self.cleaned_data.get(name) for name in ("starts_at", "ends_at"))
        if start and end and end <= start:
            self.add_error("ends_at", _("The end must be after the start."))


@admin.register(ScheduledReport)
class ScheduledReportAdmin(ReadOnlyAdmin):
    form = ScheduledReportForm
    list_display = ("title", "in_room", "start", "end", "its_report")
    search_fields = ("title", "room")
    ordering = ("-ends_at",)
    fields = ("title", "room", "starts_at", "ends_at", "expected")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("report")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        for name in ("starts_at", "ends_at"):
            time = _time(str(initial.pop(name, "")))
            if time is not None:
                initial[name] = time
        return initial

    def save_model(self, request: HttpRequest, obj: ScheduledReport, form: Any, change: bool) -> None:
        obj.save(using=obj._state.db or alias_of_room(obj.room))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj) and not _is_made(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj) and not _is_made(obj)

    @admin.display(description=_("room"), ordering="room")
    def in_room(self, schedule: ScheduledReport) -> str:
        return link(room_url(schedule.room), schedule.room)

    @admin.display(description=_("from"), ordering="starts_at")
    def start(self, schedule: ScheduledReport) -> str:
        return time_cell(schedule.starts_at)

    @admin.display(description=_("until"), ordering="ends_at")
    def end(self, schedule: ScheduledReport) -> str:
        return time_cell(schedule.ends_at)

    @admin.display(description=_("report"))
    def its_report(self, schedule: ScheduledReport) -> str:
        if not _is_made(schedule):
            return self.empty_text
        return link(report_url(schedule.pk, schedule._state.db), _("Report"))

    def object_links(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        return [(report_url(obj.pk, obj._state.db), _("Report"))] if _is_made(obj) else []


def _is_made(schedule: ScheduledReport | None) -> bool:
    return schedule is not None and hasattr(schedule, "report")


def _names(keys: list[str]) -> str:
    """Returns the names of users, one on each line, and the keys of those who do not exist."""
    users: dict[str, Any] = {str(key): user for key, user in users_by_key(map(validation.user_key, keys)).items()}
    return "\n".join(users[key].get_username() if key in users else key for key in keys)


def _time(text: str) -> Any:
    try:
        time = parse_datetime(text)
    except ValueError:
        return None
    return None if time is None else local(time if time.tzinfo else time.replace(tzinfo=UTC))
