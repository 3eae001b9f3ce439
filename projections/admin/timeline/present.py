"""Who was there at a moment, person by person."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from presence_events import sql
from presence_events.users import user_key_type
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.lanes import Lane, lane_of, users
from projections.models import PresenceSession

__all__ = ["LISTED", "Here", "Present", "present"]

LISTED = 1_000
"""Connections that are listed, at most."""


class Here(NamedTuple):
    person: Lane
    stays: list[PresenceSession]
    """Of one person in one room, the first to come first."""


class Present(NamedTuple):
    """If it is not ``complete``, there were more than are listed."""

    complete: bool
    connections: int
    people: int
    """With a user, each once."""
    here: list[Here]


def present(question: Criteria, moment: datetime) -> Present:
    """Who was there at ``moment``, in the order in which they came. Two queries, and a third if not all are listed."""
    found = list(question.present(moment).order_by("joined_at", "session")[: LISTED + 1])
    stays = found[:LISTED]
    known = users(stay.user_id for stay in stays)
    by_person: dict[tuple[Lane, str], list[PresenceSession]] = {}
    for stay in stays:
        by_person.setdefault((lane_of(stay.user_id, stay.channel_name, known), stay.room), []).append(stay)
    here = [Here(person, theirs) for (person, _), theirs in by_person.items()]
    if len(found) > LISTED:
        params = {"moments": [moment], "room": question.room, "user_id": question.user}
        ((_, connections, people),) = sql.rows(
            "projections",
            "queries/timeline/counts",
            params,
            using=str(stays[0]._state.db),
            user_id=user_key_type(str(stays[0]._state.db)),
        )
        return Present(False, connections, people, here)
    people = len({stay.user_id for stay in stays if stay.user_id is not None})
    return Present(True, len(stays), people, here)
