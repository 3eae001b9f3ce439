"""What the page of the timeline tells. The number of queries does not depend on the number of stays."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from presence_events.models import PresenceEvent
from projections.admin.links import around, list_url, stay_url, timeline_url
from projections.admin.timeline import table
from projections.admin.timeline.companions import COMPARED, company
from projections.admin.timeline.criteria import PRESETS, Criteria, CriteriaForm
from projections.admin.timeline.drawing import DRAWN
from projections.admin.timeline.lanes import Lane, lane_of, users
from projections.admin.timeline.present import LISTED, present
from projections.admin.timeline.stay_events import events_of, said
from projections.models import PresenceSession
from projections.times import lasting

__all__ = ["lane_url", "told", "told_of_moment", "too_many"]


class Row(NamedTuple):
    """A stay in the table."""

    stay: PresenceSession
    person: Lane
    url: str | None
    room_url: str
    lasted: str
    closer: str
    """The query of the address at which it is looked at closely."""


class Link(NamedTuple):
    text: str
    query: str
    name: str


class CloseUp(NamedTuple):
    """The one stay that is looked at closely."""

    row: Row
    reason: str
    events: list[tuple[PresenceEvent, str]]
    """With what each says."""
    complete: bool
    links: list[tuple[str, str]]


def told(question: Criteria, page_number: str, *, with_events: bool) -> dict[str, Any]:
    """All of the page. ``with_events`` says whether the operator may see the log."""
    page = table.page(question, page_number)
    return {
        **told_of_moment(question),
        "page": page,
        "pages": _pages(question, page),
        "rows": [_row(question, stay) for stay in page or ()],
        "too_many": too_many(),
        "csv": f"{reverse('admin:presence_timeline_csv')}?{question.query(moment=None, stay=None)}",
        "company": None if question.user is None else _company(question),
        "compared": COMPARED,
        "close_up": None if question.stay is None else _close_up(question, question.stay, with_events=with_events),
    }


def told_of_moment(question: Criteria) -> dict[str, Any]:
    """What changes when one chooses another moment."""
    known = users([question.user])
    person = None if question.user is None else lane_of(question.user, "", known)
    moment = question.moment or question.known_end
    there = present(question, moment)
    return {
        "question": question,
        "subject": [name for name in (person and person.name, question.room) if name is not None],
        "form": CriteriaForm.showing(question, _typed(question, person)),
        "source": reverse("admin:presence_timeline_data"),
        "presets": [Link(str(text), question.preset(name), name) for name, text in PRESETS.items()],
        "moves": _moves(question),
        "moment": moment,
        "asked": {name: value for name, value in question.parameters().items() if name != "moment"},
        "present": there,
        "here": [
            (here, lane_url(question, here.person), question.query(stay=here.stays[0].session)) for here in there.here
        ],
        "listed": LISTED,
    }


def lane_url(question: Criteria, lane: Lane) -> str | None:
    """The timeline of whom or what ``lane`` is about, of the same span; None for anonymous connections."""
    span = {"start": question.start, "end": question.end}
    if lane.kind == "room":
        return timeline_url(room=lane.key, **span)
    return None if lane.kind == "anonymous" else timeline_url(user=lane.key, **span)


def too_many() -> str:
    return _("More than %(limit)s stays: choose a shorter span, or use manage.py export_presence.") % {"limit": DRAWN}


def _typed(question: Criteria, person: Lane | None) -> str:
    """What one types to ask for the user who was asked for."""
    if person is None:
        return ""
    return person.name if person.kind == "user" else str(question.user)


def _moves(question: Criteria) -> list[Link]:
    return [
        Link(_("Earlier"), question.shifted(-0.5), "earlier"),
        Link(_("Later"), question.shifted(0.5), "later"),
        Link(_("Zoom in"), question.zoomed(0.5), "in"),
        Link(_("Zoom out"), question.zoomed(2), "out"),
    ]


def _pages(question: Criteria, page: Any) -> list[tuple[Any, str]]:
    if page is None or not page.has_other_pages():
        return []
    numbers = page.paginator.get_elided_page_range(page.number)
    return [(number, f"{question.query()}&page={number}") for number in numbers]


def _row(question: Criteria, stay: PresenceSession) -> Row:
    person = lane_of(stay.user_id, stay.channel_name, {stay.user_id: stay.user})
    return Row(
        stay,
        person,
        lane_url(question, person),
        timeline_url(room=stay.room, start=question.start, end=question.end),
        lasting(stay.duration),
        question.query(stay=stay.session),
    )


def _company(question: Criteria) -> dict[str, Any]:
    found = company(question)
    return {
        "complete": found.complete,
        "companions": [
            (each.person, lane_url(question, each.person), lasting(each.together)) for each in found.companions
        ],
    }


def _close_up(question: Criteria, number: int, *, with_events: bool) -> CloseUp | None:
    stay = question.stays().filter(pk=number).prefetch_related("user").first()
    if stay is None:
        return None
    start, end = around(stay.joined_at, stay.left_at or timezone.now())
    links = [
        (_("This stay"), stay_url(stay)),
        (_("The room at that time"), timeline_url(start, end, room=stay.room, stay=stay.session)),
        *([(_("Events of the room"), list_url(PresenceEvent, room=stay.room))] if with_events else []),
    ]
    if stay.user_id is not None:
        links.insert(2, (_("This person at that time"), timeline_url(start, end, user=stay.user_id, stay=stay.session)))
    if stay.is_open:
        links.append((_("Presence"), reverse("admin:projections_presence_change", args=[stay.session])))
    row = _row(question, stay)
    if not with_events:
        return CloseUp(row, said(stay.reason), [], True, links)
    evidence = events_of(stay)
    events = [(event, said(event.data)) for event in evidence.events]
    return CloseUp(row, said(stay.reason), events, evidence.complete, links)
