"""What an event loop keeps for its live connections."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from projections._live import live_loop, registry
from projections._live.live_loop import LiveLoop
from projections.models import Room
from tests.projections.live.mixed import AsyncChat, Client, SyncChat, client_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


async def test_interleaving_a_connection_that_ended_before_it_entered_is_not_registered() -> None:
    """A synchronous consumer registers with its first join, from its thread. It may end before it is registered."""
    client = await client_of(SyncChat, "a")
    await client.disconnect()
    here = live_loop.current()
    here.enter(client.consumer._presence, "default")
    assert not here.database("default").registry._connections


def test_a_prune_of_a_connection_of_a_closed_loop_is_ignored() -> None:
    clients: list[Client] = []

    async def main() -> None:
        clients.append(await client_of(AsyncChat, "a"))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    connection = clients[0].consumer._presence
    loop.run_until_complete(clients[0].disconnect())
    loop.close()
    registry._by_channel_name[clients[0].channel] = connection
    Room.objects.add("a", clients[0].channel)
    assert Room.objects.prune_presences(0) == 1


async def test_nothing_is_kept_of_consumers_that_have_ended() -> None:
    """Timers and tasks that are left over would keep their event loop in memory."""
    client = await client_of(AsyncChat, "a")
    client.cancel()
    await asyncio.wait([client.communicator.future])
    here = live_loop.current()
    await until(lambda: not here.drain._leaves)
    assert (len(here.database("default").registry), len(here.tasks)) == (0, 0)
    assert here.drain._draining is None


def test_a_loop_that_was_closed_is_forgotten_with_the_next_one() -> None:
    """Connections that it left over refer to it, and would keep it in memory."""
    loop = asyncio.new_event_loop()
    live_loop._by_loop[loop] = LiveLoop()
    loop.close()

    async def other() -> None:
        live_loop.current()

    asyncio.run(other())
    assert loop not in live_loop._by_loop


def test_importing_the_consumers_starts_nothing() -> None:
    """There is no database, no channel layer and no running event loop."""
    program = (
        "import django; from django.conf import settings;"
        "settings.configure(INSTALLED_APPS=['django.contrib.auth', 'django.contrib.contenttypes', 'pgtrigger',"
        "'presence_events', 'projections'], CHANNEL_LAYERS={'default': {'BACKEND': 'no.such.layer'}},"
        "DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': '/nowhere', 'NAME': 'none'}});"
        "django.setup(); import projections.consumers, projections.decorators, projections._live.live_loop as h;"
        "assert not h.events_committed.has_listeners() or len(h.events_committed.receivers) == 1"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_an_event_loop_has_one_live_loop_of_its_own() -> None:
    async def main() -> tuple[LiveLoop, LiveLoop]:
        return live_loop.current(), live_loop.current()

    (one, same), (other, _) = asyncio.run(main()), asyncio.run(main())
    assert one is same
    assert one is not other
