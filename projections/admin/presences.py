"""The list of presences: the connections that are in rooms now."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from presence_events.admin import RoomFilter, UserFilter, UserRowsAdmin, yes_or_no
from presence_events.models import PresenceEvent
from projections.admin.columns import time_cell
from projections.admin.end_presence import EndPresenceMixin, leave_url
from projections.admin.links import (
    link,
    link_list,
    list_url,
    padded_span,
    person_link,
    room_url,
    stay_known_by,
    stay_url,
    timeline_url,
)
from projections.models import Presence

__all__ = ["PresenceAdmin"]


@admin.register(Presence)
class PresenceAdmin(EndPresenceMixin, UserRowsAdmin):
    list_display = ("who", "in_room", "joined", "seen", "data", "connection", "see_also")
    list_display_links = ("connection",)
    list_filter = (RoomFilter, UserFilter)
    search_fields = ("channel_name",)
    ordering = ("-id",)
    fields = ("id", "who", "in_room", "channel_name", "joined", "seen", "data", "process", "leased", "exclusive")
    readonly_fields = fields

    @admin.display(description=_("who"))
    def who(self, presence: Presence) -> str:
        return person_link(presence)

    @admin.display(description=_("room"), ordering="room")
    def in_room(self, presence: Presence) -> str:
        return link(room_url(presence.room_id), presence.room_id)

    @admin.display(description=_("joined at"), ordering="joined_at")
    def joined(self, presence: Presence) -> str:
        return time_cell(presence.joined_at)

    @admin.display(description=_("last seen"), ordering="last_seen")
    def seen(self, presence: Presence) -> str:
        return time_cell(presence.last_seen)

    @admin.display(description=_("leased"))
    def leased(self, presence: Presence) -> str:
        return yes_or_no(presence.is_leased)

    @admin.display(description=_("exclusive"))
    def exclusive(self, presence: Presence) -> str:
        return yes_or_no(presence.is_exclusive)

    @admin.display(description=_("see also"))
    def see_also(self, presence: Presence) -> str:
        return link_list(
            [
                (_stay_url(presence), _("stay")),
                (list_url(PresenceEvent, room=presence.room_id), _("events")),
                (_timeline_url(presence), _("timeline")),
            ]
        )

    def object_links(self, request: HttpRequest, obj: Any) -> list[tuple[str, Any]]:
        links = [
            (_timeline_url(obj), _("Timeline")),
            (_stay_url(obj), _("Stay")),
            (list_url(PresenceEvent, room=obj.room_id), _("Events of the room")),
        ]
        if (url := self._user_url(request, obj)) is not None:
            links.append((url, _("User")))
        if self.has_end_permission(request):
            links.append((leave_url(obj.pk, using=obj._state.db), _("Make this connection leave")))
        return links

    def _user_url(self, request: HttpRequest, presence: Presence) -> str | None:
        """Returns the address of the user's own page; None if there is none, or the operator may not view it."""
        model = get_user_model()
        if presence.user is None or not self.admin_site.is_registered(model):
            return None
        if not self.admin_site.get_model_admin(model).has_view_or_change_permission(request, presence.user):
            return None
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[presence.user_id])


def _stay_url(presence: Presence) -> str:
    return stay_url(stay_known_by(presence.pk, presence.room_id, presence.joined_at, presence._state.db))


def _timeline_url(presence: Presence) -> str:
    return timeline_url(*padded_span(presence.joined_at, timezone.now()), room=presence.room_id, stay=presence.pk)
