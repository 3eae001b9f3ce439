"""Finds the people a user was with: in the same rooms at the same time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from presence_events import sql, validation
from presence_events.users import from_database, user_key_type
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.lanes import Lane, lane_of, users_by_key

__all__ = ["MAX_COMPANIONS", "MAX_COMPARED_STAYS", "Companion", "Companions", "companions_of"]

MAX_COMPARED_STAYS = 20_000
"""Limits how many stays of others are compared with those of the user."""

MAX_COMPANIONS = 10
"""Limits how many people are listed."""


class Companion(NamedTuple):
    person: Lane
    together: timedelta


class Companions(NamedTuple):
    """The people a user was with. If ``complete`` is False, people who are not listed may have been there longer."""

    complete: bool
    companions: list[Companion]


def companions_of(criteria: Criteria) -> Companions:
    """Returns the people who spent most time with the user in the span, longest first. Makes two queries.

    Times before the horizon do not count.
    """
    if criteria.known_start > criteria.known_end:
        return Companions(True, [])
    alias = criteria.stays().db
    params: dict[str, Any] = {
        "user_id": validation.user_parameter(criteria.user),
        "room": criteria.room,
        "start": criteria.known_start,
        "stop": criteria.known_end,
        "max_stays": MAX_COMPARED_STAYS,
        "max_companions": MAX_COMPANIONS,
    }
    rows = sql.rows("projections", "queries/timeline/companions", params, using=alias, user_id=user_key_type(alias))
    found = [(from_database(user_id, alias), together) for user_id, together, _ in rows]
    users = users_by_key(user_id for user_id, _ in found)
    companions = [Companion(lane_of(user_id, "", users), together) for user_id, together in found]
    return Companions(not rows or rows[0][2] < MAX_COMPARED_STAYS, companions)
