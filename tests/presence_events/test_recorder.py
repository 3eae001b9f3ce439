"""Recording events, with and without signals."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, connection, transaction

from presence_events import exceptions
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, Selection, arecord, record, record_select
from presence_events.signals import aevents_committed, events_committed
from projections.models import Presence
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def committed() -> Iterator[list[list[PresenceEvent]]]:
    received: list[list[PresenceEvent]] = []

    def receive(events: list[PresenceEvent], **kwargs: Any) -> None:
        received.append(events)

    async def areceive(events: list[PresenceEvent], **kwargs: Any) -> None:
        received.append(events)

    events_committed.connect(receive)
    aevents_committed.connect(areceive)
    yield received
    events_committed.disconnect(receive)
    aevents_committed.disconnect(areceive)


def test_an_event_comes_back_complete(user: Any) -> None:
    (event,) = record([Draft("join", "room", "channel", user, {"status": "away"})])
    stored = PresenceEvent.objects.get()
    for field in PresenceEvent._meta.concrete_fields:
        assert getattr(event, field.attname) == getattr(stored, field.attname), field
    assert (event.kind, event.room, event.channel_name, event.user_id) == ("join", "room", "channel", user.pk)
    assert event.data == {"status": "away"}
    assert event.since == event.at
    assert event.last_seen is None
    assert isinstance(event.tx, int)


def test_the_user_of_a_draft_is_attached_without_a_query(user: Any, django_assert_num_queries: Any) -> None:
    (event,) = record([Draft("join", "room", "channel", user)])
    with django_assert_num_queries(0):
        assert event.user is user


def test_a_call_is_one_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        events = record([Draft("join", f"room{number % 7}", f"channel{number}") for number in range(100)])
    assert len(events) == 100
    assert_live_is_the_fold()


def test_drafts_are_ordered_by_room_and_channel_and_each_connection_keeps_its_order() -> None:
    events = record(
        [
            Draft("join", "b", "x"),
            Draft("join", "a", "y"),
            Draft("leave", "b", "x"),
            Draft("join", "a", "B"),
            Draft("join", "b", "x"),
        ]
    )
    assert [str(event) for event in events] == ["join B a", "join y a", "join x b", "leave x b", "join x b"]
    assert [event.id for event in events] == sorted(event.id for event in events)


def test_an_event_that_changes_nothing_is_neither_recorded_nor_returned(log: Callable[[], list[str]]) -> None:
    record([Draft("join", "room", "channel")])
    for kind, channel in [("join", "channel"), ("touch", "other"), ("leave", "other"), ("prune", "other")]:
        assert record([Draft(kind, "room", channel)]) == []
    assert record([Draft("prune", "room", None)]) == []
    assert record([Draft("prune", "nowhere", None)]) == []
    assert log() == ["join channel room"]


def test_recording_no_drafts_needs_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert record([]) == []


def test_a_session_narrows_to_that_stay() -> None:
    (first,) = record([Draft("join", "room", "channel")])
    record([Draft("leave", "room", "channel")])
    (second,) = record([Draft("join", "room", "channel")])
    for kind in ("touch", "leave", "prune"):
        assert record([Draft(kind, "room", "channel", session=first.session)]) == []
    for kind in ("touch", "prune"):
        assert len(record([Draft(kind, "room", "channel", session=second.session)])) == 1


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (Draft("jump", "room", "channel"), exceptions.InvalidKind),
        (Draft("join", "a room", "channel"), exceptions.InvalidRoomName),
        (Draft("join", "room", ""), exceptions.InvalidChannelName),
        (Draft("join", "room", None), exceptions.InvalidChannelName),
        (Draft("touch", "room", None), exceptions.InvalidChannelName),
        (Draft("leave", "room", None), exceptions.InvalidChannelName),
        (Draft("join", "room", "channel", "ada"), exceptions.InvalidUser),
        (Draft("join", "room", "channel", None, {1, 2}), exceptions.InvalidData),
        (Draft("leave", "room", "channel", session=0), exceptions.InvalidSession),
        (Draft("leave", "room", "channel", session=2**63), exceptions.InvalidSession),
        (Draft("leave", "room", "channel", session="7"), exceptions.InvalidSession),  # type: ignore[arg-type]
    ],
)
def test_a_bad_draft_is_refused_before_anything_is_written(
    draft: Draft, error: type[Exception], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0), pytest.raises(error) as caught:
        record([Draft("join", "room", "good"), draft])
    assert isinstance(caught.value, ValueError)


def test_events_are_announced_once_after_the_commit_in_log_order(committed: list[list[PresenceEvent]]) -> None:
    with transaction.atomic():
        record([Draft("join", "b", "x"), Draft("join", "a", "x")])
        assert committed == []
    (events,) = committed
    assert [event.room for event in events] == ["a", "b"]


def test_a_rolled_back_event_is_neither_recorded_nor_announced(
    committed: list[list[PresenceEvent]], log: Callable[[], list[str]]
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record([Draft("join", "room", "channel")])
        1 / 0  # noqa: B018
    assert committed == []
    assert log() == []
    assert_live_is_the_fold()


def test_nothing_recorded_is_not_announced(committed: list[list[PresenceEvent]]) -> None:
    record([Draft("leave", "room", "channel")])
    assert committed == []


async def test_the_coroutine_records_and_announces(committed: list[list[PresenceEvent]]) -> None:
    (event,) = await arecord([Draft("join", "room", "channel")])
    assert committed == [[event]]
    assert await arecord([Draft("join", "room", "channel")]) == []
    assert await arecord([]) == []
    assert len(committed) == 1


async def test_coroutines_are_announced_in_the_order_of_the_log_room_by_room() -> None:
    received: list[PresenceEvent] = []
    chance = random.Random(3)

    async def receive_slowly(events: list[PresenceEvent], **kwargs: Any) -> None:
        for _ in range(chance.randrange(10)):
            await asyncio.sleep(0)
        received.extend(events)

    aevents_committed.connect(receive_slowly)
    await asyncio.gather(
        *(arecord([Draft("join", f"room{number % 3}", f"{number}")]) for number in range(60)),
        *(arecord([Draft("join", f"room{number}", f"both{number}") for number in range(3)]) for _ in range(3)),
    )
    aevents_committed.disconnect(receive_slowly)
    for room in ("room0", "room1", "room2"):
        positions = [event.id for event in received if event.room == room]
        assert positions == sorted(positions)
        assert len(positions) == 21


async def test_a_receiver_may_record() -> None:
    async def invite(events: list[PresenceEvent], **kwargs: Any) -> None:
        for event in events:
            if event.room == "lobby":
                await arecord([Draft("join", "hall", event.channel_name)])

    aevents_committed.connect(invite)
    await asyncio.gather(*(arecord([Draft("join", "lobby", f"{number}")]) for number in range(5)))
    aevents_committed.disconnect(invite)
    assert await PresenceEvent.objects.filter(room="hall").acount() == 5


async def test_a_call_is_completed_after_its_caller_was_cancelled() -> None:
    announced = asyncio.Event()

    async def receive(**kwargs: Any) -> None:
        announced.set()

    aevents_committed.connect(receive)
    caller = asyncio.create_task(arecord([Draft("join", "room", "channel")]))
    await asyncio.sleep(0)  # it has begun
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await announced.wait()
    aevents_committed.disconnect(receive)
    assert await PresenceEvent.objects.of_rooms().acount() == 1


def test_a_coroutine_run_inside_a_transaction_is_announced_with_it(committed: list[list[PresenceEvent]]) -> None:
    with transaction.atomic():
        async_to_sync(arecord)([Draft("join", "room", "channel")])
        assert committed == []
    assert len(committed) == 1


def test_a_failing_statement_records_nothing_of_the_call(log: Callable[[], list[str]]) -> None:
    with pytest.raises(DatabaseError):
        record_select(
            Selection(
                "SELECT kind, 'room', 'channel', NULL::{user_id}, NULL::jsonb, NULL::bigint "
                "FROM unnest('{{join,jump}}'::text[]) AS k (kind)"
            )
        )
    assert log() == []


def test_hostile_text_in_data_is_stored_unchanged(user: Any) -> None:
    data = {"'; DROP TABLE presence_event; --": '%s %(x)s {curly} \\ " \u202e 😀', "nested": [{"": None}]}
    (event,) = record([Draft("join", "room", "channel", user, data)])
    assert event.data == data
    assert PresenceEvent.objects.get().data == data


def test_times_come_from_the_clock_of_the_database(log: Callable[[], list[str]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (before,) = cursor.fetchone()
        (event,) = record([Draft("join", "room", "channel")])
        cursor.execute("SELECT clock_timestamp()")
        (after,) = cursor.fetchone()
    assert before <= event.at <= after


def test_quiet_coroutines_run_by_synchronous_code_are_in_its_transaction(log: Callable[[], list[str]]) -> None:
    record([Draft("join", "room", "channel")])
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert async_to_sync(Presence.objects.atouch)("channel") == 1
        1 / 0  # noqa: B018
    assert log() == ["join channel room"]


def test_without_time_zones_times_are_naive_like_those_of_django(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"
    settings.USE_TZ = False
    (event,) = record([Draft("join", "room", "channel")])
    assert event.at.tzinfo is None
    assert event.at == PresenceEvent.objects.get().at
