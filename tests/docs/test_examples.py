"""The examples of the documentation run, and do what the text around them says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.testing import WebsocketCommunicator
from django.db import connection

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.models import Presence, Room
from projections.signals import presence_changed
from tests.fold import fold, live
from tests.time import age_presences

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.django_db(transaction=True)


def blocks(document: str, language: str) -> list[str]:
    """The fenced code of ``document`` in ``language``, in order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(document: str) -> dict[str, Any]:
    """What all Python of ``document`` defines, in one namespace."""
    namespace: dict[str, Any] = {}
    for block in blocks(document, "python"):
        exec(compile(block, document, "exec"), namespace)  # noqa: S102
    return namespace


@pytest.fixture
def lobby(user: Any) -> Room:
    return Room.objects.add("lobby", "somebody", user)


class _Forwarding:
    """Takes what the receiver of docs/usage.md sends to the group."""

    def presence(self, message: Any) -> None: ...


class _AsyncForwarding:
    async def presence(self, message: Any) -> None: ...


async def _visit(consumer: type[AsyncConsumer], user: Any) -> None:
    forwarding = _Forwarding if issubclass(consumer, SyncConsumer) else _AsyncForwarding
    visited = type(consumer.__name__, (forwarding, consumer), {})
    communicator = WebsocketCommunicator(visited.as_asgi(), "/")
    communicator.scope["user"] = user
    assert (await communicator.connect())[0]
    await communicator.send_to(text_data='"heartbeat"')
    await communicator.send_to(text_data='"hello"')
    await communicator.disconnect()


@pytest.mark.parametrize(
    ("document", "consumers"),
    [("README.md", ["ChatConsumer"]), ("docs/usage.md", ["ChatConsumer", "AsyncChatConsumer"])],
)
async def test_the_consumers_join_touch_and_leave(
    document: str, consumers: list[str], lobby: Room, other_user: Any
) -> None:
    namespace = await sync_to_async(run)(document)
    for name in consumers:
        await _visit(namespace[name], other_user)
    kinds = [event.kind async for event in PresenceEvent.objects.filter(user=other_user).order_by("id")]
    assert kinds == ["join", "touch", "touch", "leave"] * len(consumers)
    for receiver in ("broadcast_presence", "hang_up"):
        presence_changed.disconnect(namespace.get(receiver))


async def test_who_was_pruned_is_hung_up_on(lobby: Room, user: Any) -> None:
    namespace = await sync_to_async(run)("docs/usage.md")
    presence_changed.disconnect(namespace["broadcast_presence"])
    communicator = WebsocketCommunicator(namespace["PatientConsumer"].as_asgi(), "/")
    communicator.scope["user"] = user
    assert (await communicator.connect())[0]
    await communicator.send_to(text_data="here")
    await communicator.receive_from()
    assert await Room.objects.aprune_presences(0) == 2
    assert await communicator.receive_output() == {"type": "websocket.close", "code": 4408}
    await communicator.disconnect()
    presence_changed.disconnect(namespace["hang_up"])


def test_the_query_of_the_readme_finds_who_was_there_and_who_still_is(user: Any, other_user: Any) -> None:
    day = 24 * 3600
    for channel, who in [("gone", user), ("here", other_user)]:
        Room.objects.add("lobby", channel, who)
    age_presences("gone", "here", seconds=day)
    Room.objects.prune_presences(60)
    Room.objects.prune_rooms()
    Room.objects.add("lobby", "here", other_user)
    age_presences("here", seconds=2 * day)
    (block,) = blocks("README.md", "sql")
    with connection.cursor() as cursor:
        cursor.execute(block)
        found = cursor.fetchall()
    assert sorted((who == user.pk, ended_by) for who, _, _, ended_by in found) == [
        (False, "prune"),
        (False, "still there"),
        (True, "prune"),
    ]


def test_plain_sql_ends_a_stay() -> None:
    record([Draft("join", "lobby", "specific.abc!def")])
    (block,) = blocks("docs/usage.md", "sql")
    with connection.cursor() as cursor:
        cursor.execute(block)
        assert len(cursor.fetchall()) == 1
    assert not Presence.objects.exists()


def test_old_events_are_forgotten_and_the_present_stays_replayable() -> None:
    record([Draft("join", "lobby", channel) for channel in ("gone", "here")])
    age_presences("gone", "here", seconds=3 * 366 * 24 * 3600)
    record([Draft("leave", "lobby", "gone"), Draft("join", "hall", "gone"), Draft("leave", "hall", "gone")])
    Room.objects.prune_rooms()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE presence_event SET at = at - interval '3 years' WHERE at > now() - interval '1 day'")
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")
    (block,) = blocks("docs/guarantees.md", "sql")
    with connection.cursor() as cursor:
        cursor.execute(block)
    assert list(PresenceEvent.objects.values_list("channel_name", flat=True)) == ["here"]
    Presence.objects.touch("here")
    _, presences = live()
    assert fold(PresenceEvent.objects.order_by("id"))[1] == presences


def test_every_test_that_the_guarantees_name_exists() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "concurrency").glob("*.py"))
    named = re.findall(r"`(test_\w+?)(?:_?\.\.\.)?`", (ROOT / "docs/guarantees.md").read_text(encoding="utf-8"))
    assert len(named) > 8
    for name in named:
        assert f"def {name}" in tests, name


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document}: {target}"
