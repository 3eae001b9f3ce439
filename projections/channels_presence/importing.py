"""Records joins for the live presences in the tables of django-channels-presence.

The log gives every event the time of the database's clock, so an imported stay begins when it is imported. The time
when the original last saw the connection is kept in the data of the join.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

from django.utils import timezone

from presence_events.exceptions import PresenceError
from presence_events.models import PresenceEvent
from presence_events.recorder import record_select
from projections import selections
from projections.channels_presence.tables import OldPresence

__all__ = ["Outcome", "import_presences"]

BATCH_SIZE = 1000
"""Presences that one statement imports."""


@dataclass
class Outcome:
    """What became of the presences of the original.

    ``imported`` joins were recorded, or would be in a dry run. ``expired`` presences were silent for longer than the
    maximal age. ``known`` connections have been in the room before, according to the log. ``refused`` has a reason for
    each presence whose names the log does not take.
    """

    imported: int = 0
    expired: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)


def import_presences(source: str, using: str, max_age: float, *, dry_run: bool = False) -> Outcome:
    """Imports the presences in the database ``source`` that were seen in the last ``max_age`` seconds.

    A connection that the log knows in the room is not imported again, whether it is still present or not. Each batch of
    `BATCH_SIZE` presences is a transaction, with groups and signals as for any joins.
    """
    outcome = Outcome()
    oldest = timezone.now() - timedelta(seconds=max_age)
    presences = OldPresence._default_manager.using(source)
    outcome.expired = presences.filter(last_seen__lt=oldest).count()
    live = presences.filter(last_seen__gte=oldest).select_related("room").order_by("id")
    rows = live.iterator(chunk_size=BATCH_SIZE)
    while batch := list(islice(rows, BATCH_SIZE)):
        arrivals = _unknown(_valid(batch, outcome), using, outcome)
        if arrivals and not dry_run:
            outcome.imported += len(record_select(selections.joins(arrivals), using=using))
        else:
            outcome.imported += len(arrivals)
    return outcome


def _valid(presences: Iterable[Any], outcome: Outcome) -> Iterator[selections.Arrival]:
    """Yields the arrivals of ``presences``. Adds those that the log does not take to ``outcome``."""
    for presence in presences:
        key = None if presence.user_id is None else str(presence.user_id)
        data = {"imported_from": "channels_presence", "last_seen": presence.last_seen.isoformat()}
        try:
            yield selections.arrival(presence.room.channel_name, presence.channel_name, key, data)
        except PresenceError as error:
            outcome.refused.append(f"{presence.channel_name!r} in {presence.room.channel_name!r}: {error}")


def _unknown(arrivals: Iterable[selections.Arrival], using: str, outcome: Outcome) -> list[selections.Arrival]:
    """Returns the ``arrivals`` of connections that the log does not know in their rooms. Counts the others."""
    pairs = {(arrival.room, arrival.channel_name): arrival for arrival in arrivals}
    events = PresenceEvent.objects.using(using).exclude(kind="touch")
    rooms, channel_names = {room for room, _ in pairs}, {name for _, name in pairs}
    found = events.filter(room__in=rooms, channel_name__in=channel_names).values_list("room", "channel_name")
    known = pairs.keys() & {(room, str(name)) for room, name in found}
    outcome.known += len(known)
    return [arrival for pair, arrival in pairs.items() if pair not in known]
