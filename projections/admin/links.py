"""How the pages of the admin lead to each other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode

from presence_events.models import PresenceEvent
from presence_events.users import who
from projections.models import PresenceSession
from projections.times import written

__all__ = [
    "around",
    "link",
    "list_url",
    "person",
    "room_url",
    "several",
    "stay_of",
    "stay_url",
    "timeline_url",
    "typed",
]


def link(url: str, text: Any) -> str:
    """An anchor, with ``text`` isolated from the direction of what is around it."""
    return format_html('<a href="{}"><bdi>{}</bdi></a>', url, text)


def list_url(model: Any, **filters: Any) -> str:
    """The list of ``model``, filtered."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


def timeline_url(start: datetime | None = None, end: datetime | None = None, **question: Any) -> str:
    """The timeline of a ``room``, or of a ``user`` (a key), or of both. ``moment`` and ``stay`` are marked in it.

    Without ``start`` and ``end`` it shows the last 24 hours.
    """
    asked = {"room": None, "user": None, "from": start, "until": end, **question}
    url = reverse("admin:presence_timeline")
    return f"{url}?{urlencode({key: written(value) for key, value in asked.items() if value is not None})}"


def stay_url(stay: PresenceSession) -> str:
    """The page of one stay. The room and the time narrow what is read: there is no index of numbers."""
    url = reverse("admin:projections_presencesession_change", args=[stay.pk])
    return f"{url}?{urlencode({'room': stay.room, 'at': written(stay.joined_at)})}"


def around(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """A span with some room on both sides, to see what was going on."""
    margin = max((end - start) / 4, timedelta(minutes=5))
    return start - margin, end + margin


def room_url(name: str) -> str:
    """The page of the room. One that has been pruned leads on to its sessions."""
    if name in (".", ".."):
        # Browsers take /../ for the folder above, however it is escaped.
        return list_url(PresenceSession, room=name)
    return reverse("admin:projections_room_change", args=[quote(name)])


def person(row: Any, start: datetime | None = None, end: datetime | None = None) -> str:
    """Who ``row`` is about, with a link to their timeline: that of the span, or of the last 24 hours."""
    if row.user_id is None:
        return format_html("<bdi>{}</bdi>", who(row))
    return link(timeline_url(start, end, user=row.user_id), who(row))


def typed(row: Any) -> Any:
    """What finds the person of ``row`` with a filter by user: a name goes before the key of somebody else."""
    return row.user_id if row.user is None else row.user.get_username()


def several(pages: Iterable[tuple[str, Any]]) -> str:
    """Anchors, one after the other."""
    return format_html_join(" · ", '<a href="{}">{}</a>', pages)


def stay_of(event: PresenceEvent) -> PresenceSession:
    """The stay to which ``event`` belongs, without asking the database: good for its address."""
    number: Any = event.session
    return PresenceSession(session=number, room=event.room, joined_at=event.since)
