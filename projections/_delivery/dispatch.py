"""From committed events to channel-layer groups and Django signals."""

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
from projections._delivery.lookup import absent
from projections._delivery.notify import wake
from projections.models import Presence, Room
from projections.signals import MAIN, PresenceSignal, presence_changed, presence_updated

__all__ = ["adeliver", "deliver", "discard_the_gone", "resend", "signals_for", "with_prunes_together"]

HELD = 1000
"""Positions after which nothing more is expected of what a transaction pruned in a room."""


def deliver(events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """Delivers ``events``, a run of the log in order: first the groups, then the signals.

    A receiver of `events_committed`. Receivers that raise are logged. Raises `DeliveryFailed` for those who could
    not be added to a group, after everything else was delivered.
    """
    moves = _moves(events)
    failures = concurrency.run(groups.follow, moves) if moves else {}
    if conf.signals() == "inline":
        for signal, arguments in _signals(events, using):
            signal.send_robust(sender=Room, **arguments)
    if conf.notify():
        wake(using)
    if failures:
        raise DeliveryFailed(failures)


async def adeliver(events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """As `deliver`, for `aevents_committed`."""
    moves = _moves(events)
    failures = await groups.follow(moves) if moves else {}
    if conf.signals() == "inline":
        await PresenceSignal.asend_in_turn(_signals(events, using), sender=Room)
    if conf.notify():
        await in_thread(partial(wake, using))
    if failures:
        raise DeliveryFailed(failures)


def signals_for(
    worker: str, events: Iterable[PresenceEvent], using: str
) -> Iterator[tuple[PresenceSignal, dict[str, Any]]]:
    """The signals that ``worker`` sends for ``events``, in their order, with their arguments."""
    return _signals(events, using, worker=worker)


def discard_the_gone(events: list[PresenceEvent], using: str) -> None:
    """Makes sure that none is in a group who has left or was pruned by ``events``, unless they are back: then they are
    in it, though whoever pruned them may have discarded them only after their own process had added them."""
    gone = {(event.room, str(event.channel_name)) for event in _moves(events) if event.kind != "join"} | groups.owed()
    left = absent(gone, using)
    if left:
        concurrency.run(partial(groups.correct, left, present=False))
    back = gone - absent(gone, using)
    if back:
        concurrency.run(partial(groups.correct, back, present=True))


def resend(events: Iterable[PresenceEvent], using: str, worker: str = MAIN) -> int:
    """Sends the signals of ``events``, a run of the log in order, once more: with ``replayed=True``.

    Those that ``worker`` sends, by default the main ones. Groups are left alone. ``events`` are read as they are
    needed. Receivers that raise are logged; returns how often that happened.
    """
    failures = 0
    for signal, arguments in _signals(with_prunes_together(events), using, worker=worker, replayed=True):
        answers = signal.send_robust(sender=Room, **arguments)
        failures += sum(isinstance(answer, Exception) for _, answer in answers)
    return failures


def with_prunes_together(events: Iterable[PresenceEvent]) -> Iterator[PresenceEvent]:
    """``events``, but those that a transaction pruned in a room one after the other, as they were recorded: in the log
    others may stand between them. They come before whatever happens to one of these connections next."""
    held: dict[tuple[str, int], dict[str | None, PresenceEvent]] = {}
    last: dict[tuple[str, int], int] = {}
    for event in events:
        pruned = event.kind == "prune" and event.channel_name is not None
        for key, prunes in list(held.items()):
            is_next = event.room == key[0] and (event.channel_name is None or event.channel_name in prunes)
            if is_next or event.id - last[key] > HELD:
                yield from held.pop(key).values()
        if pruned:
            held.setdefault((event.room, event.tx), {})[event.channel_name] = event
            last[event.room, event.tx] = event.id
        else:
            yield event
    for prunes in held.values():
        yield from prunes.values()


def _moves(events: list[PresenceEvent]) -> list[PresenceEvent]:
    """Those by which somebody came or went."""
    return [event for event in events if event.kind != "touch" and event.channel_name is not None]


def _signals(
    events: Iterable[PresenceEvent], using: str, *, worker: str = MAIN, replayed: bool = False
) -> Iterator[tuple[PresenceSignal, dict[str, Any]]]:
    """The signals with their arguments: one an event, but one a room for the prunes of a transaction.

    There is none for the prune of a room itself, and for a touch by which nothing changed but the time.
    """
    for (kind, room_name, _), run in groupby(events, key=lambda event: (event.kind, event.room, event.tx)):
        signal = (presence_updated if kind == "touch" else presence_changed).for_worker(worker)
        told = [event for event in run if event.channel_name is not None]
        if kind == "touch":
            told = [event for event in told if event.data is not None]
        if not told or not signal.has_listeners(Room):
            continue
        room = Room.named(room_name, using)
        common = {"room": room, "replayed": replayed}
        if kind == "prune":
            yield signal, {**common, "added": None, "removed": None, "bulk_change": True, "events": told}
            continue
        for event in told:
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
