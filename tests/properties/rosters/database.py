"""A database in memory: a log, the transactions that append to it, and the queries that rosters make."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from django.utils.timezone import now

from presence_events.models import PresenceEvent
from presence_events.tail import Mark
from projections.rosters.marks import Snapshot
from projections.rosters.people import Stay

ROOM = "lobby"
SINCE = now()


class Database:
    """The log with the name ``name``, with events of one room.

    ``stays`` are the open stays by channel, as the open transactions leave them. Transactions have ids, end in any
    order, and lock the connections that they change.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[PresenceEvent] = []
        self.stays: dict[str, Stay] = {}
        self.open: dict[int, dict[str, Stay | None]] = {}
        self._drawn = 0
        self._restored = 0
        self._last_session = 0
        self._next_tx = 1
        self._last_ended = 0

    def begin(self) -> int:
        """Begins a transaction. Returns its id."""
        self._next_tx += 1
        self.open[self._next_tx - 1] = {}
        return self._next_tx - 1

    def commit(self, tx: int) -> None:
        self._end(tx)

    def roll_back(self, tx: int) -> None:
        for channel, before in self._end(tx).items():
            self.stays.pop(channel, None)
            if before is not None:
                self.stays[channel] = before
        self.events = [event for event in self.events if event.tx != tx or event.id <= self._restored]

    def append(self, tx: int, kind: str, channel: str, user_id: int | None, data: Any) -> None:
        """Appends an event in a transaction.

        Does nothing if it changes nothing, or another transaction has the connection locked.
        """
        before = self.stays.get(channel)
        is_locked = any(channel in changed for other, changed in self.open.items() if other != tx)
        if is_locked or (kind == "join") == (before is not None):
            return
        self.open[tx].setdefault(channel, before)
        if before is None:
            self._last_session += 1
            stay = Stay(self._last_session, channel, user_id, SINCE, data)
        else:
            stay = before
        if kind == "touch":
            stay = stay._replace(data=data)
        if kind in ("leave", "prune"):
            del self.stays[channel]
            data = {"reason": "test"}
        else:
            self.stays[channel] = stay
        self._drawn += 1
        self.events.append(
            PresenceEvent(
                id=self._drawn,
                kind=kind,
                room=ROOM,
                channel_name=channel,
                user_id=stay.user_id,
                session=stay.session,
                since=SINCE,
                data=data,
                tx=tx,
            )
        )

    def restored(self, name: str) -> Database:
        """Returns a database with what is committed, in another cluster, which counts transactions from the start."""
        other = Database(name)
        seen = self._snapshot()
        other.events = self._visible(seen)
        other.stays = {stay.channel_name: stay for stay in self._open_stays(seen)}
        other._drawn = other._restored = self._drawn
        other._last_session = self._last_session
        return other

    def channels(self) -> set[str]:
        """Returns the connections that a query would now find in the room."""
        return {stay.channel_name for stay in self._open_stays(self._snapshot())}

    def rows(self, query: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Returns the rows of a query, which has the name of its file."""
        seen = self._snapshot()
        match query:
            case "queries/positions/drawn_position":
                return [(False, True, self._drawn)]
            case "queries/tail/open_transactions":
                return [(tx,) for tx, changed in self.open.items() if changed]
            case "queries/tail/window":
                above = dict(zip(params["open"], params["above"], strict=True))
                ended = min((above[tx] for tx in above if seen.sees(tx)), default=None)
                return [(str(seen), self._drawn, ended)]
            case "queries/rosters/log":
                return [(self.name,)]
            case "queries/rosters/stays":
                stays = [(*stay[:4], json.dumps(stay.data)) for stay in self._open_stays(seen)]
                return [(str(seen), *stay) for stay in stays or [(None,) * 5]]
            case "queries/rosters/changes":
                return [
                    (event.id, str(event.tx), event.user_id, event.kind in ("leave", "prune"))
                    for event in self._visible(seen)
                    if event.id > params["after"]
                ]
        raise AssertionError(f"The model has no {query}.")

    def window(self, mark: Mark, until: int, rooms: Collection[str]) -> list[PresenceEvent]:
        """Returns the events of the window of ``mark`` up to a position, as ``queries/tail/events`` does."""
        assert mark.window is not None
        before, now = (Snapshot.parse(str(cut.snapshot)) for cut in (mark.seen, mark.window))
        return [
            event
            for event in self.events
            if mark.position < event.id <= until
            and now.sees(event.tx)
            and not before.sees(event.tx)
            and event.room in rooms
        ]

    def _end(self, tx: int) -> dict[str, Stay | None]:
        self._last_ended = max(self._last_ended, tx)
        return self.open.pop(tx)

    def _snapshot(self) -> Snapshot:
        """Returns what PostgreSQL would: it does not name the transactions that began after the last one that ended."""
        xmax = self._last_ended + 1
        running = frozenset(tx for tx in self.open if tx < xmax)
        return Snapshot(min(running, default=xmax), xmax, running)

    def _visible(self, seen: Snapshot) -> list[PresenceEvent]:
        return [event for event in self.events if event.id <= self._restored or seen.sees(event.tx)]

    def _open_stays(self, seen: Snapshot) -> list[Stay]:
        found: dict[str, Stay] = {}
        for event in self._visible(seen):
            channel = str(event.channel_name)
            if event.kind == "join":
                found[channel] = Stay(int(event.session or 0), channel, event.user_id, SINCE, event.data)
            elif event.kind == "touch":
                found[channel] = found[channel]._replace(data=event.data)
            else:
                del found[channel]
        return list(found.values())
