"""Finds who was present at a moment."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from presence_events import sql, validation
from presence_events.segments import horizon
from presence_events.users import user_key_type
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.lanes import Lane, lane_of, users_by_key
from projections.models import PresenceSession

__all__ = ["MAX_LISTED_CONNECTIONS", "Present", "PresentPerson", "present_at"]

MAX_LISTED_CONNECTIONS = 1_000
"""Limits how many connections are listed."""


class PresentPerson(NamedTuple):
    """A person in one room."""

    person: Lane
    stays: list[PresenceSession]
    """Their stays in the room, in order of arrival."""


class Present(NamedTuple):
    """Who was present. If ``complete`` is False, there were more connections than ``listed`` has."""

    complete: bool
    connections: int
    people: int
    """Users, each counted once."""
    listed: list[PresentPerson]


def present_at(criteria: Criteria, moment: datetime) -> Present:
    """Returns who was present at ``moment``, in order of arrival.

    Makes two queries, and a third if there are more connections than it lists.
    """
    found = list(criteria.stays_at(moment).order_by("joined_at", "session")[: MAX_LISTED_CONNECTIONS + 1])
    stays = found[:MAX_LISTED_CONNECTIONS]
    users = users_by_key(stay.user_id for stay in stays)
    by_person: dict[tuple[Lane, str], list[PresenceSession]] = {}
    for stay in stays:
        by_person.setdefault((lane_of(stay.user_id, stay.channel_name, users), stay.room), []).append(stay)
    listed = [PresentPerson(person, stays) for (person, _), stays in by_person.items()]
    if len(found) > MAX_LISTED_CONNECTIONS and horizon.is_before(moment, criteria.horizon):
        number = criteria.stays_at(moment).count()
        return Present(False, number, len({stay.user_id for stay in stays if stay.user_id is not None}), listed)
    if len(found) > MAX_LISTED_CONNECTIONS:
        using = str(stays[0]._state.db)
        params = {"moments": [moment], "room": criteria.room, "user_id": validation.user_parameter(criteria.user)}
        ((_, connections, people),) = sql.rows(
            "projections", "queries/timeline/counts", params, using=using, user_id=user_key_type(using)
        )
        return Present(False, connections, people, listed)
    people = len({stay.user_id for stay in stays if stay.user_id is not None})
    return Present(True, len(stays), people, listed)
