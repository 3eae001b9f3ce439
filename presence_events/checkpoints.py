"""How far somebody has read the log, kept in the database beside it: by name, so that each reader has one of their own.

A reader that is killed reads on from its checkpoint, and so reads again what it had read since it last moved it: each
event at least once.
"""

from __future__ import annotations

from django.db import connections
from django.db.models.functions import Now

from presence_events.exceptions import CheckpointMoved, OtherCluster
from presence_events.models import Checkpoint, PresenceEvent
from presence_events.tail import Mark, Tail

__all__ = ["Reader", "reset"]


def reset(name: str, mark: Mark, *, using: str) -> None:
    """Makes ``mark`` the checkpoint of that name, whether or not there was one."""
    values = {"mark": mark.as_json(), "cluster": _cluster(using), "moved_at": Now()}
    Checkpoint.objects.using(using).update_or_create(name=name, defaults=values)


class Reader:
    """Reads the log of the database ``using`` from the checkpoint ``name``; from the end of the log, as it is now, if
    there is none yet.

    Raises `OtherCluster` if the checkpoint was made elsewhere: in the cluster that a dump was taken from, for example.
    """

    def __init__(self, name: str, *, using: str, touches: bool = True) -> None:
        self._checkpoint = Checkpoint.objects.using(using).filter(name=name)
        if not self._checkpoint.exists():
            reset(name, Mark.end(using), using=using)
        stored = self._checkpoint.get()
        if stored.cluster != _cluster(using):
            raise OtherCluster(f"It is called {name!r}.")
        self._tail = Tail(using, touches=touches)
        self._stored = self._mark = self._next = Mark.from_json(stored.mark)

    def read(self, limit: int) -> list[PresenceEvent]:
        """The next events, at most ``limit``: the same as before, and perhaps more, until `advance` is called."""
        events, self._next = self._tail.read(self._mark, limit)
        return events

    @property
    def is_between(self) -> bool:
        """Whether more of what was in the log is to come after what was read last."""
        return self._next.window is not None

    def advance(self) -> None:
        """Makes what was read last count as read: for this reader, until `store` is called."""
        self._mark = self._next

    def store(self) -> None:
        """Moves the checkpoint to where this reader is. Raises `CheckpointMoved`, and changes nothing, if it is no
        longer where this reader left it."""
        where_it_was = self._checkpoint.filter(mark=self._stored.as_json())
        if not where_it_was.update(mark=self._mark.as_json(), moved_at=Now()):
            raise CheckpointMoved
        self._stored = self._mark


def _cluster(using: str) -> int:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT system_identifier FROM pg_control_system()")
        number: int = cursor.fetchone()[0]
    return number
