"""The views of the timeline: the page, the data of its drawing, and a CSV file. They answer only GET and HEAD."""

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
from projections.admin.order import order_models
from projections.admin.timeline import table
from projections.admin.timeline.busiest_rooms import busiest_rooms
from projections.admin.timeline.criteria import Criteria, CriteriaForm
from projections.admin.timeline.drawing import Drawing, build_drawing
from projections.admin.timeline.page import lane_url, moment_context, page_context, too_many_stays
from projections.models import Timeline
from projections.times import microseconds, url_value, zone_name

__all__ = ["REGIONS_HEADER", "TimelineAdmin"]

REGIONS_HEADER = "X-Timeline-Regions"
"""The browser sends ``moment`` in this header if only the moment has changed. The page then omits the other regions."""


@admin.register(Timeline)
class TimelineAdmin(ReadOnlyAdmin):
    """Puts the timeline on the index of the admin, beside the models. It has no table of its own."""

    def __init__(self, model: type[Timeline], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        order_models(admin_site)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.page), name="presence_timeline"),
            path("", view(self.page), name="projections_timeline_changelist"),
            path("data/", view(self.data), name="presence_timeline_data"),
            path("stays.csv", view(self.file), name="presence_timeline_csv"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The proxy has no permissions of its own. The timeline shows stays.
        return bool(request.user.has_perm("projections.view_presencesession"))

    @method_decorator(require_safe)
    def page(self, request: HttpRequest) -> HttpResponseBase:
        """Answers with the stays as a table, facts about them, and the element for the drawing.

        Without a room and a user it offers rooms to choose from. An address with the same meaning in another form is
        redirected to the canonical one, which has times in UTC.
        """
        form, criteria = self._read(request)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Timeline"),
            "zone": zone_name(),
        }
        if criteria is None:
            may_see_rooms = request.user.has_perms(["projections.view_room", "projections.view_presence"])
            rooms = [(room, timeline_url(room=room.room)) for room in busiest_rooms()] if may_see_rooms else None
            context |= {"form": form, "rooms": rooms}
            status = 400 if form.errors else 200
            return TemplateResponse(request, "admin/projections/timeline/choose.html", context, status=status)
        if {name: value for name, value in request.GET.items() if name != "page"} != criteria.parameters():
            return HttpResponseRedirect(f"?{criteria.query()}")
        if request.headers.get(REGIONS_HEADER) == "moment":
            context |= moment_context(criteria)
        else:
            with_events = request.user.has_perm("presence_events.view_presenceevent")
            context |= page_context(criteria, request.GET.get("page", ""), with_events=with_events)
            context["all_regions"] = True
        return TemplateResponse(request, "admin/projections/timeline/timeline.html", context)

    @method_decorator(require_safe)
    def data(self, request: HttpRequest) -> HttpResponse:
        """Answers with what the browser draws, as JSON. Times are microseconds since 1970."""
        form, criteria = self._read(request)
        if criteria is None:
            return JsonResponse({"error": _error_text(form)}, status=400)
        # Taken before the query: the answer does not cover connections that join in between.
        now = datetime.now(UTC)
        return JsonResponse(_as_json(criteria, now, build_drawing(criteria)))

    @method_decorator(require_safe)
    def file(self, request: HttpRequest) -> HttpResponse:
        """Answers with the stays as CSV."""
        form, criteria = self._read(request)
        stream = io.StringIO()
        if criteria is None:
            return HttpResponse(_error_text(form), status=400, content_type="text/plain; charset=utf-8")
        if not table.write_csv(stream, criteria):
            return HttpResponse(too_many_stays(), status=400, content_type="text/plain; charset=utf-8")
        subject = "-".join(str(part) for part in (criteria.room, criteria.user) if part is not None)
        name = f"stays-{subject}-{url_value(criteria.start)}.csv".replace(":", "")
        response = HttpResponse(stream.getvalue(), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _read(self, request: HttpRequest) -> tuple[CriteriaForm, Criteria | None]:
        """Returns a form to show, with the errors of the address, and the criteria, which are None without a subject.

        Raises PermissionDenied unless the operator may view stays.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = CriteriaForm(request.GET)
        criteria = form.criteria()
        return (form if form.errors else CriteriaForm()), criteria


def _error_text(form: CriteriaForm) -> str:
    errors = [str(error) for errors in form.errors.values() for error in errors]
    return " ".join(errors) or _("Choose a room or a user.")


def _as_json(criteria: Criteria, now: datetime, drawing: Drawing) -> dict[str, Any]:
    return {
        "from": microseconds(criteria.start),
        "until": microseconds(criteria.end),
        "now": microseconds(now),
        "horizon": None if criteria.horizon is None else microseconds(criteria.horizon),
        "max_age": conf.max_age(),
        "complete": drawing.complete,
        "by": "person" if criteria.user is None else "room",
        "lanes": [{"name": lane.name, "kind": lane.kind, "url": lane_url(criteria, lane)} for lane in drawing.lanes],
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
            for stay in drawing.stays
        ],
        "counts": [(microseconds(sample.at), sample.connections, sample.people) for sample in drawing.samples],
    }
