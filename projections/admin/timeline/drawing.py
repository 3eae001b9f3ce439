"""Builds what the browser draws: stays in lanes or, if there are too many, counts at sampled moments."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from presence_events import sql, validation
from presence_events.users import user_key_type
from projections.admin.stay_events import data_as_text
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.lanes import Lane, lane_of, users_by_key

__all__ = ["MAX_DRAWN_STAYS", "Drawing", "DrawnStay", "Sample", "build_drawing"]

MAX_DRAWN_STAYS = 10_000
"""Limits how many stays are drawn one by one."""

SAMPLE_COUNT = 240
"""The number of moments at which connections and people are counted if there are more stays than that."""

MAX_REASON_CHARS = 200
"""Limits the characters of a reason in the drawing. The page of the stay shows the whole reason."""

_FIELDS = (
    "session", "user_id", "channel_name", "joined_at", "left_at", "last_seen", "ended_by", "room", "reason",
)  # fmt: skip


class DrawnStay(NamedTuple):
    session: int
    lane: int
    """The index of its lane in the drawing."""
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
    """What the browser draws. If ``complete`` is False, it has samples instead of stays."""

    complete: bool
    lanes: list[Lane]
    stays: list[DrawnStay]
    samples: list[Sample]


def build_drawing(criteria: Criteria) -> Drawing:
    """Returns the drawing of what ``criteria`` select. Makes at most two queries, however many stays there are."""
    stays = criteria.stays()
    rows = list(stays.order_by().values_list(*_FIELDS)[: MAX_DRAWN_STAYS + 1])
    if len(rows) > MAX_DRAWN_STAYS:
        return Drawing(False, [], [], _samples(criteria, stays.db))
    rows.sort(key=lambda row: (row[3], row[0]))
    users = {} if criteria.user is not None else users_by_key(row[1] for row in rows)
    lanes: dict[Lane, int] = {}
    drawn = []
    for session, user_id, channel_name, joined_at, left_at, last_seen, ended_by, room, reason in rows:
        lane = lane_of(user_id, channel_name, users) if criteria.user is None else Lane("room", room, room)
        index = lanes.setdefault(lane, len(lanes))
        drawn.append(
            DrawnStay(
                session, index, channel_name, joined_at, left_at, last_seen, ended_by, room, _short_reason(reason)
            )
        )
    return Drawing(True, list(lanes), drawn, [])


def _samples(criteria: Criteria, using: str) -> list[Sample]:
    start, end = criteria.known_start, criteria.known_end
    if start > end:
        return []
    step = (end - start) / (SAMPLE_COUNT - 1)
    moments = [min(start + number * step, end) for number in range(SAMPLE_COUNT)]
    params = {"moments": moments, "room": criteria.room, "user_id": validation.user_parameter(criteria.user)}
    return [
        Sample(*row)
        for row in sql.rows("projections", "queries/timeline/counts", params, using=using, user_id=user_key_type(using))
    ]


def _short_reason(reason: Any) -> str | None:
    if reason is None:
        return None
    text = data_as_text(reason)
    return text if len(text) <= MAX_REASON_CHARS else text[: MAX_REASON_CHARS - 1] + "…"
