"""Examines whether presence is set up and running: the settings, the database, the channel layers, the consumers.

Each examination tries what a site does, as far as that leaves no trace: a join is recorded and rolled back, and a
message goes through a group of its own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from django.conf import settings
from django.core import checks
from django.db import connections, transaction
from django.utils.module_loading import import_string

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.models import Presence
from projections.status.figures import status
from projections.status.problems import find_problems

__all__ = ["EXAMINATIONS", "Examined", "examine"]

LAYER_TIMEOUT = 5.0
"""Seconds that a message may take through a channel layer."""

_APPS = ("presence_events.", "projections.")


class Examined(NamedTuple):
    """What an examination has found.

    Each of ``problems`` is a line of text that also says what to do. ``found`` is a line for a reader. ``notes`` are
    lines about what may be right or wrong.
    """

    what: str
    found: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def examine(alias: str) -> Iterator[Examined]:
    """Makes one examination after the other, of the database ``alias``.

    An examination that raises is a problem. Nothing is left behind: no event, no message.
    """
    for what, examination in EXAMINATIONS.items():
        try:
            yield examination(alias)
        except Exception as error:
            yield Examined(what, "it failed", (f"{type(error).__name__}: {str(error).strip()}",))


def _settings(alias: str) -> Examined:
    """Runs the system checks of the library, also those of the database."""
    ours = [message for message in checks.run_checks(databases=[alias]) if str(message.id).startswith(_APPS)]
    found = [message for message in ours if not message.is_silenced()]
    serious = tuple(_line(message) for message in found if message.level >= checks.WARNING)
    silenced = len(ours) - len(found)
    notes = (f"{silenced} are silenced by SILENCED_SYSTEM_CHECKS.",) if silenced else ()
    return Examined("settings", f"{len(serious) or 'no'} findings of the system checks", serious, notes)


def _line(message: checks.CheckMessage) -> str:
    return " ".join(f"({message.id}) {message.msg} {message.hint or ''}".split())


def _database(alias: str) -> Examined:
    connection = connections[alias]
    connection.ensure_connection()
    version = ".".join(map(str, divmod(connection.pg_version, 10_000)))  # type: ignore[attr-defined]
    events = "has events" if PresenceEvent.objects.using(alias).exists() else "has no event yet"
    return Examined("database", f"PostgreSQL {version}, and the log {events}")


def _recording(alias: str) -> Examined:
    """Records a join, a touch and a leave in a transaction that is rolled back."""
    room, channel = f"presence-doctor-{secrets.token_hex(8)}", f"presence-doctor.{secrets.token_hex(8)}"
    presences = Presence.objects.using(alias).filter(room=room)
    present: list[int] = []
    with transaction.atomic(alias):
        for kind in ("join", "touch", "leave"):
            record([Draft(kind, room, channel)], using=alias)
            present.append(presences.count())
        transaction.set_rollback(True, alias)
    if present != [1, 1, 0]:
        problem = "A join and a leave did not change who is present. Run manage.py pgtrigger install."
        return Examined("recording", "it does not work", (problem,))
    return Examined("recording", "a join, a touch and a leave were recorded, and rolled back")


def _layers(alias: str) -> Examined:
    """Sends a message through a group of each channel layer."""
    names = list(channel_layers.configs)
    if not names:
        problem = "There is no channel layer, so rooms have no groups. Set CHANNEL_LAYERS."
        return Examined("channel layers", "none", (problem,))
    problems = []
    for name in names:
        try:
            async_to_sync(_round_trip)(name)
        except Exception as error:
            text = f"{type(error).__name__} {error}".strip()
            problems.append(f"No message came through {name!r}: {text}. Is its server running, and is its host right?")
    in_memory = tuple(
        f"{name!r} is in the memory of one process. With several server processes, use channels_redis."
        for name in names
        if isinstance(channel_layers[name], InMemoryChannelLayer)
    )
    text = f"{len(names) - len(problems)} of {len(names)} delivered a message to a group"
    return Examined("channel layers", text, tuple(problems), in_memory)


async def _round_trip(name: str) -> None:
    layer: Any = get_channel_layer(name)
    group, token = f"presence-doctor-{secrets.token_hex(8)}", secrets.token_hex(8)
    async with asyncio.timeout(LAYER_TIMEOUT):
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        try:
            await layer.group_send(group, {"type": "presence.doctor", "token": token})
            while (await layer.receive(channel)).get("token") != token:
                pass
        finally:
            await layer.group_discard(group, channel)
            if hasattr(layer, "close_pools"):
                await layer.close_pools()


def _consumers(alias: str) -> Examined:
    """Finds the consumers with a mixin that the ASGI application imports."""
    path = getattr(settings, "ASGI_APPLICATION", None)
    notes = []
    if path is None:
        notes.append("ASGI_APPLICATION is not set, so only consumers that are imported anyway are seen.")
    else:
        import_string(path)
    found = sorted(
        f"{consumer.__module__}.{consumer.__qualname__}"
        for mixin in (AsyncPresenceMixin, PresenceMixin)
        for consumer in _subclasses(mixin)
    )
    if not found:
        notes.append("If you use the decorators or the managers alone, that is right.")
    return Examined("consumers", ", ".join(found) or "none has a presence mixin", (), tuple(notes))


def _subclasses(parent: type[Any]) -> Iterator[type[Any]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)


def _running(alias: str) -> Examined:
    """Measures the status, as ``presence_status`` does."""
    found = status(alias)
    notes = []
    if not found.processes:
        notes.append("No server process has connections. Open a page of the site, and run this again.")
    if found.has_worker is False:
        notes.append(
            "No worker runs. While you develop, the server prunes. In production, run manage.py run_projector --prune."
        )
    text = f"{found.connections:,} connections in {found.rooms:,} rooms, on {found.processes:,} server processes"
    return Examined("running", text, tuple(find_problems(found)), tuple(notes))


EXAMINATIONS: dict[str, Callable[[str], Examined]] = {
    "settings": _settings,
    "database": _database,
    "recording": _recording,
    "channel layers": _layers,
    "consumers": _consumers,
    "running": _running,
}
"""All examinations, in the order in which what a later one needs is examined."""
