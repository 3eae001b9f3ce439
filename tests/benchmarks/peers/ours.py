"""This library."""

from __future__ import annotations

from typing import Any

from projections.models import Presence, Room
from tests.benchmarks.peers.base import Peer
from tests.benchmarks.visits import Visit


class Ours(Peer):
    def join(self, visit: Visit) -> Any:
        Room.objects.add(visit.room, visit.channel_name)

    def touch(self, visit: Visit) -> Any:
        Presence.objects.touch(visit.channel_name)

    def leave(self, visit: Visit) -> Any:
        Presence.objects.leave_all(visit.channel_name)

    def remove(self, visit: Visit) -> Any:
        Room.objects.remove(visit.room, visit.channel_name)

    def prune(self) -> Any:
        Room.objects.prune_presences(0)

    async def ajoin(self, visit: Visit) -> Any:
        await Room.objects.aadd(visit.room, visit.channel_name)

    async def atouch(self, visit: Visit) -> Any:
        await Presence.objects.atouch(visit.channel_name)

    async def aleave(self, visit: Visit) -> Any:
        await Presence.objects.aleave_all(visit.channel_name)

    async def aremove(self, visit: Visit) -> Any:
        await Room.objects.aremove(visit.room, visit.channel_name)

    async def aprune(self) -> Any:
        await Room.objects.aprune_presences(0)

    async def present(self) -> int:
        return await Presence.objects.acount()


peer = Ours
