"""The recipes do what they say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser, Group
from django.urls import path

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.communicator import WebsocketCommunicator
from tests.docs.pages import run

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "docs/howto/recipes.md"


@pytest.fixture
async def recipes(transactional_db: None) -> dict[str, Any]:
    return await sync_to_async(run)(PAGE)


async def opened(consumer: Any, user: Any, url: str = "/", *, joins: bool = True) -> WebsocketCommunicator:
    """Opens a socket. Returns when its consumer has joined its room, if it does."""
    before = await PresenceEvent.objects.filter(kind="join").acount()
    communicator = WebsocketCommunicator(consumer if isinstance(consumer, URLRouter) else consumer.as_asgi(), url)
    communicator.scope["user"] = user
    await communicator.connect()
    while joins and await PresenceEvent.objects.filter(kind="join").acount() == before:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    return communicator


async def present(room: str) -> list[Any]:
    return [one.user_id async for one in Presence.objects.filter(room=room).order_by("joined_at")]


async def test_typing_reaches_the_others_and_is_not_recorded(recipes: Any, user: Any, other_user: Any) -> None:
    first, second = [await opened(recipes["ChatConsumer"], who) for who in (user, other_user)]
    events = await PresenceEvent.objects.acount()
    await first.send_json_to({"type": "typing"})
    assert await second.receive_json_from() == {"type": "typing", "user": str(user.pk)}
    assert await PresenceEvent.objects.acount() == events
    for each in (first, second):
        await each.disconnect()


async def test_who_is_away_is_known_to_those_who_come_later(recipes: Any, user: Any) -> None:
    page = await opened(recipes["ChatConsumer"], user)
    await page.send_json_to({"type": "status", "status": "away"})
    await page.send_json_to({"type": "typing"})
    await page.receive_json_from()
    assert (await Presence.objects.aget()).data == {"status": "away"}
    namespace = await sync_to_async(run)(PAGE)
    assert [member.user for member in namespace["away"]] == [user]
    await page.disconnect()


async def test_the_newest_tab_of_an_exam_wins(recipes: Any, user: Any) -> None:
    first, second = [await opened(recipes["ExamConsumer"], user) for _ in range(2)]
    assert await first.receive_output() == {
        "type": "websocket.close",
        "code": 4409,
        "reason": "You are no longer present.",
    }
    assert len(await present("exam")) == 1
    for each in (first, second):
        await each.disconnect()


async def test_a_table_has_four_people(recipes: Any, django_user_model: Any) -> None:
    people = [await django_user_model.objects.acreate(username=f"player-{number}") for number in range(5)]
    pages = [await opened(recipes["TableConsumer"], who) for who in people[:4]]
    pages.append(await opened(recipes["TableConsumer"], people[4], joins=False))
    assert (await pages[4].receive_output())["code"] == 4410
    pages.append(await opened(recipes["TableConsumer"], people[0]))
    assert await present("table") == [who.pk for who in [*people[:4], people[0]]]
    for each in pages:
        await each.disconnect()


async def test_who_is_sent_out_of_a_room_is_out_of_this_one(recipes: Any, user: Any, other_user: Any) -> None:
    page = await opened(recipes["ChatConsumer"], user)
    await Room.objects.aadd("hall", "elsewhere", user)
    await sync_to_async(recipes["send_out"])(user, "lobby", other_user)
    assert (await page.receive_output())["code"] == 4408
    assert (await present("lobby"), await present("hall")) == ([], [user.pk])
    event = await PresenceEvent.objects.aget(kind="prune")
    assert event.data == {"reason": "sent out", "by_user": str(other_user.pk)}
    await page.disconnect()


async def test_who_is_banned_is_sent_out_and_refused(recipes: Any, user: Any, other_user: Any) -> None:
    page = await opened(recipes["ModeratedConsumer"], user)
    await sync_to_async(recipes["ban"])(user, "lobby", other_user)
    assert (await page.receive_output())["code"] == 4408
    again = await opened(recipes["ModeratedConsumer"], user, joins=False)
    assert (await again.receive_output())["code"] == 4403
    assert await present("lobby") == []
    for each in (page, again):
        await each.disconnect()


async def test_a_visitor_without_a_user_is_refused_where_people_can_be_banned(recipes: Any) -> None:
    page = await opened(recipes["ModeratedConsumer"], AnonymousUser(), joins=False)
    assert (await page.receive_output())["code"] == 4403
    assert await present("lobby") == []
    await page.disconnect()


async def test_a_room_of_a_team_is_for_its_members(recipes: Any, user: Any, other_user: Any) -> None:
    await user.groups.aadd(await Group.objects.acreate(name="red"))
    router = URLRouter([path("<team>/", recipes["TeamConsumer"].as_asgi())])
    pages = [await opened(router, user, "/red/"), await opened(router, other_user, "/red/", joins=False)]
    assert (await pages[1].receive_output())["code"] == 4403
    assert await present("team-red") == [user.pk]
    await pages[0].send_json_to({"type": "typing"})
    assert await pages[0].receive_json_from() == {"type": "typing", "user": str(user.pk)}
    for each in pages:
        await each.disconnect()
