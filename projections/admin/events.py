"""The log in the admin, with links to the rooms, people and stays of its events."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import NotRegistered
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from presence_events.admin import PresenceEventAdmin
from presence_events.models import PresenceEvent
from projections.admin.columns import time_cell
from projections.admin.links import (
    link,
    list_url,
    padded_span,
    person_link,
    room_url,
    stay_of_event,
    stay_url,
    timeline_url,
)
from projections.models import Process

__all__ = ["EventAdmin"]


class EventAdmin(PresenceEventAdmin):
    list_display = ("id", "time", "kind", "who", "in_room", "data", "connection", "in_session")
    fields = (
        "id",
        "kind",
        "who",
        "in_room",
        "channel_name",
        "in_session",
        "began",
        "seen",
        "data",
        "process",
        "leased",
        "capacity",
        "exclusive",
        "time",
        "tx",
    )
    readonly_fields = fields

    @admin.display(description=_("time"))
    def time(self, event: PresenceEvent) -> str:
        shown = time_cell(event.at)
        return link(_timeline_at(event), shown) if event.room else shown

    @admin.display(description=_("since"))
    def began(self, event: PresenceEvent) -> str:
        return time_cell(event.since)

    @admin.display(description=_("last seen"))
    def seen(self, event: PresenceEvent) -> str:
        return self.empty_text if event.last_seen is None else time_cell(event.last_seen)

    @admin.display(description=_("room"))
    def in_room(self, event: PresenceEvent) -> str:
        return link(room_url(event.room), event.room) if event.room else self.empty_text

    @admin.display(description=_("who"))
    def who(self, event: PresenceEvent) -> str:
        if event.channel_name is None:
            return super().who(event)
        return person_link(event, *padded_span(event.at, event.at))

    @admin.display(description=_("session"))
    def in_session(self, event: PresenceEvent) -> str:
        return self.empty_text if event.session is None else link(stay_url(stay_of_event(event)), event.session)

    def object_links(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        if not obj.room:
            return [(list_url(Process), _("Processes"))]
        return [
            (_timeline_at(obj), _("Timeline at that moment")),
            (list_url(PresenceEvent, room=obj.room), _("Events of the room")),
        ]


# A project that has unregistered the log from its admin does not get it back.
with suppress(NotRegistered):
    admin.site.unregister(PresenceEvent)
    admin.site.register(PresenceEvent, EventAdmin)


def _timeline_at(event: PresenceEvent) -> str:
    return timeline_url(*padded_span(event.at, event.at), room=event.room, moment=event.at, stay=event.session)
