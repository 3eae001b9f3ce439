"""Rooms and presences in the admin: who is here now. Read-only, as everything that is folded from the log."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from presence_events.admin import ReadOnlyAdmin, RoomFilter, UserRowsAdmin
from presence_events.models import PresenceEvent
from projections.models import Presence, Room

__all__ = ["PresenceAdmin", "RoomAdmin"]


@admin.register(Room)
class RoomAdmin(ReadOnlyAdmin):
    list_display = ("channel_name", "people", "connections", "created_at", "events")
    search_fields = ("channel_name",)
    ordering = ("channel_name",)

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
        return _link(Presence, {"room": room.channel_name}, room.connections)

    @admin.display(description=_("log"))
    def events(self, room: Room) -> str:
        return _link(PresenceEvent, {"room": room.channel_name}, _("events"))


@admin.register(Presence)
class PresenceAdmin(UserRowsAdmin):
    list_display = ("channel_name", "who", "in_room", "joined_at", "last_seen", "data", "events")
    list_filter = (RoomFilter,)
    search_fields = ("channel_name",)
    ordering = ("-id",)
    fields = ("id", "in_room", "channel_name", "who", "joined_at", "last_seen", "data")
    readonly_fields = fields

    @admin.display(description=_("room"), ordering="room")
    def in_room(self, presence: Presence) -> str:
        return _link(Presence, {"room": presence.room_id}, presence.room_id)

    @admin.display(description=_("log"))
    def events(self, presence: Presence) -> str:
        return _link(PresenceEvent, {"room": presence.room_id}, _("events"))


def _link(model: Any, query: dict[str, str], text: Any) -> str:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', url, urlencode(query), text)
