"""Feeds: reading the log for rosters, also when something fails."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError, connections, transaction

from projections.models import Presence, Room
from projections.rosters import feed, reading, wakeups
from projections.rosters.feed import Feed
from projections.rosters.reading import Reader
from projections.rosters.replica import Replica
from tests.projections.rosters.pages import AsyncLobby, Names, Page, new_user, roster_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


async def members(page: Page) -> list[str]:
    """The ids of the people in the room, from the database."""
    return [str(key) async for key in Presence.objects.order_by("id").values_list("user_id", flat=True)]


def become_another_process() -> None:
    """Forgets what this process knows, as if it had been started again."""
    feed._feeds.clear()


async def test_a_process_that_does_not_know_the_room_answers_with_the_difference() -> None:
    ada, bo, cy = [await new_user(name) for name in ("ada", "bo", "cy")]
    others = [await Page(AsyncLobby, user).open() for user in (bo, cy)]
    for number in range(5):  # with them a snapshot is larger than the difference
        await Room.objects.aadd("lobby", f"other-{number}", await new_user(f"other {number}"))
    page = await Page(AsyncLobby, ada).open()
    await page.close()
    await others[0].close()
    await others[1].socket.send_json_to({"status": "away"})
    await until(lambda: others[1].client.members[str(cy.pk)]["info"].get("status") == "away")
    become_another_process()
    await page.open()
    answer = page.messages[-1]
    assert (answer["type"], answer["left"]) == ("presence.diff", [str(bo.pk)])
    assert {member["id"]: member["info"].get("status") for member in answer["joined"]} == {
        str(ada.pk): None,
        str(cy.pk): "away",
    }
    assert sorted(page.client.members) == sorted(await members(page))
    await page.close()
    await others[1].close()


@pytest.mark.parametrize("limit", ["MAX_RANGE", "MAX_CHANGES"])
async def test_a_mark_that_is_too_old_gets_a_snapshot(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = await new_user("ada"), await new_user("bo")
    page = await Page(AsyncLobby, ada).open()
    other = await Page(AsyncLobby, bo).open()
    await page.close()
    monkeypatch.setattr(reading, limit, 1)
    become_another_process()
    await page.open()
    assert page.messages[-1]["type"] == "presence.snapshot"
    await page.close()
    await other.close()


async def test_a_client_that_reads_slowly_gets_one_difference_for_all_it_missed() -> None:
    ada = await new_user("ada")
    page = await Page(AsyncLobby, ada).open()
    others = [await Page(AsyncLobby, await new_user(f"user {number}")).open() for number in range(3)]
    await until(lambda: page.client.people == 4)
    ((room,),) = [list(each._rooms.values()) for of_loop in feed._feeds.values() for each in of_loop.values()]
    (slow,) = [one for ones in room.followers.values() for one in ones if one.channel_name == await first_channel()]
    release, sent, send = asyncio.Event(), [], slow._send

    async def wait_and_send(message: Any) -> None:
        sent.append(message)
        await release.wait()
        await send(message)

    slow._send = wait_and_send
    for each in others:
        await each.close()
        await asyncio.sleep(feed.BUSY)
    await until(lambda: slow.is_behind)
    release.set()
    await until(lambda: page.client.people == 1)
    assert len(sent) == 2
    await page.close()


async def first_channel() -> str:
    return (await Presence.objects.aearliest("id")).channel_name


async def test_an_error_of_the_database_delays_the_roster(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    read, failures = Reader.read, [OperationalError("unavailable")]

    def fail_once(self: Reader, *arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return read(self, *arguments)

    monkeypatch.setattr(Reader, "read", fail_once)
    other = await Page(AsyncLobby, await new_user("bo")).open()
    await until(lambda: page.names() == ["ada", "bo"])
    assert "Could not read the log for rosters, and will try again" in caplog.text
    assert page.messages[-1]["type"] == "presence.diff"
    for each in (page, other):
        await each.close()


async def test_rosters_that_name_people_differently_do_not_mix_their_histories() -> None:
    class Guests(Names):
        def person(self, user_id: Any, data: Any) -> str | None:
            return None if user_id is None else f"person {user_id}"

    ada, bo = await new_user("ada"), await new_user("bo")
    guests = roster_of(AsyncLobby, Guests(grace=0))
    for number in range(5):
        await Room.objects.aadd("lobby", f"other-{number}", await new_user(f"other {number}"))
    leaving = await Page(AsyncLobby, bo).open()
    pages = [await Page(lobby, ada).open() for lobby in (AsyncLobby, guests)]
    for page in pages:
        await page.close()
    await leaving.close()
    become_another_process()
    for page in pages:
        await page.open()
    await until(lambda: all("bo" not in page.names() for page in pages))
    assert f'"{bo.pk}"' not in json.dumps(pages[1].messages)
    for page in pages:
        await page.close()


async def test_a_follower_that_waits_for_an_answer_is_told_that_it_left() -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    channel = await first_channel()
    page.client.follow()  # the answer waits until the log has been read, and finds the leave
    await Room.objects.aremove("lobby", channel)
    await until(lambda: page.messages[-1]["type"] == "presence.unfollowed")
    await page.close()


async def test_views_without_viewers_are_forgotten() -> None:
    class Personal(Names):
        def view(self, scope: Any) -> Any:
            return scope["user"].pk

    lobby = roster_of(AsyncLobby, Personal(grace=0))
    page = await Page(lobby, await new_user("ada")).open()
    other = await Page(lobby, await new_user("bo")).open()
    await until(lambda: page.names() == ["ada", "bo"])
    await other.close()
    await until(lambda: page.names() == ["ada"])
    ((room,),) = [list(each._rooms.values()) for of_loop in feed._feeds.values() for each in of_loop.values()]
    assert len(room.replica._views) == 1
    await page.close()


async def test_a_room_that_cannot_be_sent_delays_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    other = await Page(AsyncLobby, await new_user("bo"), "other").open()
    publish, failures = Replica.publish, ["lobby"]

    async def fail_once(self: Replica, *arguments: Any) -> Any:
        if self.room in failures:
            failures.remove(self.room)
            raise OperationalError("unavailable")
        return await publish(self, *arguments)

    monkeypatch.setattr(Replica, "publish", fail_once)
    users = [await new_user("cy"), await new_user("di")]
    await asyncio.gather(
        *(Room.objects.aadd(room, room, user) for room, user in zip(("lobby", "other"), users, strict=True))
    )
    await until(lambda: other.names() == ["bo", "di"])
    await until(lambda: page.names() == ["ada", "cy"])
    assert "The roster of lobby could not be sent" in caplog.text
    for each in (page, other):
        await each.close()


async def test_an_error_of_the_database_while_people_are_serialized_is_tried_again() -> None:
    class Unlucky(Names):
        failures = 2

        def serialize(self, members: Any) -> Any:
            if len(members) == 1 and members[0].name == "bo" and self.failures:
                self.failures -= 1
                raise OperationalError("unavailable")
            if len(members) == 2:
                raise RuntimeError
            return super().serialize(members)

    lobby = roster_of(AsyncLobby, Unlucky(grace=0))
    page = await Page(lobby, await new_user("ada")).open()
    other = await Page(lobby, await new_user("bo")).open()
    await until(lambda: page.names() == ["ada", "bo"])
    for each in (page, other):
        await each.close()


async def test_a_mark_beyond_the_end_of_the_log_gets_a_snapshot() -> None:
    assert reading.changes("lobby", 10**9, 5, using="default") is None


async def test_another_log_gets_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    made = Reader.__init__

    def of_another_log(self: Reader, using: str) -> None:
        made(self, using)
        self.log = "another"

    monkeypatch.setattr(Reader, "__init__", of_another_log)
    (here,) = [each for of_loop in feed._feeds.values() for each in of_loop.values()]
    here._reader = None
    await until(lambda: len(page.messages) == 2)
    assert page.messages[-1]["type"] == "presence.snapshot"
    assert page.messages[-1]["mark"] != page.messages[0]["mark"]
    await page.close()


class Appender(threading.Thread):
    """Appends a join in a transaction, and commits it when it is told to."""

    def __init__(self, user: Any) -> None:
        super().__init__()
        self.has_appended, self.may_commit = threading.Event(), threading.Event()
        self._user = user

    def run(self) -> None:
        with transaction.atomic():
            Room.objects.add("lobby", "slow", self._user)
            self.has_appended.set()
            self.may_commit.wait(60)
        connections.close_all()


@pytest.fixture
def appender() -> Iterator[Any]:
    started: list[Appender] = []

    def start(user: Any) -> Appender:
        started.append(Appender(user))
        started[-1].start()
        assert started[-1].has_appended.wait(60)
        return started[-1]

    yield start
    for thread in started:
        thread.may_commit.set()
        thread.join()


async def test_what_an_open_transaction_had_appended_before_is_shown_after_its_commit(appender: Any) -> None:
    ada, bo = await new_user("ada"), await new_user("bo")
    await Room.objects.aadd("lobby", "first")  # otherwise all others wait for the transaction that makes the room
    await Room.objects.aremove("lobby", "first")
    slow = await sync_to_async(appender)(bo)
    page = await Page(AsyncLobby, ada).open()
    assert page.names() == ["ada"]
    await page.close()
    await page.open()
    assert page.messages[-1]["type"] == "presence.snapshot"  # the mark could not say what follows it
    slow.may_commit.set()
    await until(lambda: sorted(page.names()) == ["ada", "bo"])
    await page.close()


async def test_what_an_open_transaction_appends_later_is_shown_after_its_commit(appender: Any) -> None:
    ada, bo, cy = [await new_user(name) for name in ("ada", "bo", "cy")]
    page = await Page(AsyncLobby, ada).open()
    slow = await sync_to_async(appender)(bo)
    other = await Page(AsyncLobby, cy).open()
    await until(lambda: page.names() == ["ada", "cy"])
    await page.close()
    slow.may_commit.set()
    await until(lambda: sorted(other.names()) == ["bo", "cy"])
    await page.open()
    await until(lambda: sorted(page.names()) == ["ada", "bo", "cy"])
    for each in (page, other):
        await each.close()


async def test_another_process_wakes_the_feed_over_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "POLL", 3600.0)
    page = await Page(AsyncLobby, await new_user("ada")).open()
    bo = await new_user("bo")
    monkeypatch.setattr(wakeups.feed, "wake", lambda using, rooms: None)  # of the process that records
    await Room.objects.aadd("lobby", "other", bo)
    monkeypatch.undo()
    monkeypatch.setattr(feed, "POLL", 3600.0)
    layer: Any = get_channel_layer()
    ours = {"type": wakeups.GROUP, "process": wakeups._PROCESS, "changed": {"default": ["lobby"]}}
    await layer.group_send(wakeups.GROUP, ours)
    await layer.group_send(wakeups.GROUP, {**ours, "process": "other", "changed": {"default": ["x"], "other": ["y"]}})
    await asyncio.sleep(3 * feed.BUSY)
    assert page.names() == ["ada"]
    await layer.group_send(wakeups.GROUP, {**ours, "process": "other"})
    await until(lambda: page.names() == ["ada", "bo"])
    await page.close()


async def test_a_process_tells_the_others_which_rooms_have_changed() -> None:
    layer: Any = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(wakeups.GROUP, channel)
    wakeups.connect()
    await asyncio.gather(Room.objects.aadd("lobby", "a"), Room.objects.aadd("other", "b"))
    await Presence.objects.atouch("a")
    async with asyncio.timeout(30):
        message = await layer.receive(channel)
    assert message == {
        "type": wakeups.GROUP,
        "process": wakeups._PROCESS,
        "changed": {"default": ["lobby", "other"]},
    }
    await sync_to_async(Room.objects.remove)("lobby", "a")
    async with asyncio.timeout(30):
        assert (await layer.receive(channel))["changed"] == {"default": ["lobby"]}


def test_synchronous_code_without_a_loop_tells_the_others() -> None:
    wakeups.connect()
    Room.objects.add("lobby", "a")
    Room.objects.remove("lobby", "a")
    assert Room.objects.prune_rooms() == 1  # no connection is concerned


async def test_the_prune_of_a_room_wakes_no_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    wakeups.connect()
    await Room.objects.aadd("lobby", "a")
    await Room.objects.aremove("lobby", "a")
    woken: list[Any] = []
    monkeypatch.setattr(wakeups.feed, "wake", lambda *arguments: woken.append(arguments))
    assert await Room.objects.aprune_rooms() == 1
    assert woken == []


async def test_a_room_that_is_loaded_later_keeps_its_mark_until_the_log_has_grown() -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    await new_user("bo")  # a transaction that appends nothing
    window = await Page(AsyncLobby, await new_user("cy")).open("", follow=False)
    window.client.room = "other"
    window.client.follow()
    await window.call("observe_roster", "other")
    await until(lambda: window.messages)
    mark = window.client.mark
    window.client.follow()
    await until(lambda: len(window.messages) == 2)
    assert window.client.mark == mark
    for each in (page, window):
        await each.close()


async def test_a_layer_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "RETRY", 0.01)
    layer: Any = get_channel_layer()
    add, failures, added = layer.group_add, ["add"], []

    async def group_add(group: str, channel: str) -> None:
        if group == wakeups.GROUP:
            if failures:
                raise OSError(failures.pop())
            added.append(channel)
        await add(group, channel)

    async def group_send(group: str, message: Any) -> None:
        raise OSError("The layer is unavailable.")

    monkeypatch.setattr(layer, "group_add", group_add)
    monkeypatch.setattr(layer, "group_send", group_send)
    page = await Page(AsyncLobby, await new_user("ada")).open()
    await until(lambda: added)
    other = await Page(AsyncLobby, await new_user("bo")).open()
    await until(lambda: page.names() == ["ada", "bo"])
    for each in (page, other):
        await each.close()


async def test_a_room_that_changes_all_the_time_is_sent_at_intervals() -> None:
    page = await Page(roster_of(AsyncLobby, Names(grace=0)), await new_user("ada")).open()
    bo = await new_user("bo")
    for number in range(20):
        await Room.objects.aadd("lobby", f"tab-{number}", bo)
    await until(lambda: len(page.client.members.get(str(bo.pk), {}).get("connections", ())) == 20)
    assert len(page.messages) < 10
    await page.close()


async def test_the_feed_ends_with_its_last_follower() -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    (here,) = [each for of_loop in feed._feeds.values() for each in of_loop.values() if each._rooms]
    await page.close()
    await until(lambda: here._task is not None and here._task.done())
    assert not here._rooms
    assert isinstance(here, Feed)
    await page.open()
    await until(lambda: page.names() == ["ada"])
    await page.close()


def test_a_feed_of_a_closed_loop_is_forgotten() -> None:
    async def make() -> Feed:
        return feed.feed("default")

    asyncio.run(make())
    feed.wake("default", ["lobby"])
    asyncio.run(make())
    assert sum(not loop.is_closed() for loop in feed._feeds) == 0
    assert len(feed._feeds) <= 1
