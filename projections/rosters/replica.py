"""One room as one roster shows it, kept in step with the log by the events of the room."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from typing import Any

from presence_events.models import PresenceEvent
from presence_events.privacy.hidden import is_hidden
from projections.rosters.history import Change, History
from projections.rosters.marks import RosterMark, Snapshot
from projections.rosters.members import Connection, Member
from projections.rosters.messages import View
from projections.rosters.people import ANONYMOUS, People, Stay
from projections.rosters.roster import Roster

__all__ = ["Replica"]

logger = logging.getLogger("projections.rosters")


class Replica:
    """The people of ``room`` for ``roster``. ``log`` names the log that the marks belong to.

    First `load` it with the open stays of one snapshot. Then `apply` the events that later snapshots see, and advance
    ``mark``. `publish` makes the messages about everything that was applied.

    Hidden connections are left out. ``channels`` are the channel names of all connections in the room. ``high`` is a
    position up to which all had been drawn when it was loaded.
    """

    def __init__(self, roster: Roster, room: str, log: str) -> None:
        self.roster = roster
        self.room = room
        self.channels: set[str] = set()
        self.high = 0
        self.mark = RosterMark(-1, Snapshot(0, 0, frozenset()), 0)
        self.history = History(self.mark.snapshot, 0)
        self._purpose = f"{log}\n{room}\n{roster.identity}"
        self._people = People(roster.grace, self._person)
        self._members: dict[str, Member] = {}
        self._anonymous = 0
        self._views: dict[Hashable, View] = {}
        self._loaded = self.mark.snapshot

    def load(self, stays: Sequence[Stay], mark: RosterMark, high: int) -> None:
        """Replaces what is known by ``stays``: all that the snapshot of ``mark`` sees as open.

        Before that snapshot, the positions up to ``high`` had been drawn.
        """
        self._people.replace([stay for stay in stays if not is_hidden(stay.data)])
        self.channels = {stay.channel_name for stay in stays}
        self.history, self.high = History(mark.snapshot, high), high
        self._loaded = mark.snapshot
        self.mark = mark

    def apply(self, event: PresenceEvent, now: float) -> bool:
        """Applies the next event of the room, unless it was loaded already. Returns whether it was applied.

        ``now`` is in seconds of a monotonic clock.
        """
        if self._loaded.sees(event.tx):
            return False
        hidden = is_hidden(event.data)
        concerned = set() if hidden else self._people.apply(event, now)
        is_end = event.kind in ("leave", "prune")
        if event.kind == "join":
            self.channels.add(str(event.channel_name))
        elif is_end:
            self.channels.discard(str(event.channel_name))
        for person in concerned:
            self.history.add(Change(event.id, event.tx, person, is_end))
        return hidden or bool(concerned)

    def has_changes(self, now: float) -> bool:
        """Returns whether there is something to `publish`."""
        return self._people.has_changes(now)

    def next_expiry(self) -> float | None:
        """Returns when the next grace is over, or None if none is in progress."""
        return self._people.next_expiry()

    async def publish(
        self, now: float, describe: Callable[[Roster, Collection[Member]], Awaitable[Collection[str]]]
    ) -> Mapping[Hashable, tuple[str, str]]:
        """Brings all views up to date. Returns the messages by view: the text and its mark.

        ``describe`` is a coroutine function that sets the ``info`` of members, and returns the ids of those for whom it
        failed: they are shown as before, or not at all. After an error, `load` a new replica.
        """
        changed = self._changed_members(now)
        members = [member for member in changed.values() if member is not None]
        if members and self.roster.has_info:
            failed = await describe(self.roster, members)
            changed = {key: member for key, member in changed.items() if key not in failed or key in self._members}
        self._members |= {key: member for key, member in changed.items() if member is not None}
        messages: dict[Hashable, tuple[str, str]] = {}
        mark = self._published_mark()
        for viewers, view in self._views.items():
            text = view.update(changed, self._anonymous, mark)
            if text is not None:
                messages[viewers] = text, view.mark
        return messages

    def _changed_members(self, now: float) -> dict[str, Member | None]:
        """Returns the members who may be shown differently, and None for people who are no longer in the room."""
        changed: dict[str, Member | None] = {}
        for key, (user_id, connections) in self._people.changes(now).items():
            if key == ANONYMOUS:
                self._anonymous = len(connections)
            elif not connections:
                if self._members.pop(key, None) is not None:
                    changed[key] = None
            elif not _is_same(before := self._members.get(key), connections):
                changed[key] = Member(key, user_id, connections, info=before.info if before else {})
        return changed

    def keep_views(self, keys: Collection[Hashable]) -> None:
        """Forgets all views but ``keys``."""
        for key in self._views.keys() - set(keys):
            del self._views[key]

    def view(self, key: Hashable) -> View:
        """Returns the view of the viewers with ``key``, as it was published last."""
        if key not in self._views:
            view = self._views[key] = View(self.roster, key, self.room, self._purpose)
            view.update(self._members, self._anonymous, self._published_mark())
        return self._views[key]

    def missing_history(self, key: Hashable, mark: str | None) -> int | None:
        """Returns the position from which on events are missing for an answer to ``mark``. None if there are enough."""
        read = self.view(key).read(mark)
        if read is None or read.low < 0 or self.roster.names_people or self.history.reaches(read):
            return None
        return read.low

    def answer(self, key: Hashable, mark: str | None) -> tuple[str, str]:
        """Returns what a viewer who has the roster at ``mark`` has to be sent: the text and its mark."""
        view = self.view(key)
        read = view.read(mark)
        if mark is None or read is None or not self._knows_since(read):
            text = view.snapshot()
        else:
            changed = self.history.changed_since(read) | self._people.in_grace()
            text = view.since(mark, changed - {ANONYMOUS})
        return text, view.mark

    def _knows_since(self, mark: RosterMark) -> bool:
        """Returns whether all changes since ``mark`` are known. Another process may have been ahead of this one."""
        return mark.low >= 0 and self.history.reaches(mark) and self.mark.snapshot.covers(mark.snapshot)

    def _published_mark(self) -> RosterMark:
        end = self._people.oldest_end()
        return self.mark if end is None else self.mark._replace(low=min(self.mark.low, end - 1))

    def _person(self, user_id: Any, data: Any) -> str | None:
        try:
            return self.roster.person(user_id, data)
        except Exception:
            logger.exception("A connection counts as anonymous, because person() failed.")
            return None


def _is_same(member: Member | None, connections: Sequence[Connection]) -> bool:
    """Returns whether ``member`` has as many connections as before, with the same data. A reload does not change it."""
    return member is not None and _data(member.connections) == _data(connections)


def _data(connections: Sequence[Connection]) -> list[str]:
    return sorted(json.dumps(connection.data, sort_keys=True) for connection in connections)
