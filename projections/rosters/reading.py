"""What rosters read from the database. Call it in a thread for queries, outside of transactions."""

from __future__ import annotations

import json
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import Error, router

from presence_events import sql
from presence_events.concurrency import in_thread
from presence_events.models import PresenceEvent
from presence_events.schema.json_data import TolerantDecoder
from presence_events.segments import catalogue
from presence_events.tail import MAX_RANGE, Cut, Mark, Tail
from presence_events.users import from_database
from projections.rosters.history import MAX_CHANGES, Change
from projections.rosters.marks import RosterMark, Snapshot
from projections.rosters.members import Member
from projections.rosters.people import ANONYMOUS, Stay
from projections.rosters.roster import Roster

__all__ = ["Read", "Reader", "adescribe", "changes", "describe", "load"]

logger = logging.getLogger("projections.rosters")

READ_LIMIT = 5000
"""Events that one query reads."""


class Read(NamedTuple):
    """What one `Reader.read` found.

    ``events`` are the new events by room, in the order of the log, and ``mark`` is the place after them.
    ``loaded`` has the open stays of rooms, the mark of each, and a position up to which all had been drawn before.
    ``changes`` has the changes of rooms after a position, and this position. Rooms with too many are missing.
    """

    events: dict[str, list[PresenceEvent]]
    mark: RosterMark
    loaded: dict[str, tuple[list[Stay], RosterMark, int]]
    changes: dict[str, tuple[list[Change], int]]


class Reader:
    """Reads the log of the database ``using``, for all rooms of one process together.

    ``log`` is the name of the log. The marks of another log are of no use in it.
    """

    def __init__(self, using: str) -> None:
        self._using = using
        self._tail = Tail(using, touches=False)
        self.log = _log_name(using)
        cut = Cut.now(using)
        # What the open transactions have appended so far is not read: the rooms are loaded again when they have ended.
        self._mark = Mark(cut._replace(open=dict.fromkeys(cut.open, cut.high)))
        self._unknown = set(cut.open)

    def read(self, rooms: Collection[str], load: Collection[str], earlier: Mapping[str, int]) -> Read:
        """Returns the new events of ``rooms``, the open stays of ``load``, and the events after positions ``earlier``.

        Loads ``rooms`` again if some of their events may be missing. Raises what the database raises. Make a new reader
        then.
        """
        events, mark = defaultdict[str, list[PresenceEvent]](list), self._tail.open_window(self._mark)
        while mark.window is not None:
            found, mark = self._tail.read(mark, READ_LIMIT, rooms=list(rooms))
            for event in found:
                events[event.room].append(event)
        self._mark, cut = mark, mark.seen
        again = set(load)
        if not self._unknown <= cut.open.keys():
            self._unknown &= cut.open.keys()
            again |= set(rooms)
        # Without the lowest position of an open transaction, a mark cannot say what follows it.
        read = _mark(cut, low=-1 if self._unknown else cut.low)
        return Read(
            events,
            read,
            {room: (*_load(room, read, self._using), cut.high) for room in again},
            {
                room: (known, after)
                for room, after in earlier.items()
                if (known := changes(room, after, cut.high, using=self._using)) is not None
            },
        )


def load(room: str, *, using: str) -> tuple[str, list[Stay], RosterMark, int]:
    """Returns the name of the log, and for ``room``: the open stays, the mark, and a position for `Replica.load`."""
    cut = Cut.now(using)
    mark = _mark(cut, low=-1 if cut.open else cut.high)
    return (_log_name(using), *_load(room, mark, using), cut.high)


def changes(room: str, after: int, high: int, *, using: str) -> list[Change] | None:
    """Returns the changes of ``room`` after a position, or None if they are too many to look for.

    ``high`` is a position up to which all have been drawn.
    """
    if not 0 <= high - after <= MAX_RANGE:
        return None
    params = {"room": room, "after": after, "limit": MAX_CHANGES}
    days = catalogue.days(using=using, after=after)
    rows = sql.rows("projections", "queries/rosters/changes", params, using=using, days=days)
    if len(rows) == MAX_CHANGES:
        return None
    return [
        Change(position, int(tx), ANONYMOUS if user_id is None else str(from_database(user_id, using)), is_end)
        for position, tx, user_id, is_end in rows
    ]


def _mark(cut: Cut, low: int) -> RosterMark:
    return RosterMark(low, Snapshot.parse(str(cut.snapshot)), int(time.time()))


def _log_name(using: str) -> str:
    return str(sql.rows("projections", "queries/rosters/log", using=using)[0][0])


def _load(room: str, mark: RosterMark, using: str) -> tuple[list[Stay], RosterMark]:
    """Returns the open stays of ``room``, and ``mark`` with the snapshot that sees them."""
    rows = sql.rows("projections", "queries/rosters/stays", {"room": room}, using=using)
    stays = [
        Stay(session, channel_name, None if user_id is None else from_database(user_id, using), since, _json(data))
        for _, session, channel_name, user_id, since, data in rows
        if session is not None
    ]
    return stays, mark._replace(snapshot=Snapshot.parse(rows[0][0]))


def describe(roster: Roster, members: Sequence[Member]) -> set[str]:
    """Sets the user and the ``info`` of ``members``, with one query and what ``roster`` does.

    If `Roster.serialize` fails, it is called for one member after the other. Returns the ids of those for whom it
    failed. Raises errors of the database, after which it can be called again.
    """
    users = get_user_model()
    keys = {member.user_id for member in members if member.user_id is not None}
    found = users._base_manager.using(router.db_for_read(users)).in_bulk(keys) if keys else {}
    for member in members:
        member.user = found.get(member.user_id)
    try:
        _set_info(roster, members)
    except Error:
        raise
    except Exception:
        logger.exception("serialize() failed. It is called for one member after the other.")
        return {member.id for member in members if not _is_described(roster, member)}
    return set()


async def adescribe(roster: Roster, members: Collection[Member]) -> set[str]:
    """Does the same as `describe`, in a thread."""
    return await in_thread(partial(describe, roster, list(members)))


def _is_described(roster: Roster, member: Member) -> bool:
    try:
        _set_info(roster, [member])
    except Error:
        raise
    except Exception as error:
        logger.error("%s is not shown, or as before, because serialize() failed: %r", member.id, error)
        return False
    return True


def _set_info(roster: Roster, members: Sequence[Member]) -> None:
    info = roster.serialize(members)
    for member in members:
        member.info = info.get(member.id, {})


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text, cls=TolerantDecoder)
