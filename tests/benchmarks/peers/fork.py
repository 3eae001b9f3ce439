"""django-channels-more-than-present: synchronous, so that coroutines go through ``database_sync_to_async``."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from channels_presence.models import Presence, Room

from tests.benchmarks.peers.base import Peer
from tests.benchmarks.visits import Visit


class Fork(Peer):
    def join(self, visit: Visit) -> Any:
        Room.objects.add(visit.room, visit.channel_name)

    def touch(self, visit: Visit) -> Any:
        Presence.objects.touch(visit.channel_name)

    def leave(self, visit: Visit) -> Any:
        Presence.objects.leave_all(visit.channel_name)

    def remove(self, visit: Visit) -> Any:
        Room.objects.remove(visit.room, visit.channel_name)

    def prune(self) -> Any:
        Room.objects.prune_presences(age=0)

    async def ajoin(self, visit: Visit) -> Any:
        await database_sync_to_async(self.join)(visit)

    async def atouch(self, visit: Visit) -> Any:
        await database_sync_to_async(self.touch)(visit)

    async def aleave(self, visit: Visit) -> Any:
        await database_sync_to_async(self.leave)(visit)

    async def aremove(self, visit: Visit) -> Any:
        await database_sync_to_async(self.remove)(visit)

    async def aprune(self) -> Any:
        await database_sync_to_async(self.prune)()

    async def present(self) -> int:
        return await Presence.objects.acount()


peer = Fork
