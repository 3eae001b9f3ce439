"""The examples of the documentation run, and do what the text around them describes."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.consumer import AsyncConsumer
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.management import call_command, load_command_class
from django.db import connection, transaction
from django.utils import timezone

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, arecord, record
from projections.models import Presence, Room
from projections.signals import person_joined, person_left, presence_changed, presence_updated
from tests.backdating import Stay, write
from tests.communicator import PATIENCE, WebsocketCommunicator
from tests.docs.pages import NOON, blocks, run
from tests.projections.rosters.pages import Page, roster_of
from tests.sites import Site
from tests.waiting import until

QUERY = "PresenceSession.objects"
USAGE = tuple(
    f"docs/howto/{page}.md"
    for page in (
        *("consumers", "decorators", "heartbeats", "pruning", "capacity", "who"),
        *("deleting", "foreign-keys", "signals", "group-commit", "testing"),
    )
)
"""The pages about consumers, signals and queries. Their code is run in one namespace."""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lobby(user: Any) -> Room:
    return Room.objects.add("lobby", "somebody", user)


@pytest.fixture
async def usage(lobby: Room) -> AsyncIterator[dict[str, Any]]:
    """Returns the names of the pages in `USAGE`. Its receivers are connected during the test."""
    namespace = await sync_to_async(run)(*USAGE)
    yield namespace
    disconnect(namespace)
    presence_changed.for_worker("billing").disconnect(namespace["bill"])


def disconnect(namespace: dict[str, Any]) -> None:
    """Disconnects the receivers of a document, which tests call themselves."""
    for receiver in ("broadcast_presence", "close_pruned"):
        presence_changed.disconnect(namespace.get(receiver))
    presence_updated.disconnect(namespace.get("broadcast_status"))
    for signal in person_joined, person_left:
        signal.disconnect(namespace.get("announce"))


async def _visit(consumer: type[AsyncConsumer], user: Any) -> None:
    communicator = WebsocketCommunicator(consumer.as_asgi(), "/")
    communicator.scope["user"] = user
    assert (await communicator.connect())[0]
    await communicator.send_to(text_data='"heartbeat"')
    await communicator.send_to(text_data='"hello"')
    await communicator.disconnect()


async def test_the_consumer_of_the_readme_joins_and_leaves(lobby: Room, other_user: Any) -> None:
    namespace = await sync_to_async(run)("README.md")
    await _visit(namespace["ChatConsumer"], other_user)
    assert await _kinds(other_user) == ["join", "leave"]


async def test_the_consumers_of_the_documentation_join_and_leave(
    usage: dict[str, Any], lobby: Room, other_user: Any
) -> None:
    await _visit(usage["ChatConsumer"], other_user)
    assert await _kinds(other_user) == ["join", "leave"]


async def test_the_rosters_of_the_documentation_show_people(user: Any, other_user: Any) -> None:
    namespace = await sync_to_async(run)("docs/howto/rosters.md", "docs/howto/rosters-access.md")
    page = await Page(namespace["ActiveTeamConsumer"], user, "team").open()
    assert page.names() == [user.get_username()]
    await page.socket.send_json_to({"type": "presence.activity", "room": "team", "activity": "idle"})
    window = await Page(namespace["LobbyWindow"], other_user, "team").open()
    assert window.names() == [user.get_username()]
    lesson = roster_of(namespace["TeamConsumer"], namespace["ClassRoster"](grace=0))
    pupil = await Page(lesson, other_user, "team").open()
    assert pupil.names() == [user.get_username(), other_user.get_username()]
    await Presence.objects.atouch((await Presence.objects.aget(user=user)).channel_name, {"invisible": True})
    await until(lambda: pupil.names() == [other_user.get_username()])
    for each in (page, window, pupil):
        await each.close()


@pytest.mark.parametrize("name", ["DecoratedConsumer", "AsyncDecoratedConsumer"])
async def test_the_decorated_consumers_join_touch_and_leave(
    name: str, usage: dict[str, Any], lobby: Room, other_user: Any
) -> None:
    await _visit(usage[name], other_user)
    assert await _kinds(other_user) == ["join", "touch", "touch", "leave"]


async def test_the_test_of_the_documentation_passes(usage: dict[str, Any], user: Any) -> None:
    presence_changed.disconnect(usage["close_pruned"])  # it is for consumers without a mixin
    await Room.objects.aremove("lobby", "somebody")
    await usage["test_a_silent_tab_is_pruned"](user)


async def test_only_its_worker_calls_a_receiver_with_a_worker_of_its_own(usage: dict[str, Any], lobby: Room) -> None:
    assert presence_changed.for_worker("billing").receivers_for(Room) == [usage["bill"]]
    assert usage["bill"] not in presence_changed.receivers_for(Room)


async def test_a_status_is_broadcast(usage: dict[str, Any], lobby: Room) -> None:
    layer = get_channel_layer()
    await Room.objects.aadd("lobby", channel := await layer.new_channel())
    received = [await layer.receive(channel)]
    await Presence.objects.atouch(channel, {"status": "away"})
    received.append(await layer.receive(channel))
    assert received[-1] == {"type": "presence", "channel": channel, "data": {"status": "away"}}


async def _kinds(user: Any) -> list[str]:
    return [event.kind async for event in PresenceEvent.objects.filter(user=user).order_by("id")]


async def test_a_pruned_connection_is_closed(usage: dict[str, Any], lobby: Room, user: Any) -> None:
    presence_changed.disconnect(usage["broadcast_presence"])
    communicator = WebsocketCommunicator(usage["ClosableConsumer"].as_asgi(), "/")
    communicator.scope["user"] = user
    assert (await communicator.connect())[0]
    await communicator.send_to(text_data="here")
    await communicator.receive_from()
    assert await Room.objects.aprune_presences(0) == 2
    assert await communicator.receive_output() == {"type": "websocket.close", "code": 4408}
    await communicator.disconnect()


async def test_a_connection_that_an_operator_removed_is_closed(usage: dict[str, Any], lobby: Room, user: Any) -> None:
    presence_changed.disconnect(usage["broadcast_presence"])
    close = (await sync_to_async(run)("docs/howto/admin.md"))["close_ended_by_operator"]
    communicator = WebsocketCommunicator(usage["ClosableConsumer"].as_asgi(), "/")
    communicator.scope["user"] = user
    assert (await communicator.connect())[0]
    await communicator.send_to(text_data="here")
    await communicator.receive_from()
    there = await Presence.objects.aget(user=user, channel_name__startswith="specific")
    draft = Draft("leave", there.room_id, there.channel_name, session=there.pk, data={"by": "ada", "reason": None})
    await arecord([draft])
    assert await communicator.receive_output() == {"type": "websocket.close", "code": 4408}
    await communicator.disconnect()
    presence_changed.disconnect(close)


async def test_a_meeting_is_full_and_an_exam_has_one_tab_for_each_person(
    usage: dict[str, Any], lobby: Room, user: Any
) -> None:
    disconnect(usage)
    for number in range(29):
        await Room.objects.aadd("meeting", f"{number}")
    first = await _joined(usage["MeetingConsumer"], user, "meeting")
    refused = await _open(usage["MeetingConsumer"], None)
    assert await refused.receive_json_from() == {"error": "full", "capacity": 30}
    assert await refused.receive_output() == {"type": "websocket.close", "code": 4001}
    second = await _open(usage["MeetingConsumer"], user)
    assert (await first.receive_output())["code"] == 4409
    exam = await _joined(usage["ExamConsumer"], user, "exam")
    other_tab = await _open(usage["ExamConsumer"], user)
    assert await other_tab.receive_output() == {"type": "websocket.close", "code": 4002}
    for communicator in (first, refused, second, exam, other_tab):
        await communicator.disconnect()


async def test_a_consumer_answers_messages_that_are_not_valid(usage: dict[str, Any], lobby: Room) -> None:
    communicator = WebsocketCommunicator(usage["StatusConsumer"].as_asgi(), "/")
    communicator.scope["user"] = None
    assert (await communicator.connect())[0]
    for text in ("{", "1" * 5000, "[" * 200_000 + "]" * 200_000, "null"):
        await communicator.send_to(text_data=text)
        assert await communicator.receive_json_from() == {"error": "Send JSON."}
    await communicator.send_json_to("x" * 10_000)
    assert "the limit is 8192" in (await communicator.receive_json_from())["error"]
    await communicator.disconnect()


async def _open(consumer: Any, user: Any) -> WebsocketCommunicator:
    """Returns a connection of the README's consumer or of one that joins the lobby like it."""
    communicator = WebsocketCommunicator(consumer.as_asgi(), "/")
    communicator.scope["user"] = user
    assert (await communicator.connect())[0]
    return communicator


