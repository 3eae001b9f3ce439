"""Touches, heals and ends connections whose consumers have decorators and no mixin.

All of it happens in the database in which the connection joined, whatever the routers would choose now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from presence_events import concurrency
from presence_events.concurrency import in_thread
from presence_events.databases.each import aon_each, on_each
from presence_events.databases.rooms import aliases
from presence_events.exceptions import AlreadyPresent
from projections._delivery import groups
from projections._live import joined
from projections._live.joined import JoinedStay
from projections._live.limits import Limits
from projections._live.managers import presences, rooms
from projections._live.stopwatch import Stopwatch
from projections._live.verdict import Ending, Verdict, decide, find_endings

__all__ = ["aleave_all", "atouch", "databases", "leave_all", "touch"]


def databases(channel_name: str) -> list[str]:
    """Returns the databases of the connection. If no join is known, returns all that can have rooms."""
    return joined.databases(channel_name) or aliases()


def leave_all(channel_name: str) -> None:
    """Leaves every room of the connection."""

    def leave(using: str) -> None:
        pairs = _pairs(channel_name, joined.stays(channel_name, using))
        if presences(using).leave_all(channel_name) < len(pairs):
            _discard(pairs, using)

    on_each(databases(channel_name), leave)


async def aleave_all(channel_name: str, using: Collection[str]) -> None:
    """Leaves every room of the connection in the databases ``using``. Call `databases` in the consumer's context."""

    async def leave(each: str) -> None:
        pairs = _pairs(channel_name, joined.stays(channel_name, each))
        if await presences(each).aleave_all(channel_name) < len(pairs):
            await groups.reconcile(pairs, each, present=False)

    await aon_each(using, leave)


def touch(channel_name: str) -> None:
    """Touches the connection in every room, and rejoins those from which it was pruned.

    A client that sends a message is in use, so any prune is undone. A room that the connection left, or was made to
    leave, is not rejoined. Nor is one that it had joined exclusively and where the user has another connection now.
    """
    on_each(databases(channel_name), partial(_touch, channel_name))


async def atouch(channel_name: str) -> None:
    """Does the same as `touch`."""
    await aon_each(databases(channel_name), partial(_atouch, channel_name))


def _touch(channel_name: str, using: str) -> None:
    stays, now = joined.stays(channel_name, using), Stopwatch()
    if presences(using).touch(channel_name) >= len(stays):
        _mark_seen(stays, now)
        return
    to_heal, left = _decide(channel_name, stays, _endings(channel_name, stays, using))
    if left:
        _discard(_pairs(channel_name, left), using)
    for stay in to_heal:
        try:
            rooms(using).add(stay.room, channel_name, stay.user, stay.data, **_options(stay))
        except AlreadyPresent:
            joined.remove(channel_name, using, stay.room)
            _discard(_pairs(channel_name, [stay]), using)


async def _atouch(channel_name: str, using: str) -> None:
    stays, now = joined.stays(channel_name, using), Stopwatch()
    if await presences(using).atouch(channel_name) >= len(stays):
        _mark_seen(stays, now)
        return
    endings = await in_thread(partial(_endings, channel_name, stays, using))
    to_heal, left = _decide(channel_name, stays, endings)
    if left:
        await groups.reconcile(_pairs(channel_name, left), using, present=False)
    for stay in to_heal:
        try:
            await rooms(using).aadd(stay.room, channel_name, stay.user, stay.data, **_options(stay))
        except AlreadyPresent:
            joined.remove(channel_name, using, stay.room)
            await groups.reconcile(_pairs(channel_name, [stay]), using, present=False)


def _options(stay: JoinedStay) -> dict[str, Any]:
    return {"channel_layer_alias": stay.layer, **Limits.of_rejoin(is_exclusive=stay.is_exclusive)._asdict()}


def _mark_seen(stays: Collection[JoinedStay], since: Stopwatch) -> None:
    for stay in stays:
        stay.last_seen = since


def _endings(channel_name: str, stays: Collection[JoinedStay], using: str) -> dict[tuple[str, str], Ending]:
    seconds = max(stay.last_seen.elapsed() for stay in stays)
    return find_endings(_pairs(channel_name, stays), seconds, using)


def _pairs(channel_name: str, stays: Collection[JoinedStay]) -> list[tuple[str, str]]:
    return [(stay.room, channel_name) for stay in stays]


def _discard(pairs: Collection[tuple[str, str]], using: str) -> None:
    """Discards ``pairs`` from groups that a layer keeps in this process, where no other process can discard them."""
    concurrency.run(partial(groups.reconcile, pairs, using, present=False))


def _decide(
    channel_name: str, stays: Collection[JoinedStay], endings: Mapping[tuple[str, str], Ending]
) -> tuple[list[JoinedStay], list[JoinedStay]]:
    """Forgets the stays that ended with a leave. Returns those that have to rejoin, and the forgotten ones.

    The leave may have been for another connection of the user.
    """
    to_heal, left = [], []
    for stay in stays:
        ending = endings.get((stay.room, channel_name))
        if ending is None or stay not in joined.stays(channel_name, stay.using):
            continue
        verdict = decide(
            ending, stay.last_seen.elapsed(), heartbeat=False, message_received=True, process_stalled=False
        )
        if verdict in (Verdict.FORGET, Verdict.REPLACE):
            joined.remove(channel_name, stay.using, stay.room)
            left.append(stay)
        elif verdict is Verdict.HEAL:
            to_heal.append(stay)
    return to_heal, left
