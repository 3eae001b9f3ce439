"""Addresses of the admin's pages, and links to them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode

from presence_events.databases.rooms import chosen_by_room
from presence_events.models import PresenceEvent
from presence_events.users import display_name
from projections.models import PresenceSession
from projections.times import url_value

__all__ = [
    "attendance_url",
    "database_parameter",
    "event_url",
    "link",
    "link_list",
    "list_url",
    "padded_span",
    "person_link",
    "presence_url",
    "report_url",
    "room_url",
    "stay_known_by",
    "stay_of_event",
    "stay_url",
    "timeline_url",
    "user_filter_value",
]


def link(url: str, text: Any) -> str:
    """Returns a link. Its ``text`` is isolated from the writing direction of the text around it."""
    return format_html('<a href="{}"><bdi>{}</bdi></a>', url, text)


def link_list(pages: Iterable[tuple[str, Any]]) -> str:
    """Returns links to ``pages``, each an address and a text, one after the other."""
    return format_html_join(" · ", '<a href="{}">{}</a>', pages)


def list_url(model: Any, **filters: Any) -> str:
    """Returns the address of the list of ``model``, filtered by ``filters``."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


def timeline_url(start: datetime | None = None, end: datetime | None = None, **criteria: Any) -> str:
    """Returns the address of the timeline of a ``room``, of a ``user`` (a key), or of both.

    ``moment`` and ``stay`` are marked in it. Without ``start`` and ``end`` it shows the last 24 hours.
    """
    parameters = {"room": None, "user": None, "from": start, "until": end, **criteria}
    url = reverse("admin:presence_timeline")
    return f"{url}?{urlencode({key: url_value(value) for key, value in parameters.items() if value is not None})}"


def stay_url(stay: PresenceSession) -> str:
    """Returns the address of the page of a stay.

    Numbers of stays have no index. The room and the time in the address narrow what the page reads.
    """
    url = reverse("admin:projections_presencesession_change", args=[stay.pk])
    database = database_parameter(stay._state.db)
    return f"{url}?{urlencode({'room': stay.room, 'at': url_value(stay.joined_at), **database})}"


def presence_url(session: int, using: str | None) -> str:
    """Returns the address of the page of a presence in the database ``using``."""
    return _in_database(reverse("admin:projections_presence_change", args=[session]), using)


def event_url(position: int, using: str | None) -> str:
    """Returns the address of the page of an event in the database ``using``."""
    return _in_database(reverse("admin:presence_events_presenceevent_change", args=[position]), using)


def attendance_url(start: datetime | None = None, end: datetime | None = None, **question: Any) -> str:
    """Returns the address of the attendance of a ``room``. Without ``start`` and ``end`` it is of the last 24 hours."""
    parameters = {**question, "from": start, "until": end}
    url = reverse("admin:presence_attendance")
    return f"{url}?{urlencode({key: url_value(value) for key, value in parameters.items() if value is not None})}"


def report_url(key: int, using: str | None) -> str:
    """Returns the address of a final report in the database ``using``."""
    return _in_database(reverse("admin:projections_attendancereport_change", args=[key]), using)


def database_parameter(using: str | None) -> dict[str, str]:
    """Returns the parameter for an address with which its page reads the database ``using``, if there are several."""
    return {"database": using} if using is not None and chosen_by_room() else {}


def _in_database(url: str, using: str | None) -> str:
    parameter = database_parameter(using)
    return f"{url}?{urlencode(parameter)}" if parameter else url


def padded_span(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Returns the span with a quarter of its length added on both sides, at least five minutes each."""
    margin = max((end - start) / 4, timedelta(minutes=5))
    return start - margin, end + margin


def room_url(name: str) -> str:
    """Returns the address of the page of a room. For a pruned room, that page redirects to its stays."""
    if name in ("", ".", ".."):
        # An empty name has no address. Browsers resolve /../ to the parent folder, however it is escaped.
        return list_url(PresenceSession, room=name)
    return reverse("admin:projections_room_change", args=[quote(name)])


def person_link(row: Any, start: datetime | None = None, end: datetime | None = None) -> str:
    """Returns the name of the person of ``row``, as a link to their timeline unless the connection is anonymous.

    The timeline shows the span from ``start`` to ``end``, or the last 24 hours.
    """
    if row.user_id is None:
        return format_html("<bdi>{}</bdi>", display_name(row))
    return link(timeline_url(start, end, user=row.user_id), display_name(row))


def user_filter_value(row: Any) -> Any:
    """Returns the value with which the filter by user finds the user of ``row``.

    That is the name if the user exists: the filter prefers a name to the equal key of another user.
    """
    return row.user_id if row.user is None else row.user.get_username()


def stay_known_by(session: int, room: str, joined_at: datetime, using: str | None) -> PresenceSession:
    """Returns a stay that has only what `stay_url` needs."""
    stay = PresenceSession(session=session, room=room, joined_at=joined_at)
    stay._state.db = using
    return stay


def stay_of_event(event: PresenceEvent) -> PresenceSession:
    """Returns the stay of ``event`` without a query. It has only what `stay_url` needs."""
    number: Any = event.session
    return stay_known_by(number, event.room, event.since, event._state.db)
