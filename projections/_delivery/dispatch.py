"""Turns committed events into group changes and Django signals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import chain, groupby, islice
from typing import Any, TypeVar

from presence_events import concurrency
from presence_events.concurrency import in_thread
from presence_events.exceptions import DeliveryFailed
from presence_events.models import PresenceEvent
from presence_events.recorder import EventRow
from presence_events.tail import Cut, Mark
from projections import conf
from projections._delivery import groups, people
from projections._delivery.absence import absent
from projections._delivery.event_users import afetch_users, fetch_users
from projections._delivery.wakeup import wake
from projections.models import Presence, Room
from projections.signals import MAIN, PresenceSignal, person_joined, person_left, presence_changed, presence_updated

__all__ = [
    "adeliver",
    "changes_of_people",
    "coalesce_prunes",
    "deliver",
    "has_receivers",
    "reconcile_groups",
    "resend",
    "signals_for",
]

MAX_PRUNE_GAP = 1000
"""Maximum distance in positions at which two prunes of one transaction in a room still share a signal."""

RESEND_BATCH = 1000
"""Events whose users and people `resend` looks up together."""

_OF_JOINS = (presence_changed, person_joined)
_OF_ENDS = (presence_changed, person_left)
_ALL = (presence_changed, presence_updated, person_joined, person_left)

_Event = TypeVar("_Event", PresenceEvent, EventRow)
_Signals = list[tuple[PresenceSignal, dict[str, Any]]]


def deliver(events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """Delivers ``events``, a run of the log in order: updates the groups, sends inline signals, wakes the worker.

    A receiver of `events_committed`. What a receiver of the signals raises is logged. Raises `DeliveryFailed` if
    connections could not be added to a group, after everything else was delivered.
    """
    of_groups = _group_changes(events)
    failures = concurrency.run(groups.apply_events, of_groups, using) if of_groups else {}
    if conf.signals() == "inline":
        changes = people.now(events, using) if _hears_of_people() else ()
        fetch_users(_awaited(events))
        PresenceSignal.send_batch(_all_signals(events, using, changes), sender=Room)
    if conf.notify():
        wake(using)
    if failures:
        raise DeliveryFailed(failures)


async def adeliver(rows: list[EventRow], read: Callable[[], list[PresenceEvent]], using: str, **kwargs: Any) -> None:
    """Does the same as `deliver`, as a receiver of `arows_committed`."""
    of_groups = _group_changes(rows)
    failures = await groups.apply_events(of_groups, using) if of_groups else {}
    if conf.signals() == "inline" and has_receivers(MAIN):
        events = read()
        changes = await in_thread(partial(people.now, events, using)) if _hears_of_people() else ()
        await afetch_users(_awaited(events))
        await PresenceSignal.asend_batch(_all_signals(events, using, changes), sender=Room)
    if conf.notify():
        await in_thread(partial(wake, using))
    if failures:
        raise DeliveryFailed(failures)


def has_receivers(worker: str) -> bool:
    """Returns whether a receiver is connected to one of the signals that ``worker`` sends."""
    return any(signal.for_worker(worker).has_listeners(Room) for signal in _ALL)


def changes_of_people(worker: str, events: list[PresenceEvent], mark: Mark, using: str) -> set[int]:
    """Returns the positions of those of ``events`` for which ``worker`` sends `person_joined` or `person_left`.

    ``events`` come next after ``mark``, in the order of the log.
    """
    return people.in_log(mark, using).changes(events) if _hears_of_people(worker) else set()


def signals_for(
    worker: str, events: list[PresenceEvent], using: str, changes: Collection[int] = ()
) -> Iterator[tuple[PresenceEvent, _Signals]]:
    """Yields the signals that ``worker`` sends for ``events``, in the order of the events, with their arguments.

    They come with the first of the events that they are about. ``changes`` is from `changes_of_people`.
    """
    fetch_users(_awaited(events, worker))
    return _signals(events, using, changes, worker=worker)


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
    changes = set[int]()
    prepared = coalesce_prunes(_prepared(events, using, worker, changes))
    signals = _all_signals(prepared, using, changes, worker=worker, replayed=True)
    return PresenceSignal.send_batch(signals, sender=Room)


def _prepared(events: Iterable[PresenceEvent], using: str, worker: str, changes: set[int]) -> Iterator[PresenceEvent]:
    """Yields ``events`` with the users that receivers await. Adds to ``changes`` when people arrived or left."""
    remaining = iter(events)
    known: people.People | None = None
    while batch := list(islice(remaining, RESEND_BATCH)):
        fetch_users(_awaited(batch, worker))
        if _hears_of_people(worker):
            known = known or people.in_log(Mark(Cut(None, batch[0].id - 1, {})), using)
            changes |= known.changes(batch)
        yield from batch


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


def _group_changes(events: Iterable[_Event]) -> list[_Event]:
    """Returns the joins and ends of connections."""
    return [event for event in events if event.kind != "touch" and event.channel_name is not None]


def _hears_of_people(worker: str = MAIN) -> bool:
    return any(signal.for_worker(worker).has_listeners(Room) for signal in (person_joined, person_left))


def _awaited(events: list[PresenceEvent], worker: str = MAIN) -> list[PresenceEvent]:
    """Returns those of ``events`` whose signals are sent to coroutine functions, which cannot fetch users."""
    signals_of = {"join": _OF_JOINS, "leave": _OF_ENDS, "prune": _OF_ENDS, "touch": (presence_updated,)}
    kinds = {
        kind
        for kind, signals in signals_of.items()
        if any(signal.for_worker(worker).is_awaited(Room) for signal in signals)
    }
    of_rooms = (event for event in events if event.room)
    return [event for event in of_rooms if event.kind in kinds and (event.kind != "touch" or event.data is not None)]


def _all_signals(*args: Any, **kwargs: Any) -> Iterator[tuple[PresenceSignal, dict[str, Any]]]:
    """Yields the signals that `_signals` returns, one after the other."""
    return chain.from_iterable(signals for _, signals in _signals(*args, **kwargs))


def _signals(
    events: Iterable[PresenceEvent],
    using: str,
    changes: Collection[int],
    *,
    worker: str = MAIN,
    replayed: bool = False,
) -> Iterator[tuple[PresenceEvent, _Signals]]:
    """Yields the signals with their arguments: those of one event, or of all prunes of a transaction in a room.

    The prune of a room itself has no signal, and neither has a touch that only changed the time.
    """
    for (kind, room_name, _), run in groupby(events, key=lambda event: (event.kind, event.room, event.tx)):
        signalled = [event for event in run if event.channel_name is not None]
        if kind == "touch":
            signalled = [event for event in signalled if event.data is not None]
        signal = (presence_updated if kind == "touch" else presence_changed).for_worker(worker)
        of_people = (person_joined if kind == "join" else person_left).for_worker(worker)
        is_heard = signal.has_listeners(Room)
        if not signalled or not (is_heard or changes):
            continue
        room = Room.named(room_name, using)
        common = {"room": room, "replayed": replayed}
        for together in [signalled] if kind == "prune" else [[event] for event in signalled]:
            signals: _Signals = []
            if is_heard:
                signals.append((signal, {**common, **_subject(together, room), "events": together}))
            for event in together:
                if event.id in changes:
                    arguments = {**common, "presence": Presence.of_event(event, room), "events": [event]}
                    signals.append((of_people, arguments))
            if signals:
                yield together[0], signals


def _subject(events: list[PresenceEvent], room: Room) -> dict[str, Any]:
    """Returns the arguments of the signal for ``events`` that say which presence it is about."""
    kind = events[0].kind
    if kind == "prune":
        return {"added": None, "removed": None, "bulk_change": True}
    presence = Presence.of_event(events[0], room)
    if kind == "touch":
        return {"presence": presence}
    added, removed = (presence, None) if kind == "join" else (None, presence)
    return {"added": added, "removed": removed, "bulk_change": False}
