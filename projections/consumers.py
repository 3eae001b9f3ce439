"""Mixins that keep the presence of a WebSocket consumer. Put one in front of a consumer class of Channels.

    class ChatConsumer(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
        async def connect(self):
            await self.accept()
            await self.join_room("lobby", data={"device": "phone"})

The consumer leaves its rooms however it ends: by ``disconnect``, by an exception in a handler, or cancelled by the
server. Until then its process touches it three times in ``CHANNELS_PRESENCE_MAX_AGE`` seconds, together with all other
consumers in one statement. Clients need not send heartbeats.

- A connection that is pruned on purpose is closed with the code `EVICTED`: at once if this process recorded the prune,
  with the next heartbeat if another process did.
- A connection that is pruned because its process stalled (it was paused or suspended, or its database was unavailable)
  rejoins its rooms with the next heartbeat, or with the next message that touches it.
- A connection that is made to leave a room stays out of it. If it had to leave for another connection of the same user,
  which joined with ``exclusive="newest"``, its socket is closed with the code `REPLACED`, at the same times.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from asgiref.sync import async_to_sync
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.layers import get_channel_layer

from presence_events.privacy.hidden import hide
from projections._delivery import layers
from projections._live import live_loop
from projections._live.async_connection import AsyncConnection
from projections._live.client_ping import ClientPing
from projections._live.connection import REPLACED, Connection
from projections._live.limits import Limits
from projections._live.sync_connection import SyncConnection
from projections.rosters import Roster, RosterSocket
from projections.selections import Exclusive

if TYPE_CHECKING:
    _Consumer = AsyncConsumer
    _SyncConsumer = SyncConsumer
else:
    _Consumer = _SyncConsumer = object

__all__ = ["EVICTED", "REPLACED", "AsyncPresenceMixin", "PresenceMixin"]

logger = logging.getLogger("projections.connection")

EVICTED = 4408
"""The WebSocket close code after a prune. A client that is still in use may connect again."""


class _Mixin(_Consumer):
    presence_heartbeat: ClassVar[bool] = True
    """Whether the process vouches for this consumer while its socket is open.

    If it is False, the client has to send messages that touch the consumer (`projections.decorators.touch_presence`). A
    consumer that is pruned after a silence longer than the maximal age is closed with ``presence_evict_code``. A
    message that arrives before it is closed heals it.
    """

    presence_ping: ClassVar[bool] = False
    """Whether the process vouches only while the client answers: for servers that send no WebSocket pings.

    Three times in the maximal age the client is sent the text ``{"type":"presence.ping"}``, and has to send it back.
    The handlers of the consumer do not receive the answers. Any other message of the client counts as an answer too. A
    client that sends nothing is pruned within twice the maximal age, and its socket is closed.
    """

    presence_evict_code: ClassVar[int] = EVICTED
    """The close code of the socket after a prune, from 4000 to 4999."""

    presence_hidden: bool = False
    """Whether the connection is hidden in the rooms that it joins: present and recorded, and not shown to others.

    Set it in ``connect`` if it depends on the user.
    """

    presence_roster: ClassVar[Roster | None] = None
    """What the page shows of the people in the rooms of this consumer. The client asks for it with ``roster.js``."""

    _connection_class: ClassVar[Any]
    _is_warned: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if issubclass(cls, AsyncConsumer) and cls.__mro__.index(AsyncConsumer) < cls.__mro__.index(_Mixin):
            raise TypeError(f"{cls.__name__}: put the presence mixin in front of the consumer class.")
        if issubclass(cls, AsyncConsumer) and issubclass(cls, SyncConsumer) != issubclass(cls, PresenceMixin):
            raise TypeError(f"{cls.__name__}: use PresenceMixin for sync consumers, AsyncPresenceMixin for async ones.")
        if cls.presence_evict_code not in range(4000, 5000):
            raise ValueError(f"{cls.__name__}: presence_evict_code must be from 4000 to 4999.")
        if cls.presence_ping and not cls.presence_heartbeat:
            raise ValueError(f"{cls.__name__}: presence_ping needs presence_heartbeat, which records the answers.")
        if cls.presence_roster is not None and not isinstance(cls.presence_roster, Roster):
            raise TypeError(f"{cls.__name__}: presence_roster has to be a Roster, such as Roster().")

    def _user(self) -> Any:
        """Returns ``scope["user"]``. Warns once for each class if there is none: all its connections are anonymous."""
        if "user" not in self.scope and not vars(type(self)).get("_is_warned"):
            type(self)._is_warned = True
            logger.warning(
                '%s.%s joins rooms as anonymous, because its scope has no "user". Wrap its routes in '
                'channels.auth.AuthMiddlewareStack. If its clients have no users, set scope["user"] = None.',
                type(self).__module__,
                type(self).__qualname__,
            )
        return self.scope.get("user")

    def _shown_data(self, data: Any, hidden: bool | None) -> Any:
        """Returns the ``data`` of a join, with the mark of a hidden connection if it is one."""
        return hide(data) if (self.presence_hidden if hidden is None else hidden) else data

    def _observable(self) -> RosterSocket:
        if self.presence_roster is None:
            raise TypeError(f"{type(self).__name__} has no presence_roster.")
        return self._roster

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        layers.check(self.channel_layer_alias)
        if get_channel_layer(self.channel_layer_alias) is None:
            # Channels names the channels of consumers that have a layer. Presence needs a name in any case.
            self.channel_name = f"no-layer.{secrets.token_hex(16)}"
        host = live_loop.current()
        connection = self._presence = self._connection_class(
            host,
            send,
            heartbeat=self.presence_heartbeat,
            evict_code=self.presence_evict_code,
            layer=self.channel_layer_alias,
        )
        send = connection.send
        ping = ClientPing(connection, host.tasks, receive) if self.presence_ping else None
        if ping is not None:
            receive, send = ping.receive, ping.send
        roster = None
        if self.presence_roster is not None:
            roster = self._roster = RosterSocket(self.presence_roster, scope, connection.send)
            connection.on_join = partial(_allow, roster, connection)
            receive = roster.filter(receive)
        cancelled = False
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            if ping is not None:
                ping.stop()
            if roster is not None:
                roster.close()
            try:
                await asyncio.shield(host.end(connection, cancelled=cancelled))
            except asyncio.CancelledError:
                # The server stops while the consumer leaves. The leave needs the event loop, so delay the stop.
                if not cancelled:
                    await asyncio.shield(host.drain.wait())
                raise


def _allow(roster: RosterSocket, connection: Connection, room: str, using: str) -> None:
    roster.allow(room, connection.channel_name, using)


class AsyncPresenceMixin(_Mixin):
    """Keeps the presence of an asynchronous consumer."""

    _connection_class = AsyncConnection

    async def join_room(
        self,
        name: str,
        data: Any = None,
        *,
        capacity: int | None = None,
        exclusive: Exclusive | None = None,
        hidden: bool | None = None,
    ) -> None:
        """Joins the room ``name`` as ``scope["user"]``, and its group. ``data`` is JSON that describes the connection.

        ``capacity`` limits the people in the room, and raises `RoomIsFull`. ``exclusive`` limits the user to one
        connection in the room: "newest" ends the user's other stays there, whose sockets are closed with `REPLACED`,
        and "oldest" raises `AlreadyPresent` if there are any. ``hidden`` leaves the connection out of what is shown to
        others. By default it is ``presence_hidden``. To be shown or hidden from now on, call this again. See
        `Room.objects.add`.

        Raises what `Room.objects.aadd` raises. The consumer then treats the connection as it did before the call:
        not in the room, unless it was there already. Does nothing after the consumer has ended.
        """
        data = self._shown_data(data, hidden)
        await self._presence.join(self.channel_name, name, self._user(), data, Limits(capacity, exclusive))

    async def leave_room(self, name: str) -> None:
        """Leaves the room ``name`` and its group. Does nothing if the connection is not in it."""
        await self._presence.leave(self.channel_name, name)

    async def touch_presence(self, data: Any = None) -> int:
        """Records a sign of life. ``data``, if given, replaces the data of the connection in every room.

        Rejoins the rooms from which the connection was pruned by mistake. Returns the number of rooms it was touched in
        or rejoined.
        """
        return int(await self._presence.touch(self.channel_name, data))

    async def observe_roster(self, name: str) -> None:
        """Lets the client follow the roster of the room ``name`` without being in it.

        Raises `InvalidRoomName` for a name that no room can have, and a TypeError without a ``presence_roster``.
        """
        self._observable().observe(name)

    async def unobserve_roster(self, name: str) -> None:
        """Takes back `observe_roster`. The client is told that it does not follow the room any more."""
        self._observable().unobserve(name)

    async def presence(self, message: Any) -> None:
        """Handles group messages of the type ``presence``, which receivers of `presence_changed` send to a room.

        A consumer with ``send_json`` sends the message to its client. Others ignore it. Override it as you need.
        """
        inherited = getattr(super(), "presence", None)
        if inherited is not None:
            await inherited(message)
        elif hasattr(self, "send_json"):
            await self.send_json(message)

    async def presence_ended(self, message: Any) -> None:
        """Ignores messages of the type ``presence.ended``, which close pruned connections without a mixin."""
        inherited = getattr(super(), "presence_ended", None)
        if inherited is not None:
            await inherited(message)


class PresenceMixin(_Mixin, _SyncConsumer):
    """Keeps the presence of a synchronous consumer. The methods are those of `AsyncPresenceMixin`."""

    _connection_class = SyncConnection

    def join_room(
        self,
        name: str,
        data: Any = None,
        *,
        capacity: int | None = None,
        exclusive: Exclusive | None = None,
        hidden: bool | None = None,
    ) -> None:
        data = self._shown_data(data, hidden)
        self._presence.join(self.channel_name, name, self._user(), data, Limits(capacity, exclusive))

    def leave_room(self, name: str) -> None:
        self._presence.leave(self.channel_name, name)

    def touch_presence(self, data: Any = None) -> int:
        return int(self._presence.touch(self.channel_name, data))

    def observe_roster(self, name: str) -> None:
        self._in_loop(self._observable().observe, name)

    def unobserve_roster(self, name: str) -> None:
        self._in_loop(self._observable().unobserve, name)

    def _in_loop(self, function: Callable[[str], None], name: str) -> None:
        async def call() -> None:
            function(name)

        async_to_sync(call)()

    def presence(self, message: Any) -> None:
        inherited = getattr(super(), "presence", None)
        if inherited is not None:
            inherited(message)
        elif hasattr(self, "send_json"):
            self.send_json(message)

    def presence_ended(self, message: Any) -> None:
        inherited = getattr(super(), "presence_ended", None)
        if inherited is not None:
            inherited(message)