async def _joined(consumer: Any, user: Any, room: str) -> WebsocketCommunicator:
    """Opens a connection, and waits until it has joined: the consumer may accept its socket before."""
    communicator = await _open(consumer, user)
    async with asyncio.timeout(PATIENCE):
        while not await Presence.objects.filter(room__channel_name=room, user=user).aexists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return communicator


async def test_the_sockets_of_a_user_are_closed_before_the_user_is_deleted(
    usage: dict[str, Any], lobby: Room, other_user: Any
) -> None:
    disconnect(usage)
    communicator = await _joined(usage["ChatConsumer"], other_user, "lobby")
    presences = Presence.objects.filter(user=other_user)
    key = other_user.pk
    await sync_to_async(usage["prune"])(presences)
    closed = await communicator.receive_output()
    assert (closed["type"], closed["code"]) == ("websocket.close", 4408)
    await sync_to_async(other_user.delete)()
    await communicator.disconnect()
    assert [event.kind async for event in PresenceEvent.objects.filter(user_id=key)] == ["join", "prune"]


async def test_the_socket_of_a_deleted_user_stays_open_and_can_join_again(
    usage: dict[str, Any], lobby: Room, other_user: Any
) -> None:
    class Rejoining(usage["ChatConsumer"]):  # type: ignore[misc]
        async def receive_json(self, content: str) -> None:
            await self.join_room(content)
            await self.send_json("joined")

    disconnect(usage)
    communicator = await _joined(Rejoining, other_user, "lobby")
    user_model = get_user_model()
    same_user = await user_model._default_manager.aget(pk=other_user.pk)
    await sync_to_async(same_user.delete)()
    assert await Presence.objects.filter(room=lobby).acount() == 1
    await communicator.send_json_to("lobby")
    assert await communicator.receive_json_from() == "joined"

    def look() -> tuple[Any, ...]:
        ghost = lobby.presence_set.get(user_id=other_user.pk)
        with pytest.raises(user_model.DoesNotExist):
            _ = ghost.user
        return list(lobby.get_users().values_list("username", flat=True)), lobby.get_anonymous_count()

    assert await sync_to_async(look)() == (["ada"], 0)
    await communicator.disconnect()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("README.md", [["early"], ["early", "late"]]),
        ("docs/howto/who.md", [["early"], ["early", "somebody-else"], ["early", "late"]]),
    ],
)
def test_the_queries_of_the_past_return_stays(document: str, expected: list[list[str]], lobby: Room) -> None:
    namespace = run(document)
    disconnect(namespace)
    alice = namespace["alice"]
    write(
        Stay("lobby", "early", alice, NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)),
        Stay("hall", "late", alice, NOON + timedelta(minutes=5), NOON + timedelta(minutes=6)),
        Stay("lobby", "somebody-else", None, NOON + timedelta(minutes=5)),
    )
    queries = [line for block in blocks(document, "python") for line in block.splitlines() if line.startswith(QUERY)]
    answers = [[stay.channel_name for stay in eval(line, namespace)] for line in queries]  # noqa: S307
    assert answers == expected


