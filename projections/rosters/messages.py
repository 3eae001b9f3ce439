"""What the viewers of a room who may see the same are sent: snapshots, and diffs from one mark to the next.

The messages are those of ``docs/reference/roster-protocol.md``.
"""

from __future__ import annotations

import json
import logging
from bisect import bisect_left, insort
from collections.abc import Collection, Hashable, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from projections.rosters.marks import RosterMark
from projections.rosters.members import Member
from projections.rosters.roster import Roster

__all__ = ["VERSION", "View", "encode"]

logger = logging.getLogger("projections.rosters")

VERSION = 1
"""The version of the protocol."""

_Shown = dict[str, Any]


def encode(message: Mapping[str, Any]) -> str:
    """Returns ``message`` as the text that is sent. Raises TypeError or ValueError if it is no JSON."""
    return json.dumps(message, cls=DjangoJSONEncoder, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class View:
    """The roster of one room for the viewers with ``view``. ``purpose`` distinguishes its marks from all others.

    ``mark`` is the mark of the last message, as text.
    """

    def __init__(self, roster: Roster, view: Hashable, room: str, purpose: str) -> None:
        self._roster = roster
        self._view = view
        self._room = room
        self._purpose = f"{purpose}\n{view!r}"
        self._visible: dict[str, tuple[int, _Shown]] = {}
        self._order: list[tuple[int, str]] = []
        self._listed: dict[str, _Shown] = {}
        self._anonymous = 0
        self._mark: RosterMark | None = None
        self._snapshot = ""
        self.mark = ""

    def update(self, changed: Mapping[str, Member | None], anonymous: int, mark: RosterMark) -> str | None:
        """Applies the people who have ``changed``: members, or None for people who are no longer in the room.

        ``anonymous`` is the number of anonymous connections, and ``mark`` is the place in the log. Returns the diff, or
        None if nothing that the viewers see has changed.
        """
        arrived, departed, updated = set(), set(), set()
        for key, member in changed.items():
            shown = None if member is None else self._show(member)
            before = self._visible.get(key)
            if member is not None and shown is not None:
                self._put(key, member.connections[0].session, shown)
                if before is None:
                    arrived.add(key)
                elif before[1] != shown:
                    updated.add(key)
            elif before is not None:
                self._drop(key, before[0])
                departed.add(key)
        listed = self._first()
        lists = {
            "joined": [shown for key, shown in listed.items() if key in arrived],
            "updated": [shown for key, shown in listed.items() if key in updated and key in self._listed],
            "left": [shown["id"] for key, shown in self._listed.items() if key in departed],
            "shown": [shown for key, shown in listed.items() if key not in arrived and key not in self._listed],
            "hidden": [shown["id"] for key, shown in self._listed.items() if key not in listed and key not in departed],
        }
        is_same = anonymous == self._anonymous and not arrived and not departed and not any(lists.values())
        self._listed, self._anonymous = listed, anonymous
        if is_same and self.mark:
            return None
        before_mark = self.mark
        self._advance(mark)
        return encode(self._diff(before_mark, lists))

    def snapshot(self) -> str:
        """Returns the whole roster as it was at `mark`."""
        if not self._snapshot:
            message: dict[str, Any] = {
                "type": "presence.snapshot",
                "version": VERSION,
                "room": self._room,
                "mark": self.mark,
                **self._counts(),
            }
            if not self._roster.count_only:
                message["members"] = list(self._listed.values())
            self._snapshot = encode(message)
        return self._snapshot

    def read(self, mark: str | None) -> RosterMark | None:
        """Returns the mark that a client sent, or None if it is not one of this view, or is too old."""
        return RosterMark.unsigned(mark, self._purpose)

    def since(self, mark: str, changed: Collection[str]) -> str:
        """Returns the difference between ``mark`` and `mark`, where only ``changed`` have changed, or a snapshot."""
        read = self.read(mark)
        is_hidden = self._roster.can_hide and any(key not in self._visible for key in changed)
        # Who was listed at a mark is not known where only some people are.
        is_partial = len(self._visible) > len(self._listed) or read is None or read.is_partial
        if is_hidden or (is_partial and not self._roster.count_only):
            return self.snapshot()
        lists: dict[str, list[Any]] = {"joined": [], "left": []}
        if not self._roster.count_only:
            lists["joined"] = [shown for key, shown in self._listed.items() if key in changed]
            lists["left"] = [key for key in changed if key not in self._visible]
        diff = encode(self._diff(mark, lists))
        return min(diff, self.snapshot(), key=len)

    def _show(self, member: Member) -> _Shown | None:
        try:
            shown = self._roster.show(member, self._view)
            if shown is not None and not isinstance(shown["id"], str):
                raise TypeError(f"The id {shown['id']!r} is no text.")
            encode({"member": shown})
        except Exception:
            logger.exception("%s is hidden, because show() failed, or its result is no JSON.", member.id)
            return None
        return shown

    def _diff(self, before: str, lists: Mapping[str, list[Any]]) -> dict[str, Any]:
        return {
            "type": "presence.diff",
            "room": self._room,
            "before": before,
            "mark": self.mark,
            **self._counts(),
            **{name: found for name, found in lists.items() if found},
        }

    def _counts(self) -> dict[str, int]:
        return {"people": len(self._visible), "anonymous": self._anonymous}

    def _advance(self, mark: RosterMark) -> None:
        is_partial = not self._roster.count_only and len(self._visible) > len(self._listed)
        self.mark = mark._replace(is_partial=is_partial).signed(self._purpose)
        self._snapshot = ""

    def _first(self) -> dict[str, _Shown]:
        return {key: self._visible[key][1] for _, key in self._order[: self._roster.limit]}

    def _put(self, key: str, session: int, shown: _Shown) -> None:
        before = self._visible.get(key)
        if before is None or before[0] != session:
            if before is not None:
                self._drop(key, before[0])
            insort(self._order, (session, key))
        self._visible[key] = session, shown

    def _drop(self, key: str, session: int) -> None:
        del self._visible[key]
        del self._order[bisect_left(self._order, (session, key))]
