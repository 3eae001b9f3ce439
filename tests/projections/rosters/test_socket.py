"""What a socket may follow, for consumers without a mixin."""

from __future__ import annotations

import json
from typing import Any

import pytest

from presence_events.exceptions import InvalidRoomName
from projections.models import Presence, Room
from projections.rosters import Roster, RosterSocket
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = '{"type": "presence.follow", "version": 1, "room": "lobby", "mark": null}'


class Sent:
    """A socket that keeps what is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def send(self, message: Any) -> None:
        self.messages.append(json.loads(message["text"]))


async def test_a_consumer_without_a_mixin_allows_its_rooms(user: Any) -> None:
    sent = Sent()
    socket = RosterSocket(Roster(grace=0), {}, sent.send)
    assert await socket.receive(FOLLOW)
    assert not await socket.receive("hello")
    assert not await socket.receive(None)
    await Room.objects.aadd("lobby", "mine", user)
    socket.allow("lobby", "mine")
    socket.allow("lobby", "mine")
    await until(lambda: sent.messages)
    assert [member["id"] for member in sent.messages[0]["members"]] == [str(user.pk)]
    await Presence.objects.aleave_all("mine")
    await until(lambda: len(sent.messages) == 2)
    assert sent.messages[1]["type"] == "presence.unfollowed"
    socket.close()


async def test_a_follower_becomes_an_observer_and_continues(user: Any) -> None:
    sent = Sent()
    socket = RosterSocket(Roster(grace=0), {}, sent.send)
    await Room.objects.aadd("lobby", "mine", user)
    socket.allow("lobby", "mine")
    await socket.receive(FOLLOW)
    await until(lambda: len(sent.messages) == 1)
    socket.observe("lobby")
    await until(lambda: len(sent.messages) == 2)
    assert (sent.messages[1]["type"], sent.messages[1]["before"]) == ("presence.diff", sent.messages[0]["mark"])
    await Room.objects.aremove("lobby", "mine")
    await until(lambda: len(sent.messages) == 3)
    assert sent.messages[2]["people"] == 0
    socket.close()


async def test_nothing_is_allowed_after_the_end() -> None:
    sent = Sent()
    socket = RosterSocket(Roster(), {}, sent.send)
    await socket.receive(FOLLOW)
    socket.close()
    socket.observe("lobby")
    socket.unobserve("lobby")
    assert sent.messages == []


async def test_only_what_is_observed_can_be_unobserved() -> None:
    socket = RosterSocket(Roster(), {}, Sent().send)
    socket.observe("lobby")
    socket.unobserve("lobby")
    socket.unobserve("lobby")
    with pytest.raises(InvalidRoomName):
        socket.observe("")
