"""Decides what a server process does with a live connection whose stay was ended elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from enum import Enum
from typing import NamedTuple

from django.db import connections

from presence_events import sql
from presence_events.positions import position_at
from projections import conf
from projections._delivery.absence import absent
from projections.selections import SERVER_DIED

__all__ = ["CLOCK_TOLERANCE", "Ending", "Verdict", "decide", "find_endings"]

CLOCK_TOLERANCE = 60.0
"""Seconds by which the search in the log starts earlier than necessary, because clocks are sometimes set back."""


class Ending(NamedTuple):
    """How a stay ended, according to the log.

    ``kind`` is the kind of the connection's last event in the room, touches aside. It is None if the log has no such
    event, for example because the log was restored to an earlier state. "join" means that the stay has not ended.

    ``silence`` is the time from the last sign of life to the end, by the clock of the database. It is None if the stay
    has not ended.

    ``presumed_dead`` is whether the stay was pruned because its server process was presumed dead.

    ``is_replaced`` is whether it ended for an exclusive join of another connection of the user.
    """

    kind: str | None
    silence: timedelta | None
    presumed_dead: bool = False
    is_replaced: bool = False


class Verdict(Enum):
    """What the process does. `EVICT` and `REPLACE` on one stay are verdicts on the whole connection."""

    KEEP = "the stay is present, or the next heartbeat reviews it again"
    FORGET = "the connection is no longer in the room"
    HEAL = "the connection rejoins the room"
    EVICT = "the socket is closed"
    REPLACE = "the socket is closed, because the user has another connection in the room"


def find_endings(stays: Collection[tuple[str, str]], seconds: float, using: str) -> dict[tuple[str, str], Ending]:
    """Returns the endings of those of ``stays`` (room, channel name) that are not present, by room and channel name.

    Runs one query if all stays are present. Otherwise it also searches the last ``seconds`` of the log, by room and
    without touches.
    """
    missing = absent(stays, using)
    if not missing:
        return {}
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp() - make_interval(secs => %s)", [seconds + CLOCK_TOLERANCE])
        position = position_at(cursor.fetchone()[0], using=using, partial=True)
    found = dict.fromkeys(missing, Ending(None, None))
    rooms, channel_names = zip(*missing, strict=True)
    params = {"rooms": list(rooms), "channel_names": list(channel_names), "position": position, "died": SERVER_DIED}
    rows = sql.rows("projections", "queries/live/endings", params, using=using)
    for room, channel_name, *ending in rows:
        found[room, channel_name] = Ending(*ending)
    return found


def decide(
    ending: Ending, unseen_for: float, *, heartbeat: bool, message_received: bool, process_stalled: bool
) -> Verdict:
    """Returns the verdict on a stay that ended with ``ending``.

    - ``unseen_for``: seconds since the process last recorded a sign of life of this stay.
    - ``heartbeat``: whether the process vouches for the connection.
    - ``message_received``: whether the decision is made because the client sent a message.
    - ``process_stalled``: whether the process itself sent no heartbeat for longer than the maximal age.

    A connection that had to leave for another one of its user is replaced, and one that left for another reason is
    forgotten.

    A connection that was pruned on purpose is evicted. The log shows the purpose: by the clock of the database it had
    been seen within the maximal age. A prune after a longer silence is never on purpose. The process stalled, or the
    clock of the database was set forward, and a connection for which the process vouches is healed. It is also healed
    if its process was presumed dead, or if the log no longer has the stay.

    A connection for which the process does not vouch is healed by a message. Without one it is evicted, with two
    exceptions. After a stall of the process it has until the second beat to send a message. If the process has
    recorded a sign of life within the maximal age, and the log has a longer silence, the clock of the database was set
    forward, and it is healed.
    """
    if ending.kind == "join":
        return Verdict.KEEP
    if ending.kind == "leave":
        return Verdict.REPLACE if ending.is_replaced else Verdict.FORGET
    age = conf.max_age()
    was_silent = ending.silence is not None and ending.silence > timedelta(seconds=age)
    if heartbeat:
        return Verdict.HEAL if ending.silence is None or was_silent or ending.presumed_dead else Verdict.EVICT
    if message_received or (was_silent and unseen_for <= age):
        return Verdict.HEAL
    return Verdict.KEEP if process_stalled else Verdict.EVICT
