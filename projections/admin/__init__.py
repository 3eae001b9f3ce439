"""Presence in the admin: who is here now, who was where, and the log. Pages that lead to each other.

Nothing here changes the log or what is folded from it, with one exception that is an event like any other: who has the
permission ``projections.end_presence`` can make a connection leave.
"""

from __future__ import annotations

from projections.admin.dead_letters import DeadLetterAdmin
from projections.admin.events import EventAdmin
from projections.admin.presences import PresenceAdmin
from projections.admin.rooms import RoomAdmin
from projections.admin.sessions import PresenceSessionAdmin
from projections.admin.timeline.admin import TimelineAdmin

__all__ = ["DeadLetterAdmin", "EventAdmin", "PresenceAdmin", "PresenceSessionAdmin", "RoomAdmin", "TimelineAdmin"]
