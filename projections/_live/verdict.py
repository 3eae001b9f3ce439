"""How stays ended that somebody else ended, and what a live connection makes of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from enum import Enum
from typing import NamedTuple

from django.db import connections

from presence_events import sql
from presence_events.positions import position_at
from projections import conf
from projections._delivery.lookup import absent
from projections.selections import SERVER_DIED

__all__ = ["LOOK_BACK", "Ending", "Verdict", "endings", "fate"]

LOOK_BACK = 60.0
"""Seconds that the search in the log reaches further back than it has to, as clocks are set back at times."""


class Ending(NamedTuple):
    """``kind`` is None if the log does not say: it was restored to an earlier state, for example.

    ``silence`` is how long the connection had not been seen then, by the database's clock; None if it has not ended.
    ``presumed`` is whether it was pruned because its process was taken for dead.
    """

    kind: str | None
    silence: timedelta | None
    presumed: bool = False


class Verdict(Enum):
    STAY = "it is present, or will be looked at again"
    FORGET = "it is no longer in that room"
    HEAL = "it rejoins the room"
    EVICT = "it is closed"


def endings(stays: Collection[tuple[str, str]], age: float, using: str) -> dict[tuple[str, str], Ending]:
    """Those of ``stays`` (room, channel name) that are over, and how they ended: in the last ``age`` seconds.

    One query if all are present. Otherwise the log is searched from there on, by room, without its touches.
    """
    missing = absent(stays, using)
    if not missing:
        return {}
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() - make_interval(secs => %s)", [age + LOOK_BACK])
        position = position_at(cursor.fetchone()[0], using=using)
    found = dict.fromkeys(missing, Ending(None, None))
    rooms, channel_names = zip(*missing, strict=True)
    params = {"rooms": list(rooms), "channel_names": list(channel_names), "position": position, "died": SERVER_DIED}
    rows = sql.rows("projections", "queries/live/endings", params, using=using)
    for room, channel_name, kind, silence, presumed in rows:
        found[room, channel_name] = Ending(kind, silence, presumed)
    return found


def fate(ending: Ending, seen: float, *, heartbeat: bool, spoke: bool, away: bool) -> Verdict:
    """What becomes of a connection whose stay ended like that.

    ``seen`` is how many seconds ago its process last said that it was there, ``heartbeat`` whether its process vouches
    for it, ``spoke`` whether a message from it is the occasion, ``away`` whether the process itself was away for longer
    than the maximal age.

    A connection that was pruned although its process had vouched for it in time was pruned on purpose. If both the
    process and the log say that it had not been seen for too long, the process is at fault; and so it is if it was
    taken for dead.
    """
    if ending.kind == "join":
        return Verdict.STAY
    if ending.kind == "leave":
        return Verdict.FORGET
    if heartbeat:
        age = conf.max_age()
        unseen = ending.silence is None or (seen > age and ending.silence > timedelta(seconds=age))
        return Verdict.HEAL if unseen or ending.presumed else Verdict.EVICT
    if spoke:
        return Verdict.HEAL
    return Verdict.STAY if away else Verdict.EVICT