def test_the_query_of_the_readme_returns_the_occupancy(user: Any) -> None:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    write(Stay("lobby", "1", user, midnight - timedelta(hours=2), midnight - timedelta(hours=1.5)))
    (block,) = blocks("README.md", "sql")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
        cursor.execute(block)
        found = cursor.fetchall()
    assert len(found) == 24
    assert found[22][1:] == (1, 1, 0.5, 1, 1, 0.5)
    assert found[21][1:] == (0, 0, 0.0, 0, 0, 0.0)


def test_a_receiver_can_recognise_signals_that_are_sent_again() -> None:
    namespace = run("docs/operations/replay.md")
    presence_changed.disconnect(namespace["greet"])
    assert namespace["greet"](Room, None, None, replayed=True) is None


def test_plain_sql_ends_a_stay() -> None:
    record([Draft("join", "lobby", "specific.abc!def")])
    (block,) = blocks("docs/reference/tables.md", "sql")
    with connection.cursor() as cursor:
        cursor.execute(block)
        assert len(cursor.fetchall()) == 1
    assert not Presence.objects.exists()


def test_presence_can_be_emptied_without_flush(site: Site) -> None:
    (commands,) = [block for block in blocks("docs/howto/deleting.md", "console") if "zero" in block]
    site.configure()
    site.run("""
        from django.core.management import call_command
        from projections.models import Room
        call_command("migrate", verbosity=0)
        Room.objects.add("lobby", "tab")
    """)
    flushed = site.manage("flush", "--no-input")
    assert flushed.returncode
    assert "be flushed" in flushed.stderr
    for command in commands.splitlines():
        done = site.manage(*command.removeprefix("python manage.py ").split())
        assert (done.returncode, done.stderr) == (0, "")
    printed = site.run("""
        from presence_events.models import PresenceEvent
        from projections.models import Room
        print(PresenceEvent.objects.count(), Room.objects.add("lobby", "tab").presence_set.count())
    """)
    assert printed == "0 1\n"


def test_the_setting_and_the_commands_of_retention_are_right(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = run("docs/operations/retention.md")["CHANNELS_PRESENCE_RETENTION"]
    assert "presence_events.E006" not in [message.id for message in run_checks()]
    lines = [line for block in blocks("docs/operations/retention.md", "console") for line in block.splitlines()]
    assert len(lines) == 6
    for line in lines:
        _, command, *arguments = shlex.split(line)
        load_command_class("projections", command).create_parser("manage.py", command).parse_args(arguments)
        if {"--dry-run", "--hold", "--release"} & set(arguments):
            call_command(command, *arguments)
    assert "The hold 'case 7' is released." in capsys.readouterr().out
