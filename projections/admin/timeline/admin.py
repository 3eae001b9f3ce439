"""The timeline: a page, the data of its drawing, and a file. All of them answer GET and nothing else."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from presence_events.admin import ReadOnlyAdmin
from projections import conf
from projections.admin.links import timeline_url
from projections.admin.timeline import table
from projections.admin.timeline.busiest_rooms import rooms
from projections.admin.timeline.criteria import Criteria, CriteriaForm
from projections.admin.timeline.drawing import Drawing, drawing
from projections.admin.timeline.page import lane_url, told, told_of_moment, too_many
from projections.models import Timeline
from projections.times import microseconds, written, zone

__all__ = ["REGIONS", "TimelineAdmin"]

REGIONS = "X-Timeline-Regions"
"""The header in which the browser says ``moment`` if only that has changed: the rest of the page is left out."""


@admin.register(Timeline)
class TimelineAdmin(ReadOnlyAdmin):
    """A model that is none: it puts the timeline on the index, beside the models."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.page), name="presence_timeline"),
            path("", view(self.page), name="projections_timeline_changelist"),
            path("data/", view(self.data), name="presence_timeline_data"),
            path("stays.csv", view(self.file), name="presence_timeline_csv"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Of what is drawn: the proxy has no permissions of its own.
        return bool(request.user.has_perm("projections.view_presencesession"))

    @method_decorator(require_safe)
    def page(self, request: HttpRequest) -> HttpResponseBase:
        """The stays as a table, what else there is to tell of them, and the place where they are drawn.

        Without a room and a user it offers some. An address that says the same in another way leads to the one that
        everybody understands alike, with times in UTC.
        """
        form, question = self._asked(request)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Timeline"), "zone": zone()}
        if question is None:
            may_see_rooms = request.user.has_perms(["projections.view_room", "projections.view_presence"])
            offered = [(room, timeline_url(room=room.room)) for room in rooms()] if may_see_rooms else None
            context |= {"form": form, "rooms": offered}
            status = 400 if form.errors else 200
            return TemplateResponse(request, "admin/projections/timeline/choose.html", context, status=status)
        if {name: value for name, value in request.GET.items() if name != "page"} != question.parameters():
            return HttpResponseRedirect(f"?{question.query()}")
        if request.headers.get(REGIONS) == "moment":
            context |= told_of_moment(question)
        else:
            with_events = request.user.has_perm("presence_events.view_presenceevent")
            context |= {"whole": True, **told(question, request.GET.get("page", ""), with_events=with_events)}
        return TemplateResponse(request, "admin/projections/timeline/timeline.html", context)

    @method_decorator(require_safe)
    def data(self, request: HttpRequest) -> HttpResponse:
        """What is drawn, as JSON. Times are microseconds since 1970."""
        form, question = self._asked(request)
        if question is None:
            return JsonResponse({"error": _complaint(form)}, status=400)
        # Before it is read: whoever comes meanwhile is not known yet.
        now = datetime.now(UTC)
        return JsonResponse(_data(question, now, drawing(question)))

    @method_decorator(require_safe)
    def file(self, request: HttpRequest) -> HttpResponse:
        """The stays as CSV."""
        form, question = self._asked(request)
        stream = io.StringIO()
        if question is None:
            return HttpResponse(_complaint(form), status=400, content_type="text/plain; charset=utf-8")
        if not table.write(stream, question):
            return HttpResponse(too_many(), status=400, content_type="text/plain; charset=utf-8")
        whose = "-".join(str(part) for part in (question.room, question.user) if part is not None)
        name = f"stays-{whose}-{written(question.start)}.csv".replace(":", "")
        response = HttpResponse(stream.getvalue(), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _asked(self, request: HttpRequest) -> tuple[CriteriaForm, Criteria | None]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = CriteriaForm(request.GET)
        question = form.question()
        return (form if form.errors else CriteriaForm()), question


def _complaint(form: CriteriaForm) -> str:
    errors = [str(error) for errors in form.errors.values() for error in errors]
    return " ".join(errors) or _("Choose a room or a user.")


def _data(question: Criteria, now: datetime, drawn: Drawing) -> dict[str, Any]:
    return {
        "from": microseconds(question.start),
        "until": microseconds(question.end),
        "now": microseconds(now),
        "max_age": conf.max_age(),
        "complete": drawn.complete,
        "by": "person" if question.user is None else "room",
        "lanes": [{"name": lane.name, "kind": lane.kind, "url": lane_url(question, lane)} for lane in drawn.lanes],
        "stays": [
            (
                stay.session,
                stay.lane,
                stay.channel_name,
                microseconds(stay.joined_at),
                None if stay.left_at is None else microseconds(stay.left_at),
                microseconds(stay.last_seen),
                stay.ended_by,
                stay.room,
                stay.reason,
            )
            for stay in drawn.stays
        ],
        "counts": [(microseconds(sample.at), sample.connections, sample.people) for sample in drawn.samples],
    }
