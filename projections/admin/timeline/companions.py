"""Whom a user was with: in the same rooms at the same time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

from presence_events import sql
from presence_events.users import user_key_type
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.lanes import Lane, lane_of, users

__all__ = ["COMPARED", "NAMED", "Company", "company"]

COMPARED = 20_000
"""Stays of others that are compared with those of the user, at most."""

NAMED = 10
"""People who are named."""


class Companion(NamedTuple):
    person: Lane
    together: timedelta


class Company(NamedTuple):
    """If it is not ``complete``, others may have been there longer."""

    complete: bool
    companions: list[Companion]


def company(question: Criteria) -> Company:
    """The people with whom the user spent most time in the span, longest first. Two queries."""
    alias = question.stays().db
    params: dict[str, Any] = {
        "user_id": question.user,
        "room": question.room,
        "start": question.start,
        "stop": question.known_end,
        "most": COMPARED,
        "limit": NAMED,
    }
    rows = sql.rows("projections", "queries/timeline/companions", params, using=alias, user_id=user_key_type(alias))
    known = users(user_id for user_id, _, _ in rows)
    companions = [Companion(lane_of(user_id, "", known), together) for user_id, together, _ in rows]
    return Company(not rows or rows[0][2] < COMPARED, companions)
