"""The list of rooms, and the page of a room with the people who are in it now."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Max, Min, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from presence_events.admin import ReadOnlyAdmin
from presence_events.models import PresenceEvent
from projections.admin.columns import time_cell
from projections.admin.links import (
    attendance_url,
    link,
    link_list,
    list_url,
    person_link,
    presence_url,
    room_url,
    timeline_url,
    user_filter_value,
)
from projections.admin.timeline.lanes import users_by_key
from projections.models import Presence, PresenceSession, Room
from projections.times import zone_name

__all__ = ["RoomAdmin"]

MAX_OCCUPANTS = 200
"""Limits how many people and anonymous connections the page of a room lists."""


class RoomChangeList(ChangeList):
    def url_for_result(self, result: Any) -> str:
        return room_url(result.pk)


@admin.register(Room)
class RoomAdmin(ReadOnlyAdmin):
    list_display = ("channel_name", "people", "connections", "created", "see_also")
    search_fields = ("channel_name",)
    ordering = ("channel_name",)
    fields = ("channel_name", "people", "connections", "created")
    readonly_fields = fields
    change_form_template = "admin/projections/room/change_form.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RoomChangeList

    def room_of(self, request: HttpRequest) -> str | None:
        # A page that a test or another view calls has no match.
        match = request.resolver_match
        name = match.kwargs.get("object_id") if match else None
        return unquote(name) if name else super().room_of(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rooms: Any = super().get_queryset(request)
        counted: QuerySet[Any] = rooms.annotate(
            connections=Count("presence"), people=Count("presence__user", distinct=True)
        )
        return counted

    @admin.display(description=_("people"), ordering="people")
    def people(self, room: Any) -> int:
        return int(room.people)

    @admin.display(description=_("connections"), ordering="connections")
    def connections(self, room: Any) -> str:
        return link(list_url(Presence, room=room.channel_name), room.connections)

    @admin.display(description=_("created at"), ordering="created_at")
    def created(self, room: Room) -> str:
        return time_cell(room.created_at)

    @admin.display(description=_("see also"))
    def see_also(self, room: Room) -> str:
        name = room.channel_name
        return link_list(
            [
                (list_url(PresenceSession, room=name), _("stays")),
                (list_url(PresenceEvent, room=name), _("events")),
                (timeline_url(room=name), _("timeline")),
                (attendance_url(room=name), _("attendance")),
            ]
        )

    def object_links(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        name = obj.channel_name
        models: list[Any] = [Presence, PresenceSession, PresenceEvent]
        lists = [(list_url(model, room=name), capfirst(model._meta.verbose_name_plural)) for model in models]
        return [(timeline_url(room=name), _("Timeline")), (attendance_url(room=name), _("Attendance")), *lists]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if self.admin_site.get_model_admin(Presence).has_view_permission(request):
            room = context["original"]
            occupants = _occupants(room)
            context |= {"occupants": occupants[:MAX_OCCUPANTS], "zone": zone_name()}
            if len(occupants) > MAX_OCCUPANTS:
                presences_url = list_url(Presence, room=room.channel_name)
                context |= {"max_occupants": MAX_OCCUPANTS, "presences_url": presences_url}
        return super().render_change_form(request, context, *args, **kwargs)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponseRedirect:
        if not self.admin_site.get_model_admin(PresenceSession).has_view_permission(request):
            parent: Any = super()
            redirect: HttpResponseRedirect = parent._get_obj_does_not_exist_redirect(request, opts, object_id)
            return redirect
        name = unquote(object_id)
        message = _("Room “%(room)s” does not exist now. This list shows its stays of the last week.")
        self.message_user(request, message % {"room": name}, messages.WARNING)
        return HttpResponseRedirect(list_url(PresenceSession, room=name, last="week"))


class _Occupant(NamedTuple):
    """A person, or an anonymous connection, in the room now."""

    who: str
    connections: int
    url: str
    """Leads to these connections."""
    since: datetime
    last_seen: datetime


def _occupants(room: Room) -> list[_Occupant]:
    """Returns people, then anonymous connections, each in order of arrival: at most one more than the page lists."""
    alias = room._state.db
    present = Presence.objects.using(alias).filter(room=room).order_by()
    counted = (
        present.filter(user__isnull=False)
        .values("user_id")
        .annotate(count=Count("id"), since=Min("joined_at"), seen=Max("last_seen"))
    )
    rows = list(counted.order_by("since", "user_id")[: MAX_OCCUPANTS + 1])
    users = users_by_key(row["user_id"] for row in rows)
    occupants = []
    for row in rows:
        user: Any = users.get(row["user_id"])
        person = Presence(user_id=row["user_id"])
        person._state.fields_cache["user"] = user
        url = list_url(Presence, room=room.channel_name, user=user_filter_value(person))
        occupants.append(_Occupant(person_link(person), row["count"], url, row["since"], row["seen"]))
    anonymous = present.filter(user__isnull=True).order_by("joined_at", "id")
    for presence in anonymous[: MAX_OCCUPANTS + 1 - len(occupants)]:
        url = presence_url(presence.pk, alias)
        occupants.append(_Occupant(person_link(presence), 1, url, presence.joined_at, presence.last_seen))
    return occupants
