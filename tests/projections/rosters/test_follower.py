"""A socket that follows a room, and reads slowly."""

from __future__ import annotations

import asyncio
from typing import Any

from projections.rosters import Roster
from projections.rosters.follower import Follower
from tests.waiting import until


class Socket:
    """Sends one message each time it is told to."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.is_open = True
        self.may_send = asyncio.Event()

    async def send(self, message: Any) -> None:
        await self.may_send.wait()
        if not self.is_open:
            raise RuntimeError("The socket is closed.")
        self.sent.append(message["text"])


def follower(socket: Socket) -> Follower:
    return Follower(Roster(), "lobby", socket.send)


async def test_a_follower_that_reads_slowly_is_behind_until_its_message_is_sent() -> None:
    socket = Socket()
    one, asked = follower(socket), []
    one.on_sent = asked.append
    one.offer("first", "m1")
    one.offer("second", "m2")
    one.offer("third", "m3")
    assert (one.mark, one.is_behind) == ("m1", True)
    socket.may_send.set()
    await until(lambda: asked == [one])
    assert (socket.sent, one.is_behind) == (["first"], False)


async def test_what_it_is_told_is_sent_after_the_present_message() -> None:
    socket = Socket()
    one = follower(socket)
    one.offer("first", "m1")
    one.tell("told")
    socket.may_send.set()
    await until(lambda: socket.sent == ["first", "told"])
    one.tell("again")
    await until(lambda: socket.sent == ["first", "told", "again"])
    assert one.mark == "m1"


async def test_a_socket_that_is_closed_is_no_error() -> None:
    socket = Socket()
    socket.is_open = False
    one = follower(socket)
    one.offer("first", "m1")
    one.offer("second", "m2")
    socket.may_send.set()
    await until(lambda: not one._is_sending)
    assert socket.sent == []
