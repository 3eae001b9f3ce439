"""Pages: both clients, their present socket, and what their user has seen."""

from __future__ import annotations

from typing import Any

from projections.testing import RosterClient
from tests.projections.rosters.twins import Message, Twins
from tests.properties.rosters.database import ROOM
from tests.properties.rosters.kinds import ModelRoster
from tests.properties.rosters.processes import Socket


class Page:
    """A page with the connection ``channel`` in the room. None is that of an observer.

    ``reported`` are the members of whom it was told that they arrived, and not that they departed.
    """

    def __init__(self, channel: str | None, view: str, roster: ModelRoster) -> None:
        self.channel = channel
        self.view = view
        self.roster = roster
        self.twins = Twins(ROOM)
        self.socket: Socket | None = None
        self.reported: dict[str, dict[str, Any]] = {}
        self.is_repeated = False
        self.is_paused = False
        self._to_server: list[Message] = []
        self.client.on_join(self._on_join)
        self.client.on_leave(self._on_leave)

    @property
    def client(self) -> RosterClient:
        return self.twins.python

    def connect(self, socket: Socket) -> None:
        self.disconnect()
        self.socket = socket
        self.follow()

    def disconnect(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self._to_server.clear()

    def follow(self) -> None:
        """Asks for the roster, also again. A page that was paused goes on."""
        if self.socket is not None:
            self._to_server += self.twins.resume() if self.is_paused else self.twins.follow()
            self.is_paused = False

    def pause(self) -> None:
        if self.socket is not None and not self.is_paused:
            self._to_server += self.twins.pause()
            self.is_paused = True

    async def deliver(self, index: int = 0) -> None:
        """Delivers what the page has to send, or else a message of the server: the next one, or one out of order."""
        if self.socket is None:
            return
        if self._to_server:
            await self.socket.receive(self._to_server.pop(0))
        elif self.socket.queue:
            index %= len(self.socket.queue)
            self.socket.is_damaged |= index > 0
            text = self.socket.queue.pop(index)
            self._to_server += self.twins.receive(text)
            if self.client.mark is None:
                self.reported.clear()

    async def deliver_all(self) -> None:
        while self.socket is not None and (self._to_server or self.socket.queue):
            await self.deliver()

    def _on_join(self, member: dict[str, Any], before: Any) -> None:
        self.is_repeated |= member["id"] in self.reported
        self.reported[member["id"]] = member

    def _on_leave(self, member: dict[str, Any], before: Any) -> None:
        # A member who came into a partial list did not arrive.
        self.reported.pop(member["id"], None)
