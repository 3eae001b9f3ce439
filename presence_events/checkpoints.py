"""How far somebody has read the log, kept in the database beside it: by name, so that each reader has one of their own.

A reader that is killed reads on from its checkpoint, and so reads again what it had read since it last moved it: each
event at least once.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import connections
from django.db.models.functions import Now

from presence_events.exceptions import CheckpointMoved, InvalidPosition, LogIsShorter
from presence_events.models import Checkpoint, PresenceEvent
from presence_events.tail import Mark, Tail

__all__ = ["Reader", "reset"]


def reset(name: str, mark: Mark, *, using: str) -> None:
    """Makes ``mark`` the checkpoint of that name, whether or not there was one."""
    Checkpoint.objects.using(using).update_or_create(name=name, defaults=_values(mark, _cluster(using)))


class Reader:
    """Reads the log of the database ``using`` from the checkpoint ``name``; from the end of the log, as it is now, if
    there is none yet.

    A checkpoint that was made in another database cluster, the one that a dump was taken from or that was upgraded, is
    translated: events that had been read come again if an earlier one was not decided, and none is missed.
    """

    def __init__(self, name: str, *, using: str, touches: bool = True) -> None:
        cluster = _cluster(using)
        rows = Checkpoint.objects.using(using)
        stored = rows.filter(name=name).first()
        if stored is None:
            stored, _ = rows.get_or_create(name=name, defaults=_values(Mark.end(using), cluster))
        self._tail = Tail(using, touches=touches)
        self._row = rows.filter(name=name)
        self._stored: Any = stored.mark
        self._stored_at = time.monotonic()
        self._cluster = cluster
        mark = Mark.from_json(stored.mark)
        self._mark = self._next = mark if stored.cluster == cluster else _translated(mark, using)

    def read(self, limit: int) -> list[PresenceEvent]:
        """The next events, at most ``limit``: the same as before, until `advance` is called."""
        self._mark = self._tail.look(self._mark)
        events, self._next = self._tail.read(self._mark, limit)
        return events

    @property
    def is_between(self) -> bool:
        """Whether more is to come of what was in the log when this reader last looked."""
        return self._next.window is not None

    def advance(self, position: int | None = None) -> None:
        """Makes what was read last count as read: for this reader, until `store` is called. Only up to ``position``, if
        it is that of one of these events."""
        if position is not None:
            self._next = self._mark._replace(position=position)
        self._mark = self._next

    @property
    def stored_ago(self) -> float:
        """Seconds since the checkpoint was moved to where this reader was."""
        return time.monotonic() - self._stored_at

    def store(self) -> None:
        """Moves the checkpoint to where this reader is. Raises `CheckpointMoved`, and changes nothing, if it is no
        longer where this reader left it."""
        values = _values(self._mark, self._cluster)
        if not self._row.filter(mark=self._stored).update(**values):
            raise CheckpointMoved
        self._stored = values["mark"]
        self._stored_at = time.monotonic()

    def confirm(self) -> None:
        """Raises `CheckpointMoved` if the checkpoint is no longer where this reader left it."""
        if not self._row.filter(mark=self._stored).exists():
            raise CheckpointMoved


def _translated(mark: Mark, using: str) -> Mark:
    try:
        return Mark.after(mark.decided, using)
    except InvalidPosition as error:
        raise LogIsShorter(str(error)) from None


def _values(mark: Mark, cluster: int) -> dict[str, Any]:
    return {"mark": mark.as_json(), "cluster": cluster, "moved_at": Now()}


def _cluster(using: str) -> int:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT system_identifier FROM pg_control_system()")
        number: int = cursor.fetchone()[0]
    return number
