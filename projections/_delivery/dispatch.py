"""Turns committed events into group changes and Django signals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import Any

from presence_events import concurrency
from presence_events.concurrency import in_thread
from presence_events.exceptions import DeliveryFailed
from presence_events.models import PresenceEvent
from projections import conf
from projections._delivery import groups
from projections._delivery.absence import absent
from projections._delivery.event_users import afetch_users, fetch_users, fetched_in_batches
from projections._delivery.wakeup import wake
from projections.models import Presence, Room
from projections.signals import MAIN, PresenceSignal, presence_changed, presence_updated

__all__ = ["adeliver", "coalesce_prunes", "deliver", "has_receivers", "reconcile_groups", "resend", "signals_for"]

MAX_PRUNE_GAP = 1000
"""Maximum distance in positions at which two prunes of one transaction in a room still share a signal."""

_Signals = Iterator[tuple[PresenceSignal, dict[str, Any]]]


def deliver(events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """Delivers ``events``, a run of the log in order: updates the groups, sends inline signals, wakes the worker.

    A receiver of `events_committed`. What a receiver of the signals raises is logged. Raises `DeliveryFailed` if
    connections could not be added to a group, after everything else was delivered.
    """
    changes = _group_changes(events)
    failures = concurrency.run(groups.apply_events, changes) if changes else {}
    if conf.signals() == "inline":
        fetch_users(_awaited(events))
        PresenceSignal.send_batch(_signals(events, using), sender=Room)
    if conf.notify():
        wake(using)
    if failures:
        raise DeliveryFailed(failures)


async def adeliver(events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """Does the same as `deliver`, as a receiver of `aevents_committed`."""
    changes = _group_changes(events)
    failures = await groups.apply_events(changes) if changes else {}
    if conf.signals() == "inline":
        await afetch_users(_awaited(events))
        await PresenceSignal.asend_batch(_signals(events, using), sender=Room)
    if conf.notify():
        await in_thread(partial(wake, using))
    if failures:
        raise DeliveryFailed(failures)


def has_receivers(worker: str) -> bool:
    """Returns whether a receiver is connected to one of the signals that ``worker`` sends."""
    return any(signal.for_worker(worker).has_listeners(Room) for signal in (presence_changed, presence_updated))


def signals_for(worker: str, events: list[PresenceEvent], using: str) -> _Signals:
    """Yields the signals that ``worker`` sends for ``events``, in the order of the events, with their arguments."""
    fetch_users(_awaited(events, worker))
    return _signals(events, using, worker=worker)


def reconcile_groups(events: list[PresenceEvent], using: str) -> None:
    """Brings the groups into line with the database ``using``, for all connections that ``events`` ended.

    The process that recorded an end may have died before it discarded the connection: this discards it. A connection
    that has come back is added instead, because the discard may have arrived after the add. Discards that failed
    earlier in this process are tried again in the same way.
    """
    ended = {(event.room, str(event.channel_name)) for event in _group_changes(events) if event.kind != "join"}
    ended |= groups.take_pending_discards(using)
    left = absent(ended, using)
    if left:
        concurrency.run(partial(groups.reconcile, left, using, present=False))
    back = ended - absent(ended, using)
    if back:
        concurrency.run(partial(groups.reconcile, back, using, present=True))


def resend(events: Iterable[PresenceEvent], using: str, worker: str = MAIN) -> int:
    """Sends the signals of ``events``, a run of the log in order, once more, with ``replayed=True``.

    These are the signals that ``worker`` sends, by default the main worker. Groups do not change. ``events`` is
    consumed lazily. What receivers raise is logged. Returns how many times a receiver raised.
    """
    if any(signal.for_worker(worker).is_awaited(Room) for signal in (presence_changed, presence_updated)):
        events = fetched_in_batches(events)
    signals = _signals(coalesce_prunes(events), using, worker=worker, replayed=True)
    return PresenceSignal.send_batch(signals, sender=Room)


def coalesce_prunes(events: Iterable[PresenceEvent]) -> Iterator[PresenceEvent]:
    """Yields ``events`` with the prunes of one transaction in one room next to each other, in the order of the log.

    Other events may stand between such prunes in the log. Prunes are held back until the next event of one of their
    connections in the room, until the prune of the room itself, or for `MAX_PRUNE_GAP` positions after the last of
    them. The order of the events of each stay does not change.
    """
    held: dict[tuple[str, int], dict[str | None, PresenceEvent]] = {}
    last: dict[tuple[str, int], int] = {}
    for event in events:
        is_prune = event.kind == "prune" and event.channel_name is not None
        for key, prunes in list(held.items()):
            is_next = event.room == key[0] and (event.channel_name is None or event.channel_name in prunes)
            if is_next or event.id - last[key] > MAX_PRUNE_GAP:
                yield from held.pop(key).values()
        if is_prune:
            held.setdefault((event.room, event.tx), {})[event.channel_name] = event
            last[event.room, event.tx] = event.id
        else:
            yield event
    for prunes in held.values():
        yield from prunes.values()


def _group_changes(events: list[PresenceEvent]) -> list[PresenceEvent]:
    """Returns the joins and ends of connections."""
    return [event for event in events if event.kind != "touch" and event.channel_name is not None]


def _awaited(events: list[PresenceEvent], worker: str = MAIN) -> list[PresenceEvent]:
    """Returns those of ``events`` whose signal is sent to coroutine functions, which cannot fetch users."""
    kinds: set[str] = set()
    if presence_changed.for_worker(worker).is_awaited(Room):
        kinds |= {"join", "leave", "prune"}
    if presence_updated.for_worker(worker).is_awaited(Room):
        kinds.add("touch")
    of_rooms = (event for event in events if event.room)
    return [event for event in of_rooms if event.kind in kinds and (event.kind != "touch" or event.data is not None)]


def _signals(events: Iterable[PresenceEvent], using: str, *, worker: str = MAIN, replayed: bool = False) -> _Signals:
    """Yields the signals with their arguments: one for each event, but one for all prunes of a transaction in a room.

    The prune of a room itself has no signal, and neither has a touch that only changed the time.
    """
    for (kind, room_name, _), run in groupby(events, key=lambda event: (event.kind, event.room, event.tx)):
        signal = (presence_updated if kind == "touch" else presence_changed).for_worker(worker)
        signalled = [event for event in run if event.channel_name is not None]
        if kind == "touch":
            signalled = [event for event in signalled if event.data is not None]
        if not signalled or not signal.has_listeners(Room):
            continue
        room = Room.named(room_name, using)
        common = {"room": room, "replayed": replayed}
        if kind == "prune":
            yield signal, {**common, "added": None, "removed": None, "bulk_change": True, "events": signalled}
            continue
        for event in signalled:
            presence = Presence.of_event(event, room)
            if kind == "touch":
                yield signal, {**common, "presence": presence, "events": [event]}
                continue
            yield (
                signal,
                {
                    **common,
                    "added": presence if kind == "join" else None,
                    "removed": presence if kind == "leave" else None,
                    "bulk_change": False,
                    "events": [event],
                },
            )
