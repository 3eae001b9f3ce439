"""What a socket may follow, for consumers without a mixin."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from presence_events.exceptions import InvalidRoomName
from projections.models import Presence, Room
from projections.rosters import Roster, RosterSocket, feed
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


async def test_an_observer_continues_in_the_room_and_outside(user: Any) -> None:
    sent = Sent()
    socket = RosterSocket(Roster(grace=0), {}, sent.send)
    await Room.objects.aadd("lobby", "mine", user)
    socket.allow("lobby", "mine")
    await socket.receive(FOLLOW)
    await until(lambda: len(sent.messages) == 1)
    socket.observe("lobby")
    await until(lambda: len(sent.messages) == 2)
    assert (sent.messages[1]["type"], sent.messages[1]["before"]) == ("presence.diff", sent.messages[0]["mark"])
    socket.unobserve("lobby")
    await until(lambda: len(sent.messages) == 3)
    assert sent.messages[2]["type"] == "presence.diff"
    socket.observe("lobby")
    await Room.objects.aremove("lobby", "mine")
    await until(lambda: sent.messages[-1]["people"] == 0)
    assert not any(message["type"] == "presence.unfollowed" for message in sent.messages)
    socket.close()


async def test_who_may_observe_again_gets_a_snapshot(user: Any) -> None:
    sent = Sent()
    socket = RosterSocket(Roster(grace=0), {}, sent.send)
    socket.observe("lobby")
    await socket.receive(FOLLOW)
    await until(lambda: len(sent.messages) == 1)
    socket.unobserve("lobby")
    socket.observe("lobby")
    await until(lambda: len(sent.messages) == 3)
    assert [message["type"] for message in sent.messages[1:]] == ["presence.unfollowed", "presence.snapshot"]
    socket.close()


async def test_a_refusal_ends_what_was_followed(user: Any) -> None:
    sent = Sent()
    socket = RosterSocket(Roster(grace=0), {}, sent.send)
    socket.observe("lobby")
    await socket.receive(FOLLOW)
    await until(lambda: len(sent.messages) == 1)
    await socket.receive(FOLLOW.replace('"version": 1', '"version": 2'))
    assert sent.messages[1]["type"] == "presence.refused"
    assert (socket._followers, socket._asked) == ({}, {})
    socket.close()


async def test_a_client_that_asks_again_and_again_is_sent_one_answer_at_a_time(user: Any) -> None:
    sent, release = Sent(), asyncio.Event()

    async def send(message: Any) -> None:
        started.append(message)
        await release.wait()
        await sent.send(message)

    started: list[Any] = []
    socket = RosterSocket(Roster(grace=0), {}, send)
    socket.observe("lobby")
    for _ in range(5):
        await socket.receive(FOLLOW)
        await asyncio.sleep(2 * feed.QUIET)
    await until(lambda: started)
    assert len(started) == 1
    release.set()
    await until(lambda: len(sent.messages) == 2)
    socket.close()


async def test_texts_that_are_no_marks_are_not_kept() -> None:
    socket = RosterSocket(Roster(), {}, Sent().send)
    await socket.receive(FOLLOW.replace("null", f'"{"x" * 1_000_000}"'))
    assert socket._asked == {"lobby": None}


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
