"""Rooms in several databases: each call follows the database of the room."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.signals import request_started
from django.db import OperationalError, connections
from django.test import RequestFactory

from presence_events.concurrency import in_thread
from presence_events.exceptions import InvalidDatabase, NotRecordedInTime
from presence_events.models import PresenceEvent, Segment
from presence_events.processes import registry
from projections import tasks
from projections._live import live_loop
from projections._live.stopwatch import Stopwatch
from projections._worker import in_server
from projections.consumers import EVICTED
from projections.models import Presence, Process, Room
from projections.rosters import Roster, RosterSocket
from projections.rosters.http import RosterView
from projections.testing import age_presences, assert_present
from tests import clusters
from tests.clusters import CLUSTERS, ROOMS
from tests.projections.live.mixed import CHATS, AsyncHandMade, Client, SyncHandMade, client_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)
all_kinds = pytest.mark.parametrize("chat", [*CHATS, AsyncHandMade, SyncHandMade])
hand_made = pytest.mark.parametrize("chat", [AsyncHandMade, SyncHandMade])


@pytest.fixture(autouse=True)
def _clusters(transactional_db: None, settings: Any) -> Iterator[None]:
    with clusters.databases(settings):
        yield


def present() -> dict[str, list[str]]:
    """The rooms of all presences, by database. Databases without any are left out."""
    found = {alias: Presence.objects.using(alias).values_list("room_id", flat=True) for alias in CLUSTERS}
    return {alias: sorted(rooms) for alias, rooms in found.items() if rooms}


def events(alias: str) -> list[str]:
    log = PresenceEvent.objects.using(alias).exclude(room="").order_by("id")
    return [f"{event.kind} {event.room}" for event in log]


EVERYWHERE = {alias: [room] for alias, room in zip(CLUSTERS, ROOMS, strict=True)}


def join_everywhere(channel: str = "channel", user: Any = None) -> None:
    for room in ROOMS:
        Room.objects.add(room, channel, user)


@contextmanager
def unavailable(alias: str) -> Iterator[None]:
    """Makes a database refuse connections, and ends those that it has."""
    name = connections[alias].settings_dict["NAME"]
    with connections["default"]._nodb_cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@asynccontextmanager
async def aunavailable(alias: str) -> AsyncIterator[None]:
    context = unavailable(alias)
    await sync_to_async(context.__enter__)()
    try:
        yield
    finally:
        await sync_to_async(context.__exit__)(None, None, None)


# Consumers


@all_kinds
async def test_a_connection_joins_is_touched_and_leaves_in_the_databases_of_its_rooms(chat: Any) -> None:
    client = await client_of(chat, *ROOMS)
    assert await in_thread(present) == EVERYWHERE
    await client("leave_room", "acme-1")
    assert await in_thread(present) == {"default": ["lobby"], "blue": ["blue-1"]}
    await client.disconnect()
    assert await in_thread(present) == {}


@both
async def test_a_touch_is_recorded_in_all_databases_of_the_connection(chat: Any) -> None:
    client = await client_of(chat, "acme-1", "blue-1")
    assert await client("touch_presence", "busy") == 2
    assert await in_thread(partial(events, "acme")) == ["join acme-1", "touch acme-1"]
    assert await in_thread(partial(events, "blue")) == ["join blue-1", "touch blue-1"]
    await client.disconnect()


@both
async def test_a_connection_leaves_a_room_that_other_code_joined(chat: Any) -> None:
    client = await client_of(chat, "acme-1")
    await sync_to_async(Room.objects.add)("blue-1", client.channel)
    await client("leave_room", "blue-1")
    assert await in_thread(present) == {"acme": ["acme-1"]}
    await client.disconnect()


@both
async def test_a_connection_that_has_joined_nothing_is_touched_in_all_databases(chat: Any) -> None:
    client = await client_of(chat)
    await sync_to_async(join_everywhere)(client.channel)
    assert await client("touch_presence") == 3
    await client.disconnect()


@hand_made
async def test_a_message_touches_a_connection_that_another_process_joined(chat: Any) -> None:
    client = await client_of(chat)
    await sync_to_async(join_everywhere)(client.channel)
    await client("nothing")
    assert await in_thread(partial(events, "blue")) == ["join blue-1", "touch blue-1"]
    await client.disconnect()
    assert await in_thread(present) == {}


@both
async def test_a_connection_is_healed_in_the_database_of_its_room(chat: Any) -> None:
    client = await client_of(chat, "acme-1", "blue-1")
    await fall_silent(client)
    await Room.objects.db_manager("acme").aprune_presences(60)
    await beat("acme")
    await until(lambda: not live_loop.current().tasks)
    assert await in_thread(present) == {"acme": ["acme-1"], "blue": ["blue-1"]}
    await client.disconnect()


@hand_made
async def test_a_message_heals_a_connection_in_the_databases_of_its_rooms(chat: Any) -> None:
    client = await client_of(chat, *ROOMS)
    assert await Room.objects.aprune_presences(0) == 3
    await client("nothing")
    assert await in_thread(present) == EVERYWHERE
    await client.disconnect()


async def beat(alias: str) -> None:
    here = live_loop.current().database(alias)
    assert await in_thread(registry.registration(asyncio.get_running_loop(), alias).beat)
    await here.reviewer.review(await here.heartbeat.compare())


async def fall_silent(client: Client) -> None:
    for alias in CLUSTERS:
        await sync_to_async(age_presences)(61, using=alias, channel_name=client.channel)
    connection = client.consumer._presence
    connection.mark_seen(connection.stays(), Stopwatch(ago=61))


def moved(room: str) -> str:
    """The function after all rooms were moved."""
    return "blue"


@both
async def test_a_room_is_moved_by_pruning_it_in_its_old_database(chat: Any, settings: Any) -> None:
    client = await client_of(chat, "acme-1")
    settings.CHANNELS_PRESENCE_DATABASE = f"{__name__}.moved"
    await sync_to_async(Room.named("acme-1", using="acme").prune_presences)(0)
    assert await client.closed_with() == EVICTED
    await client.disconnect()
    client = await client_of(chat, "acme-1")
    assert await in_thread(present) == {"blue": ["acme-1"]}
    await client.disconnect()


@all_kinds
async def test_a_connection_leaves_in_the_database_of_its_join_after_the_room_was_moved(
    chat: Any, settings: Any
) -> None:
    client = await client_of(chat, "acme-1", "acme-2")
    settings.CHANNELS_PRESENCE_DATABASE = f"{__name__}.moved"
    await client("leave_room", "acme-1")
    assert await in_thread(present) == {"acme": ["acme-2"]}
    await client.disconnect()
    assert await in_thread(present) == {}


# Calls


def test_calls_with_a_room_act_in_its_database(user: Any) -> None:
    rooms = [Room.objects.add(room, "channel", user) for room in ROOMS]
    assert [room._state.db for room in rooms] == [*CLUSTERS]
    assert present() == EVERYWHERE
    assert [len(Room.objects.present(room)) for room in ROOMS] == [1, 1, 1]
    assert [[member.user for member in Room.named(room).members()] for room in ROOMS] == [[user]] * 3
    assert_present("acme-1", user)
    Room.objects.remove("acme-1", "channel")
    Room.named("blue-1").remove_presence("channel")
    assert present() == {"default": ["lobby"]}


async def test_coroutines_with_a_room_act_in_its_database(user: Any) -> None:
    for room in ROOMS:
        await Room.objects.aadd(room, "channel", user)
    assert await in_thread(present) == EVERYWHERE
    assert [len(await Room.objects.apresent(room)) for room in ROOMS] == [1, 1, 1]
    await Room.objects.aremove("acme-1", "channel")
    assert await in_thread(present) == {"default": ["lobby"], "blue": ["blue-1"]}


def test_an_instance_without_a_database_acts_in_that_of_its_name(user: Any) -> None:
    room = Room(channel_name="acme-1")
    room.add_presence("1", user)
    room.add_presence("2")
    assert [member.user for member in room.members()] == [user]
    assert list(room.get_users()) == [user]
    assert room.counts() == (2, 1, 1)
    room.remove_presence("1")
    assert room.get_anonymous_count() == 1
    assert room.prune_presences(0) == 1
    room.delete()
    assert events("acme") == ["join acme-1", "join acme-1", "leave acme-1", "prune acme-1", "prune acme-1"]


def test_a_database_that_the_caller_names_comes_first() -> None:
    Room.objects.db_manager("blue").add("acme-1", "channel")
    assert present() == {"blue": ["acme-1"]}
    Room.named("acme-1", using="blue").remove_presence("channel")
    assert present() == {}


WITHOUT_A_ROOM: dict[str, Callable[[Any], int]] = {
    "touch": lambda user: Presence.objects.touch("channel"),
    "touch with data": lambda user: Presence.objects.touch("channel", "busy"),
    "leave_all": lambda user: Presence.objects.leave_all("channel"),
    "leave_user": lambda user: Presence.objects.leave_user(user, "banned"),
    "prune_presences": lambda user: Room.objects.prune_presences(0),
    "atouch": lambda user: async_to_sync(Presence.objects.atouch)("channel"),
    "atouch with data": lambda user: async_to_sync(Presence.objects.atouch)("channel", "busy"),
    "aleave_all": lambda user: async_to_sync(Presence.objects.aleave_all)("channel"),
    "aleave_user": lambda user: async_to_sync(Presence.objects.aleave_user)(user, "banned"),
    "aprune_presences": lambda user: async_to_sync(Room.objects.aprune_presences)(0),
    "the task prune_presences": lambda user: int(tasks.prune_presences(0)),
}


def test_calls_without_a_room_act_in_all_databases(user: Any) -> None:
    for name, call in WITHOUT_A_ROOM.items():
        join_everywhere(user=user)
        before = [len(events(alias)) for alias in CLUSTERS]
        assert call(user) == 3, name
        assert [len(events(alias)) for alias in CLUSTERS] == [count + 1 for count in before], name


def test_they_act_in_the_others_if_one_fails(user: Any) -> None:
    with unavailable("acme"):
        for name, call in WITHOUT_A_ROOM.items():
            for room in ("lobby", "blue-1"):
                Room.objects.add(room, "channel", user)
            before = [len(events(alias)) for alias in ("default", "blue")]
            with pytest.raises(OperationalError) as raised:
                call(user)
            assert raised.value.__notes__ == ["This was in the database 'acme'. 2 of 3 databases had no error."], name
            assert [len(events(alias)) for alias in ("default", "blue")] == [count + 1 for count in before], name


async def test_coroutines_do_not_wait_in_the_others_for_one_that_is_unavailable(settings: Any) -> None:
    await sync_to_async(join_everywhere)()
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 3600

    async def is_present() -> bool:
        return await Presence.objects.using("blue").aexists() or await Presence.objects.aexists()

    async with aunavailable("acme"):
        leaving = asyncio.create_task(Presence.objects.aleave_all("channel"))
        async with asyncio.timeout(30):
            while await is_present():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not leaving.done()
    assert await leaving == 3


@all_kinds
async def test_a_connection_that_ends_leaves_in_the_others_if_one_is_unavailable(
    chat: Any, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 0.1
    client = await client_of(chat, "acme-1", "blue-1", "lobby")
    async with aunavailable("acme"):
        with caplog.at_level("CRITICAL"):
            if chat in CHATS:
                await client.disconnect()
            else:
                with pytest.raises((OperationalError, NotRecordedInTime)):
                    await client.disconnect()
    assert await sync_to_async(Presence.objects.using("blue").exists)() is False
    assert await sync_to_async(Presence.objects.using("default").exists)() is False


def test_who_is_online_is_asked_in_the_database_of_the_room_or_in_all(user: Any, other_user: Any) -> None:
    Room.objects.add("blue-1", "channel", user)
    users = [user, other_user]
    assert Presence.objects.is_online(users) == {user: True, other_user: False}
    assert Presence.objects.is_online(users, "blue-1") == {user: True, other_user: False}
    assert Presence.objects.is_online(users, Room.named("blue-1")) == {user: True, other_user: False}
    assert Presence.objects.is_online(users, "blue-2") == {user: False, other_user: False}
    assert Presence.objects.db_manager("acme").is_online(users) == {user: False, other_user: False}


def test_empty_rooms_and_expired_leases_are_removed_from_all_databases() -> None:
    join_everywhere()
    Presence.objects.leave_all("channel")
    assert Room.objects.prune_rooms() == 3
    join_everywhere()
    Presence.objects.leave_all("channel")
    assert async_to_sync(Room.objects.aprune_rooms)() == 3
    for alias in CLUSTERS:
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "INSERT INTO presence_event (kind, room, process) VALUES ('touch', '', 'gone');"
                "ALTER TABLE presence_process DISABLE TRIGGER ALL;"
                "UPDATE presence_process SET seen_at = seen_at - interval '2 days';"
                "ALTER TABLE presence_process ENABLE TRIGGER ALL"
            )
    assert Process.objects.end_expired_leases() == 3


def test_a_user_who_is_deleted_leaves_all_rooms(user: Any) -> None:
    join_everywhere(user=user)
    user.delete()
    assert present() == {}


def test_a_choice_that_is_no_database_records_nothing(settings: Any) -> None:
    for call in (
        lambda: Room.objects.add("elsewhere-1", "channel"),
        lambda: async_to_sync(Room.objects.aadd)("elsewhere-1", "channel"),
        lambda: Room.named("elsewhere-1"),
    ):
        with pytest.raises(InvalidDatabase):
            call()
    assert [events(alias) for alias in CLUSTERS] == [[], [], []]


# Rosters, and what runs beside the servers


async def test_a_roster_is_read_from_the_database_of_its_room(user: Any) -> None:
    await Room.objects.aadd("acme-1", "channel", user)
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(json.loads(message["text"]))

    for permit in (lambda socket: socket.observe("acme-1"), lambda socket: socket.allow("acme-1", "channel")):
        sent.clear()
        socket = RosterSocket(Roster(grace=0), {}, send)
        permit(socket)
        await socket.receive('{"type": "presence.follow", "version": 1, "room": "acme-1", "mark": null}')
        await until(lambda: sent)
        assert [member["id"] for member in sent[0]["members"]] == [str(user.pk)]
        socket.close()


def test_a_roster_for_a_request_is_read_from_the_database_of_its_room(user: Any, django_user_model: Any) -> None:
    class Open(RosterView):
        def may_see(self, request: Any, room: str) -> bool:
            return True

    def ask(**query: str) -> Any:
        request = RequestFactory().get("/", query)
        request.user = user
        return json.loads(Open.as_view()(request, room="acme-1").content)

    for number in range(5):
        other = django_user_model.objects.create_user(f"other {number}")
        Room.objects.add("acme-1", f"other-{number}", other)
    Room.objects.add("acme-1", "channel", user)
    snapshot = ask()
    assert snapshot["people"] == 6
    Room.objects.remove("acme-1", "channel")
    diff = ask(since=snapshot["mark"])
    assert (diff["type"], diff["left"]) == ("presence.diff", [str(user.pk)])


async def test_a_server_prunes_in_all_databases_from_its_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(in_server, "is_test_database", lambda connection: False)
    monkeypatch.setattr(in_server.InServer, "start", lambda self: started.append(self._using))
    in_server.connect()
    try:
        await sync_to_async(request_started.send)(sender=None)
        await until(lambda: started == [*CLUSTERS])
    finally:
        in_server.disconnect()


@pytest.mark.usefixtures("maintained_log")
def test_the_task_for_the_log_maintains_all_databases() -> None:
    before = {alias: Segment.objects.using(alias).count() for alias in CLUSTERS}
    tasks.maintain_log()
    after = {alias: Segment.objects.using(alias).count() for alias in CLUSTERS}
    assert [alias for alias in CLUSTERS if after[alias] > before[alias]] == [*CLUSTERS], (before, after)
