"""Builds the template context of the timeline's page. The number of queries does not depend on the number of stays."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from presence_events.models import PresenceEvent
from presence_events.segments import horizon
from projections.admin.links import attendance_url, list_url, padded_span, presence_url, stay_url, timeline_url
from projections.admin.stay_events import data_as_text, database_of_log, events_of
from projections.admin.timeline import table
from projections.admin.timeline.companions import MAX_COMPARED_STAYS, companions_of
from projections.admin.timeline.criteria import PRESETS, Criteria, CriteriaForm
from projections.admin.timeline.drawing import MAX_DRAWN_STAYS
from projections.admin.timeline.lanes import Lane, lane_of, users_by_key
from projections.admin.timeline.present import MAX_LISTED_CONNECTIONS, present_at
from projections.models import PresenceSession
from projections.times import format_duration

__all__ = ["lane_url", "moment_context", "page_context", "too_many_stays"]


class StayRow(NamedTuple):
    """A stay in the table."""

    stay: PresenceSession
    person: Lane
    person_url: str | None
    room_url: str
    duration: str
    query: str
    """The query of the address that shows the stay with its events."""


class NavigationLink(NamedTuple):
    """A link to another span of the same timeline."""

    text: str
    query: str
    name: str


class StayDetails(NamedTuple):
    """The selected stay, with its events."""

    row: StayRow
    reason: str
    events: list[tuple[PresenceEvent, str]]
    """Each event, and its data as text."""
    complete: bool
    """False if the stay may have more touches than ``events`` has."""
    links: list[tuple[str, str]]
    """Texts and addresses."""


def page_context(criteria: Criteria, page_number: str, *, with_events: bool) -> dict[str, Any]:
    """Returns the context of the whole page. Pass ``with_events`` if the operator may view the log."""
    page = table.page(criteria, page_number)
    return {
        **moment_context(criteria),
        "page": page,
        "pages": _page_links(criteria, page),
        "rows": [_stay_row(criteria, stay) for stay in page or ()],
        "is_unknown": page is not None and not page.paginator.count and criteria.is_unknown(),
        "too_many_stays": too_many_stays(),
        "csv_url": f"{reverse('admin:presence_timeline_csv')}?{criteria.query(moment=None, stay=None)}",
        "attendance_url": attendance_url(criteria.start, criteria.end, room=criteria.room) if criteria.room else None,
        "company": None if criteria.user is None else _company(criteria),
        "max_compared": MAX_COMPARED_STAYS,
        "details": None if criteria.stay is None else _stay_details(criteria, criteria.stay, with_events=with_events),
    }


def moment_context(criteria: Criteria) -> dict[str, Any]:
    """Returns the context of the parts that change with the moment."""
    users = users_by_key([criteria.user])
    person = None if criteria.user is None else lane_of(criteria.user, "", users)
    moment = criteria.moment or criteria.known_end
    present = present_at(criteria, moment)
    return {
        "criteria": criteria,
        "subject": [name for name in (person and person.name, criteria.room) if name is not None],
        "form": CriteriaForm.for_criteria(criteria, _username(criteria, users)),
        "data_url": reverse("admin:presence_timeline_data"),
        "presets": [NavigationLink(str(text), criteria.preset_query(name), name) for name, text in PRESETS.items()],
        "moves": _moves(criteria),
        "moment": moment,
        "moment_horizon": criteria.horizon if horizon.is_before(moment, criteria.horizon) else None,
        "other_parameters": {name: value for name, value in criteria.parameters().items() if name != "moment"},
        "present": present,
        "listed": [
            (entry, lane_url(criteria, entry.person), criteria.query(stay=entry.stays[0].session))
            for entry in present.listed
        ],
        "sealed_entirely": criteria.sealed is not None and criteria.sealed.covers(criteria.known_end),
        "max_drawn": MAX_DRAWN_STAYS,
        "max_listed": MAX_LISTED_CONNECTIONS,
    }


def lane_url(criteria: Criteria, lane: Lane) -> str | None:
    """Returns the address of the timeline of the user or room of ``lane`` in the same span.

    Returns None for an anonymous connection.
    """
    span = {"start": criteria.start, "end": criteria.end}
    if lane.kind == "room":
        return timeline_url(room=lane.key, **span)
    return None if lane.kind == "anonymous" else timeline_url(user=lane.key, **span)


def too_many_stays() -> str:
    """Returns the message for a span with more stays than can be drawn."""
    message = _("There are more than %(limit)s stays. Choose a shorter span, or use manage.py export_presence.")
    return message % {"limit": MAX_DRAWN_STAYS}


def _username(criteria: Criteria, users: dict[Any, Any]) -> str:
    """Returns the text for the field of the user: the user name, or the key of a deleted user."""
    if criteria.user is None:
        return ""
    user = users.get(criteria.user)
    return str(criteria.user if user is None else user.get_username())


def _moves(criteria: Criteria) -> list[NavigationLink]:
    return [
        NavigationLink(_("Earlier"), criteria.shifted_query(-0.5), "earlier"),
        NavigationLink(_("Later"), criteria.shifted_query(0.5), "later"),
        NavigationLink(_("Zoom in"), criteria.zoomed_query(0.5), "in"),
        NavigationLink(_("Zoom out"), criteria.zoomed_query(2), "out"),
    ]


def _page_links(criteria: Criteria, page: Any) -> list[tuple[Any, str]]:
    if page is None or not page.has_other_pages():
        return []
    numbers = page.paginator.get_elided_page_range(page.number)
    return [(number, f"{criteria.query()}&page={number}") for number in numbers]


def _stay_row(criteria: Criteria, stay: PresenceSession) -> StayRow:
    person = lane_of(stay.user_id, stay.channel_name, {stay.user_id: stay.user})
    return StayRow(
        stay,
        person,
        lane_url(criteria, person),
        timeline_url(room=stay.room, start=criteria.start, end=criteria.end),
        format_duration(stay.duration),
        criteria.query(stay=stay.session),
    )


def _company(criteria: Criteria) -> dict[str, Any]:
    found = companions_of(criteria)
    return {
        "complete": found.complete,
        "companions": [
            (companion.person, lane_url(criteria, companion.person), format_duration(companion.together))
            for companion in found.companions
        ],
    }


def _stay_details(criteria: Criteria, number: int, *, with_events: bool) -> StayDetails | None:
    stay = criteria.stays().filter(pk=number).prefetch_related("user").first()
    if stay is None:
        return None
    start, end = padded_span(stay.joined_at, stay.left_at or timezone.now())
    links = [
        (_("Page of the stay"), stay_url(stay)),
        (_("The room at that time"), timeline_url(start, end, room=stay.room, stay=stay.session)),
        *([(_("Events of the room"), list_url(PresenceEvent, room=stay.room))] if with_events else []),
    ]
    if stay.user_id is not None:
        links.insert(2, (_("This person at that time"), timeline_url(start, end, user=stay.user_id, stay=stay.session)))
    if stay.is_open:
        links.append((_("Presence"), presence_url(stay.session, database_of_log(stay))))
    row = _stay_row(criteria, stay)
    if not with_events:
        return StayDetails(row, data_as_text(stay.reason), [], True, links)
    found = events_of(stay)
    events = [(event, data_as_text(event.data)) for event in found.events]
    return StayDetails(row, data_as_text(stay.reason), events, found.complete, links)
