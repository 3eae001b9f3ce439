"""Stores how far readers have read the log, in the database of the log. Each reader has a checkpoint with a name.

A reader that is killed continues from its checkpoint. It reads the events again that it had read since it last stored
the checkpoint, so it reads each event at least once.
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
    """Sets the checkpoint ``name`` to ``mark``. Creates the checkpoint if it does not exist."""
    rows, values = Checkpoint.objects.using(using), _values(mark, _cluster(using))
    # The mark that is stored is not read. It may be JSON that Python cannot decode.
    if not rows.filter(name=name).update(**values):
        rows.update_or_create(name=name, defaults=values)


class Reader:
    """Reads the log of the database ``using`` from the checkpoint ``name``.

    If the checkpoint does not exist, it is created at the current end of the log. With ``touches=False``, touches that
    change nothing but the time are left out, and so are the events of server processes: beats and ends of leases.

    A checkpoint that was made in another database cluster (one that was dumped or upgraded) is translated. Some events
    are then read again if an earlier one was undecided, but none is missed. Raises `LogIsShorter` if the log ends
    before such a checkpoint.
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
        self._mark = self._next = mark if stored.cluster == cluster else _translate(mark, using)

    def read(self, limit: int) -> list[PresenceEvent]:
        """Returns the next events, at most ``limit``. Returns the same events again until `advance` is called."""
        self._mark = self._tail.open_window(self._mark)
        events, self._next = self._tail.read(self._mark, limit)
        return events

    @property
    def mark(self) -> Mark:
        """The place in the log before the last events that were read, until `advance` is called."""
        return self._mark

    @property
    def has_more(self) -> bool:
        """Whether the log had more events than were read, when this reader last looked."""
        return self._next.window is not None

    def advance(self, position: int | None = None) -> None:
        """Counts the last events as read, in this reader only. Call `store` to move the checkpoint.

        With ``position``, which is that of one of these events, only the events up to it count as read.
        """
        if position is not None:
            self._next = self._mark._replace(position=position)
        self._mark = self._next

    @property
    def seconds_since_store(self) -> float:
        """Seconds since the checkpoint was stored or, before the first `store`, since this reader was made."""
        return time.monotonic() - self._stored_at

    def store(self) -> None:
        """Moves the checkpoint to where this reader is.

        Raises `CheckpointMoved`, and changes nothing, if the checkpoint is not where this reader left it.
        """
        values = _values(self._mark, self._cluster)
        if not self._row.filter(mark=self._stored).update(**values):
            raise CheckpointMoved
        self._stored = values["mark"]
        self._stored_at = time.monotonic()

    def confirm(self) -> None:
        """Raises `CheckpointMoved` if the checkpoint is not where this reader left it."""
        if not self._row.filter(mark=self._stored).exists():
            raise CheckpointMoved


def _translate(mark: Mark, using: str) -> Mark:
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
