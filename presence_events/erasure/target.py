"""Who is erased, and which events are theirs."""

from __future__ import annotations

from typing import Any, NamedTuple

from presence_events import sql
from presence_events.models import PresenceEvent
from presence_events.positions import settled_position
from presence_events.users import user_key_type

__all__ = ["Target", "key_text", "target"]


class Target(NamedTuple):
    """A person who is being erased.

    ``person`` and ``pseudonym`` are keys of users as PostgreSQL writes them. The events of the person up to the
    position ``up_to`` are erased, apart from those of the stays in ``excluded``. These began after the erasure did.
    """

    person: str
    pseudonym: str
    up_to: int
    excluded: frozenset[int]


def key_text(key: Any, *, using: str) -> str:
    """Returns ``key``, a key of a user as the database takes it, as PostgreSQL writes it."""
    params, key_type = {"key": key}, user_key_type(using)
    ((text,),) = sql.rows("presence_events", "queries/erasure/key_text", params, using=using, user_id=key_type)
    return str(text)


def target(key: Any, person: str, pseudonym: str, open_stays: frozenset[int], before: int, *, using: str) -> Target:
    """Returns the stays of a person that are erased: each of them as a whole, with its join and its end.

    ``before`` was settled before ``open_stays``, those of the person, were read. Other stays that began up to it have
    ended, and their ends are settled now. Stays that began later may be open still. Raises `OperationalError` if a
    transaction that appends stays open.
    """
    up_to = settled_position(using)
    begun = PresenceEvent.objects.using(using).filter(kind=PresenceEvent.Kind.JOIN, user=key, id__gt=before)
    begun_later = begun.filter(id__lte=up_to).values_list("session", flat=True)
    return Target(person, pseudonym, up_to, open_stays | {session for session in begun_later if session is not None})
