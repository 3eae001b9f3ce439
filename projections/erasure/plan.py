"""What an erasure would change, and what stops it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db import DataError
from django.db.models import Count, Q
from django.db.models.expressions import RawSQL

from presence_events import sql, users, validation
from presence_events.erasure.target import key_text
from presence_events.exceptions import NotErasable
from presence_events.models import PresenceEvent, Removal, Segment
from presence_events.privacy import rules
from presence_events.pseudonyms import is_pseudonym
from presence_events.segments import holds
from projections.models import Presence

__all__ = ["Plan", "mentions", "person_key", "person_keys", "plan"]


class Plan(NamedTuple):
    """What the log of a database has of a person: events by segment, events of others that name the person, open stays.

    ``obstacle`` says what stops the erasure, or is None. ``archived`` is whether segments were archived before they
    were removed.
    """

    events: dict[str, int]
    mentions: dict[str, list[int]]
    present: int
    obstacle: str | None
    archived: bool


def person_key(user: Any) -> Any:
    """Returns the key of ``user``, which is a user or a key. A user with the key need not exist.

    Raises `InvalidUser` if it is neither, and `NotErasable` for the pseudonym of an erased person.
    """
    key = validation.person_key(user)
    if is_pseudonym(key):
        raise NotErasable("This is the pseudonym of a person who was erased.")
    return key


def person_keys(user: Any, *, using: str) -> list[Any]:
    """Returns the keys that the log in the database ``using`` has of a person: the own one, and the pseudonym of today.

    Pseudonyms of earlier days are not known any more. Raises what `person_key` raises.
    """
    key = person_key(user)
    if not rules.has_pseudonyms():
        return [key]
    params = {"key": validation.user_parameter(key)}
    kind = users.user_key_type(using)
    try:
        ((pseudonym,),) = sql.rows("presence_events", "queries/privacy/of_today", params, using=using, user_id=kind)
    except DataError:  # there are no pseudonyms for such a key
        return [key]
    return [key, users.from_database(pseudonym, using)]


def plan(user: Any, *, using: str, named_in: Iterable[Q] = ()) -> Plan:
    """Returns what the erasure of ``user`` would change in the database ``using``. Reads the log, and changes nothing.

    ``named_in`` finds events of others that name the person, beside those that the library knows of.
    """
    key = person_key(user)
    log = PresenceEvent.objects.using(using).annotate(segment=_segment())
    rows = log.filter(user=key).order_by().values_list("segment").annotate(events=Count("id"))
    events = dict(rows)
    named = mentions(key, named_in, using=using)
    present = Presence.objects.using(using).filter(user=key).count()
    archived = Removal.objects.using(using).filter(archive__isnull=False).exists()
    return Plan(events, named, present, _obstacle({*events, *named}, present, using), archived)


def mentions(key: Any, named_in: Iterable[Q], *, using: str) -> dict[str, list[int]]:
    """Returns the positions of events whose data name the person, by segment."""
    condition = Q(data__by_user=key_text(validation.user_parameter(key), using=using))
    for other in named_in:
        condition |= other
    log = PresenceEvent.objects.using(using).annotate(segment=_segment())
    found: dict[str, list[int]] = {}
    for segment, position in log.filter(condition, data__isnull=False).values_list("segment", "id"):
        found.setdefault(segment, []).append(position)
    return found


def _segment() -> RawSQL:
    return RawSQL('"presence_event".tableoid::pg_catalog.regclass::pg_catalog.text', ())


def _obstacle(names: set[str], present: int, using: str) -> str | None:
    """Returns what stops a change of the segments ``names``, or of those that events enter now."""
    ends = dict(Segment.objects.using(using).filter(name__in=names).values_list("name", "end_day"))
    for hold in holds.in_force(using):
        if present or any(hold.from_day is None or end is None or end > hold.from_day for end in ends.values()):
            return f"the hold {hold.name!r}"
    return None
