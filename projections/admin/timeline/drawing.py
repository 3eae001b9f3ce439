"""What the browser draws: stays in lanes, or, of more stays than that, how many were there at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from presence_events import sql
from presence_events.users import user_key_type
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.lanes import Lane, lane_of, users
from projections.admin.timeline.stay_events import said

__all__ = ["DRAWN", "Drawing", "Sample", "drawing"]

DRAWN = 10_000
"""Stays that are drawn one by one, at most."""

SAMPLES = 240
"""Moments at which it is counted who was there, if there are more."""

SAID = 200
"""Characters of a reason that come with the drawing. All of it stands on the page of the stay."""

_FIELDS = (
    "session", "user_id", "channel_name", "joined_at", "left_at", "last_seen", "ended_by", "room", "reason",
)  # fmt: skip


class Drawn(NamedTuple):
    session: int
    lane: int
    channel_name: str
    joined_at: datetime
    left_at: datetime | None
    last_seen: datetime
    ended_by: str | None
    room: str
    reason: str | None


class Sample(NamedTuple):
    at: datetime
    connections: int
    people: int


class Drawing(NamedTuple):
    """If it is not ``complete``, it has samples in the place of stays."""

    complete: bool
    lanes: list[Lane]
    stays: list[Drawn]
    samples: list[Sample]


def drawing(question: Criteria) -> Drawing:
    """Two queries, however many stays there are."""
    stays = question.stays()
    rows = list(stays.order_by().values_list(*_FIELDS)[: DRAWN + 1])
    if len(rows) > DRAWN:
        return Drawing(False, [], [], _samples(question, stays.db))
    rows.sort(key=lambda row: (row[3], row[0]))
    known = {} if question.user is not None else users(row[1] for row in rows)
    lanes: dict[Lane, int] = {}
    drawn = []
    for session, user_id, channel_name, joined_at, left_at, last_seen, ended_by, room, reason in rows:
        lane = lane_of(user_id, channel_name, known) if question.user is None else Lane("room", room, room)
        number = lanes.setdefault(lane, len(lanes))
        drawn.append(
            Drawn(session, number, channel_name, joined_at, left_at, last_seen, ended_by, room, _short(reason))
        )
    return Drawing(True, list(lanes), drawn, [])


def _samples(question: Criteria, using: str) -> list[Sample]:
    end = question.known_end
    step = (end - question.start) / (SAMPLES - 1)
    moments = [min(question.start + number * step, end) for number in range(SAMPLES)]
    params = {"moments": moments, "room": question.room, "user_id": question.user}
    return [
        Sample(*row)
        for row in sql.rows("projections", "queries/timeline/counts", params, using=using, user_id=user_key_type(using))
    ]


def _short(reason: Any) -> str | None:
    if reason is None:
        return None
    text = said(reason)
    return text if len(text) <= SAID else text[: SAID - 1] + "…"
