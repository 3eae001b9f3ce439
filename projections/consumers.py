"""Consumers that need no upkeep: in front of a WebSocket consumer of Channels, these do all that presence asks for.

    class ChatConsumer(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
        async def connect(self):
            await self.accept()
            await self.join_room("lobby", data={"device": "phone"})

However the consumer ends, it leaves its rooms: by ``disconnect``, by an exception in a handler, cancelled by the
server. Meanwhile its process says every third of ``CHANNELS_PRESENCE_MAX_AGE`` that it is there, for all consumers in
one statement, so clients need not send heartbeats.

A connection that somebody prunes on purpose is closed with the code `EVICTED`: at once if this process pruned it, with
the next heartbeat if another one did. One that was pruned because the process was away (paused, suspended, without its
database) rejoins its rooms with the next heartbeat, or the next message that touches it. One that was made to leave a
room stays out of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from channels.consumer import AsyncConsumer, SyncConsumer

from projections._live import heartbeat
from projections._live.connection import AsyncConnection, SyncConnection

if TYPE_CHECKING:
    _Consumer = AsyncConsumer
    _SyncConsumer = SyncConsumer
else:
    _Consumer = _SyncConsumer = object

__all__ = ["EVICTED", "AsyncPresenceMixin", "PresenceMixin"]

EVICTED = 4408
"""The WebSocket close code that says: you were pruned. Connect again, if there is still somebody."""


class _Mixin(_Consumer):
    presence_heartbeat: ClassVar[bool] = True
    """Whether the process vouches for this consumer as long as its socket is open.

    If False its client has to send messages that touch it (`projections.decorators.touch_presence`). Silent for longer
    than the maximal age and pruned, it is closed with ``presence_evict_code``; a message that comes before that heals.
    """

    presence_evict_code: ClassVar[int] = EVICTED
    """The code with which the socket is closed after a prune."""

    _connection_class: ClassVar[Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if issubclass(cls, AsyncConsumer) and cls.__mro__.index(AsyncConsumer) < cls.__mro__.index(_Mixin):
            raise TypeError(f"{cls.__name__}: the presence mixin has to stand in front of the consumer.")
        if issubclass(cls, AsyncConsumer) and issubclass(cls, SyncConsumer) != issubclass(cls, PresenceMixin):
            raise TypeError(f"{cls.__name__}: PresenceMixin is for sync consumers, AsyncPresenceMixin for async ones.")
        if cls.presence_evict_code not in range(4000, 5000):
            raise ValueError(f"{cls.__name__}: presence_evict_code is a number from 4000 to 4999.")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        connection = self._presence = self._connection_class(
            heartbeat.of_running_loop(),
            send,
            heartbeat=self.presence_heartbeat,
            evict_code=self.presence_evict_code,
        )
        cancelled = False
        try:
            await super().__call__(scope, receive, connection.send)
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            try:
                await asyncio.shield(connection.end(cancelled=cancelled))
            except asyncio.CancelledError:
                if not cancelled:  # a server that stops: with its loop it would take away what the end still needs
                    await asyncio.shield(connection.heart.others_left())
                raise


class AsyncPresenceMixin(_Mixin):
    """For asynchronous consumers."""

    _connection_class = AsyncConnection

    async def join_room(self, name: str, data: Any = None) -> None:
        """Joins the room, as ``scope["user"]``, and its group. ``data`` is what the connection says of itself (JSON).

        Raises what `Room.objects.aadd` raises, and then the connection is not in the room as far as this consumer is
        concerned. Once the consumer has ended nothing happens.
        """
        await self._presence.join(self.channel_name, name, self.scope.get("user"), data)

    async def leave_room(self, name: str) -> None:
        """Leaves the room and its group. Nothing happens if the connection is not there."""
        await self._presence.leave(self.channel_name, name)

    async def touch_presence(self, data: Any = None) -> int:
        """The connection was seen. ``data``, if given, replaces what it said of itself, in every room.

        Rejoins the rooms from which the connection was pruned by mistake. Returns in how many rooms it was seen.
        """
        return int(await self._presence.touch(self.channel_name, data))


class PresenceMixin(_Mixin, _SyncConsumer):
    """For synchronous consumers. The methods are those of `AsyncPresenceMixin`."""

    _connection_class = SyncConnection

    def join_room(self, name: str, data: Any = None) -> None:
        self._presence.join(self.channel_name, name, self.scope.get("user"), data)

    def leave_room(self, name: str) -> None:
        self._presence.leave(self.channel_name, name)

    def touch_presence(self, data: Any = None) -> int:
        return int(self._presence.touch(self.channel_name, data))
