"""Makes connections leave, for operators with the permission ``projections.end_presence``.

This records a leave like any other, with the operator and, if given, the reason. Channel-layer groups and signals
follow. A stay that has ended in the meantime is not touched, even if the connection has come back.

The socket stays open. Your application decides what a forced leave means, in a receiver of ``presence_changed``: it can
close the socket, or do nothing. A connection with heartbeats forgets the room, as after a leave of its own, and does
not rejoin by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from presence_events import validation
from presence_events.databases.rooms import chosen_by_room
from presence_events.exceptions import PresenceError
from presence_events.recorder import Draft, record
from projections.admin.links import database_parameter, list_url, person_link, room_url
from projections.models import Presence
from projections.times import zone_name

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = object

__all__ = ["MAX_CONNECTIONS", "EndPresenceMixin", "leave_url"]

MAX_CONNECTIONS = 500
"""Limits how many connections leave at once. Django accepts forms of up to 1,000 fields."""


def leave_url(*sessions: int, using: str | None = None) -> str:
    """Returns the address of the page that asks for confirmation before these presences leave.

    They are in the database ``using``, or in that of the routers.
    """
    parameters: dict[str, Any] = {"session": sessions}
    if database := database_parameter(using):
        parameters["filters"] = urlencode(database)
    return f"{reverse('admin:projections_presence_leave')}?{urlencode(parameters, doseq=True)}"


class LeaveForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Recorded in the log with your name."),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )


class EndPresenceMixin(_ModelAdmin):
    """Adds an action for selected presences, and a page that asks for confirmation and records the leaves."""

    actions: Any = ["make_leave"]

    def has_end_permission(self, request: HttpRequest) -> bool:
        may_end = request.user.has_perm("projections.end_presence")
        return bool(may_end and self.has_view_permission(request))

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.leave_view)
        return [path("leave/", page, name="projections_presence_leave"), *super().get_urls()]

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        _sessions(request.POST.getlist(ACTION_CHECKBOX_NAME))
        return super().response_action(request, *args, **kwargs)

    @admin.action(permissions=["end"], description=gettext_lazy("Make the selected connections leave"))
    def make_leave(self, request: HttpRequest, queryset: QuerySet[Presence]) -> HttpResponseBase | None:
        presences = list(queryset[: MAX_CONNECTIONS + 1])
        if len(presences) > MAX_CONNECTIONS:
            self._report_too_many(request)
            return None
        if not presences:
            self._report(request, 0, len(_sessions(request.POST.getlist(ACTION_CHECKBOX_NAME))))
            return None
        return self._confirmation(request, presences, LeaveForm(), request.GET.urlencode())

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def leave_view(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_end_permission(request):
            raise PermissionDenied
        parameters = request.POST if request.method == "POST" else request.GET
        sessions = _sessions(parameters.getlist("session"))
        filters = QueryDict(parameters.get("filters", "")).urlencode()
        back = HttpResponseRedirect(f"{list_url(Presence)}?{filters}" if filters else list_url(Presence))
        if len(sessions) > MAX_CONNECTIONS:
            self._report_too_many(request)
            return back
        presences = list(self.get_queryset(request).filter(pk__in=sessions))
        form = LeaveForm(request.POST if request.method == "POST" else None)
        if presences and not form.is_valid():
            return self._confirmation(request, presences, form, filters)
        try:
            left = self._record_leaves(request, presences, form.cleaned_data["reason"]) if presences else 0
        except PresenceError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self._report(request, left, len(sessions) - left)
        return back

    def _confirmation(
        self, request: HttpRequest, presences: Collection[Presence], form: LeaveForm, filters: str
    ) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Make connections leave"),
            "rows": [(presence, person_link(presence), room_url(presence.room_id)) for presence in presences],
            "form": form,
            "filters": filters,
            "media": self.media,
            "zone": zone_name(),
            "back": f"{list_url(Presence)}?{filters}",
        }
        return TemplateResponse(request, "admin/projections/leave_confirmation.html", context)

    def _record_leaves(self, request: HttpRequest, presences: Collection[Presence], reason: str) -> int:
        user: Any = request.user
        data = {"by": user.get_username(), "by_user": str(user.pk)}
        if reason:
            data["reason"] = reason
        leaves = [
            Draft("leave", presence.room_id, presence.channel_name, data=data, session=presence.pk)
            for presence in presences
        ]
        (using,) = {presence._state.db for presence in presences}
        return len(record(leaves, using=using if chosen_by_room() else None))

    def _report(self, request: HttpRequest, left: int, missing: int) -> None:
        if not left and not missing:
            self.message_user(request, _("No connection was selected."), messages.WARNING)
            return
        message = ngettext("%(count)s connection left.", "%(count)s connections left.", left) % {"count": left}
        if missing:
            not_found = ngettext(
                "%(count)s had already left its room.", "%(count)s had already left their rooms.", missing
            )
            message = f"{message} {not_found % {'count': missing}}"
        self.message_user(request, message, messages.WARNING if missing else messages.SUCCESS)

    def _report_too_many(self, request: HttpRequest) -> None:
        message = _("At most %(count)s connections can be made to leave at once. No connection left.")
        self.message_user(request, message % {"count": MAX_CONNECTIONS}, messages.ERROR)


def _sessions(texts: Collection[str]) -> set[int]:
    """Returns the sessions, which are numbers of stays. Raises BadRequest for a text that cannot be one."""
    try:
        sessions = {validation.session(int(text)) for text in texts}
    except ValueError:
        raise BadRequest("A session is a number.") from None
    return {session for session in sessions if session is not None}
