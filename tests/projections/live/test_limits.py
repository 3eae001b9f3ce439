"""Joins with limits: a capacity of the room, and one connection for each user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, IntegrityError, connection, transaction

from presence_events.exceptions import AlreadyPresent, InvalidCapacity, InvalidExclusive, RoomIsFull
from presence_events.models import PresenceEvent
from projections._live import joins
from projections._live.limits import LimitedJoin, Limits
from projections.consumers import REPLACED
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.projections.live.mixed import (
    CHATS,
    AsyncChat,
    beat,
    client_of,
    end_elsewhere,
    fall_silent,
    happened,
    in_group,
    present,
    reviews_done,
)
from tests.references import TO_PRESENCE, refer_to_presence, referring

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


def add(room: str, channel: str, user: Any = None, **limits: Any) -> None:
    Room.objects.add(room, channel, user, **limits)


def add_in_a_coroutine_of_synchronous_code(room: str, channel: str, user: Any = None, **limits: Any) -> None:
    async_to_sync(Room.objects.aadd)(room, channel, user, **limits)


def add_to_a_room(room: str, channel: str, user: Any = None, **limits: Any) -> None:
    Room.named(room).add_presence(channel, user, **limits)


each = pytest.mark.parametrize("join", [add, add_in_a_coroutine_of_synchronous_code, add_to_a_room])

Join = Callable[..., None]


def here() -> list[str]:
    assert_live_is_the_fold()
    return list(Presence.objects.order_by("channel_name").values_list("channel_name", flat=True))


def members(room: str) -> set[str]:
    layer: Any = get_channel_layer()
    return set(layer.groups.get(room, ()))


class TestCapacity:
    @each
    def test_the_room_has_at_most_that_many_people(self, join: Join) -> None:
        for channel in ("1", "2"):
            join("room", channel, capacity=2)
        with pytest.raises(RoomIsFull, match=r"Room room, capacity 2\.$") as caught:
            join("room", "3", capacity=2)
        assert (caught.value.room, caught.value.capacity) == ("room", 2)
        assert here() == ["1", "2"]
        assert members("room") == {"1", "2"}
        join("other", "3", capacity=2)
        Room.objects.remove("room", "1")
        join("room", "3", capacity=2)
        assert members("room") == {"2", "3"}

    @each
    def test_a_user_with_all_connections_is_one_person(self, join: Join, user: Any, other_user: Any) -> None:
        for channel in ("1", "2", "3"):
            join("room", channel, user, capacity=1)
        with pytest.raises(RoomIsFull):
            join("room", "4", other_user, capacity=1)
        join("room", "5", other_user, capacity=2)
        with pytest.raises(RoomIsFull):
            join("room", "6", capacity=2)
        assert here() == ["1", "2", "3", "5"]

    def test_each_anonymous_connection_is_one_person(self) -> None:
        add("room", "1", AnonymousUser(), capacity=2)
        add("room", "2", None, capacity=2)
        with pytest.raises(RoomIsFull):
            add("room", "3", AnonymousUser(), capacity=2)

    @each
    def test_the_same_connection_again_is_let_in_and_added_to_the_group(self, join: Join) -> None:
        join("room", "1", capacity=1)
        layer: Any = get_channel_layer()
        layer.groups.clear()
        join("room", "1", capacity=1)
        assert members("room") == {"1"}
        assert PresenceEvent.objects.of_rooms().count() == 1

    def test_joins_without_a_capacity_are_not_limited_and_count(self) -> None:
        add("room", "1", capacity=1)
        add("room", "2")
        with pytest.raises(RoomIsFull):
            add("room", "3", capacity=2)
        assert here() == ["1", "2"]

    def test_the_log_has_the_capacity_of_a_join(self) -> None:
        add("room", "1", capacity=30)
        add("room", "2")
        assert list(PresenceEvent.objects.order_by("id").values_list("capacity", flat=True)) == [30, None]

    @each
    def test_a_connection_that_becomes_another_user_keeps_its_stay_if_the_room_is_too_full(
        self, join: Join, user: Any
    ) -> None:
        """The leave of the stay and the join are one: neither is recorded."""
        for channel in ("1", "2", "3"):
            join("room", channel)
        with pytest.raises(RoomIsFull):
            join("room", "1", user, capacity=2)
        assert here() == ["1", "2", "3"]
        assert Presence.objects.get(channel_name="1").user is None
        join("room", "1", user, capacity=3)
        assert Presence.objects.get(channel_name="1").user == user

    @each
    def test_the_newest_connection_is_refused_and_the_old_one_remains_if_the_room_is_too_full(
        self, join: Join, user: Any
    ) -> None:
        join("room", "old", user)
        join("room", "other")
        with pytest.raises(RoomIsFull):
            join("room", "new", user, capacity=1, exclusive="newest")
        assert here() == ["old", "other"]
        join("room", "new", user, capacity=2, exclusive="newest")
        assert here() == ["new", "other"]

    @pytest.mark.parametrize("capacity", [0, "2"])
    async def test_an_invalid_capacity_is_refused_before_anything_is_written(self, capacity: Any) -> None:
        with pytest.raises(InvalidCapacity):
            await Room.objects.aadd("room", "1", capacity=capacity)
        assert not await PresenceEvent.objects.aexists()


class TestExclusive:
    @each
    def test_the_newest_connection_of_a_user_ends_the_others(
        self, join: Join, user: Any, other_user: Any, log: Callable[[], list[str]], signals: list[dict[str, Any]]
    ) -> None:
        join("room", "b", user)
        join("room", "c", user, exclusive="newest")
        join("room", "other", other_user, exclusive="newest")
        join("another", "b", user)
        join("room", "a", user, exclusive="newest")
        assert log() == [
            "join b room",
            "leave b room",
            "join c room",
            "join other room",
            "join b another",
            "leave c room",
            "join a room",
        ]
        assert members("room") == {"a", "other"}
        ends = PresenceEvent.objects.filter(kind="leave")
        assert {(end.user_id, end.data["reason"], end.is_exclusive) for end in ends} == {
            (user.pk, "replaced by another connection", True)
        }
        assert len(signals) == 7
        assert here() == ["a", "b", "other"]

    @each
    def test_the_oldest_connection_of_a_user_remains(self, join: Join, user: Any, other_user: Any) -> None:
        join("room", "1", user)
        with pytest.raises(AlreadyPresent, match=r"Room room\.$") as caught:
            join("room", "2", user, exclusive="oldest")
        assert caught.value.room == "room"
        join("room", "3", other_user, exclusive="oldest")
        join("another", "2", user, exclusive="oldest")
        join("room", "1", user, exclusive="oldest")
        assert members("room") == {"1", "3"}
        Room.objects.remove("room", "1")
        join("room", "2", user, exclusive="oldest")
        assert here() == ["2", "2", "3"]

    @each
    def test_a_user_who_is_present_comes_before_a_room_that_is_full(self, join: Join, user: Any) -> None:
        join("room", "1", user)
        join("room", "2")
        with pytest.raises(AlreadyPresent):
            join("room", "3", user, exclusive="oldest", capacity=2)
        with pytest.raises(RoomIsFull):
            join("another", "1", user, capacity=1)
            join("another", "2", exclusive="oldest", capacity=1)

    def test_anonymous_connections_are_not_limited(self) -> None:
        for channel in ("1", "2", "3"):
            add("room", channel, AnonymousUser(), exclusive="newest")
            add("room", f"{channel}-oldest", None, exclusive="oldest")
        assert len(here()) == 6
        assert not PresenceEvent.objects.filter(is_exclusive=True).exists()

    def test_later_joins_that_are_not_exclusive_are_not_limited(self, user: Any) -> None:
        add("room", "1", user, exclusive="newest")
        add("room", "2", user)
        assert here() == ["1", "2"]
        add("room", "1", user, exclusive="newest")
        assert here() == ["1", "2"], "the connection was present already"

    @each
    def test_a_connection_that_becomes_a_user_who_is_present_keeps_its_stay_or_ends_the_other(
        self, join: Join, user: Any
    ) -> None:
        join("room", "1", user)
        join("room", "2")
        with pytest.raises(AlreadyPresent):
            join("room", "2", user, exclusive="oldest")
        assert Presence.objects.get(channel_name="2").user is None
        join("room", "2", user, exclusive="newest")
        assert here() == ["2"]

    @each
    def test_a_stay_that_a_table_refers_to_is_not_ended(self, join: Join, user: Any) -> None:
        join("room", "1", user)
        with referring(TO_PRESENCE):
            refer_to_presence(Presence.objects.get().pk)
            with pytest.raises(IntegrityError, match="reference"):
                join("room", "2", user, exclusive="newest")
        assert here() == ["1"]

    def test_an_invalid_choice_is_refused_before_anything_is_written(self, user: Any) -> None:
        with pytest.raises(InvalidExclusive):
            add("room", "1", user, exclusive="first")  # type: ignore[arg-type]
        assert not PresenceEvent.objects.exists()

    def test_the_table_accepts_no_second_exclusive_stay(self, user: Any) -> None:
        """Not even from a role that bypasses the fold."""
        add("room", "1", user, exclusive="newest")
        with pytest.raises(IntegrityError, match="presence_exclusive"), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE presence_open_stay DISABLE TRIGGER USER")
            try:
                cursor.execute(
                    "INSERT INTO presence_open_stay "
                    "(id, room, channel_name, user_id, joined_at, touched_at, is_leased, exclusive_room) "
                    "SELECT id + 1, room, '2', user_id, joined_at, touched_at, false, room FROM presence_open_stay"
                )
            finally:
                cursor.execute("ALTER TABLE presence_open_stay ENABLE TRIGGER USER")


class TestTransactions:
    @pytest.mark.parametrize("is_statement_refused", [False, True])
    def test_a_transaction_goes_on_after_a_refusal(self, user: Any, is_statement_refused: bool) -> None:
        add("room", "1")
        add("room", "2")
        with transaction.atomic():
            with pytest.raises(RoomIsFull):
                add("room", "1" if is_statement_refused else "3", user, capacity=1)
            add("another", "3")
        assert here() == ["1", "2", "3"]

    def test_a_join_that_is_rolled_back_frees_its_place(self) -> None:
        with transaction.atomic():
            add("room", "1", capacity=1)
            transaction.set_rollback(True)
        add("room", "2", capacity=1)
        assert here() == ["2"]

    def test_another_error_of_the_database_is_raised_as_it_is(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE presence_open_stay ADD CONSTRAINT no_guests CHECK (user_id IS NOT NULL)")
            try:
                with pytest.raises(IntegrityError, match="no_guests"):
                    add("room", "1", capacity=1)
            finally:
                cursor.execute("ALTER TABLE presence_open_stay DROP CONSTRAINT no_guests")


class TestCoroutines:
    async def test_a_refusal_of_the_statement_reaches_its_caller_alone(self, user: Any) -> None:
        for channel in ("1", "2", "3"):
            await Room.objects.aadd("room", channel)
        results = await asyncio.gather(
            Room.objects.aadd("room", "1", user, capacity=2),
            Room.objects.aadd("another", "1", user, capacity=2),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [RoomIsFull, Room]
        assert await present() == [("another", "1"), ("room", "1"), ("room", "2"), ("room", "3")]

    async def test_a_place_that_is_free_again_when_the_caller_looks_is_taken(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the attempt and the look, the other person leaves."""
        await Room.objects.aadd("room", "1", capacity=1)
        look = joins.in_thread

        async def leave_first(check: Callable[[], bool]) -> bool:
            await Room.objects.aremove("room", "1")
            return await look(check)

        monkeypatch.setattr(joins, "in_thread", leave_first)
        await Room.objects.aadd("room", "2", capacity=1)
        assert await present() == [("room", "2")]


class TestTheLastAttempt:
    """What is raised if what was in the way is so no longer, each time a join looks."""

    def test_with_a_capacity(self) -> None:
        join = LimitedJoin("default", "room", "1", None, Limits(capacity=1))
        assert join.is_present(is_last_attempt=False) is False
        with pytest.raises(RoomIsFull):
            join.is_present(is_last_attempt=True)

    @pytest.mark.parametrize("capacity", [None, 1])
    def test_with_another_connection_of_the_user(self, user: Any, capacity: int | None) -> None:
        join = LimitedJoin("default", "room", "1", user, Limits(capacity, "newest"))
        add("room", "2", user)
        assert join.is_present(is_last_attempt=False) is False
        with pytest.raises(AlreadyPresent):
            join.is_present(is_last_attempt=True)

    def test_without_another_connection_of_the_user(self, user: Any) -> None:
        join = LimitedJoin("default", "room", "1", user, Limits(exclusive="oldest"))
        assert join.is_present(is_last_attempt=False) is False
        with pytest.raises(AlreadyPresent):
            join.is_present(is_last_attempt=True)

    def test_an_error_of_another_kind_is_raised_as_it_is(self) -> None:
        join = LimitedJoin("default", "room", "1", None, Limits(capacity=1))
        with pytest.raises(DatabaseError, match="not ours"):
            join.check(IntegrityError("not ours"))


class TestConsumers:
    @both
    async def test_a_connection_that_finds_the_room_full_goes_on_outside(self, chat: Any) -> None:
        first, second = await client_of(chat, "b"), await client_of(chat, "b")
        assert await first("join_limited", "a", 1, None) is None
        assert await second("join_limited", "a", 1, None) == "RoomIsFull"
        assert not in_group(second, "a")
        assert await second("touch_presence") == 1
        await beat()
        assert await second.open_and_quiet()
        await first.disconnect()
        assert await second("join_limited", "a", 1, None) is None
        await second.disconnect()

    @both
    async def test_the_older_connection_of_this_process_is_closed_at_once(self, chat: Any, user: Any) -> None:
        older = await client_of(chat, "a", "b", user=user)
        newer = await client_of(chat, user=user)
        assert await newer("join_limited", "a", None, "newest") is None
        assert await older.closed_with() == REPLACED == 4409
        await older.disconnect()
        await beat()
        assert await newer.open_and_quiet()
        assert await present() == [("a", newer.channel)]
        assert (in_group(older, "a"), in_group(older, "b"), in_group(newer, "a")) == (False, False, True)
        await newer.disconnect()
        assert await happened() == ["join a", "join b", "leave a", "join a", "leave b", "leave a"]

    @both
    async def test_the_older_connection_of_another_process_is_closed_with_its_next_heartbeat(
        self, chat: Any, user: Any
    ) -> None:
        older = await client_of(chat, "a", user=user)

        def join_elsewhere() -> None:
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO presence_event (kind, room, channel_name, is_exclusive) "
                    "VALUES ('leave', 'a', %s, true)",
                    [older.channel],
                )

        await sync_to_async(join_elsewhere)()
        assert await older.open_and_quiet()
        await beat()
        assert await older.closed_with() == REPLACED
        await older.disconnect()

    @both
    async def test_a_class_that_chooses_the_code_of_an_eviction_does_not_choose_this_one(
        self, chat: Any, user: Any
    ) -> None:
        class Polite(chat):
            presence_evict_code = 4000

        older = await client_of(Polite, "a", user=user)
        await Room.objects.aadd("a", "newer", user, exclusive="newest")
        assert await older.closed_with() == REPLACED
        await older.disconnect()

    @both
    async def test_the_second_connection_of_a_user_is_refused(self, chat: Any, user: Any) -> None:
        older = await client_of(chat, "a", user=user)
        newer = await client_of(chat, user=user)
        assert await newer("join_limited", "a", None, "oldest") == "AlreadyPresent"
        await beat()
        assert await older.open_and_quiet()
        assert await newer.open_and_quiet()
        assert await present() == [("a", older.channel)]
        await older.disconnect()
        await newer.disconnect()

    @both
    async def test_a_rejoin_is_not_limited_by_the_capacity(self, chat: Any) -> None:
        """The client was never told that it left."""
        client = await client_of(chat)
        await client("join_limited", "a", 1, None)
        await fall_silent(client)
        await end_elsewhere("prune", "a", client)
        await Room.objects.aadd("a", "other", capacity=1)
        await beat()
        assert await present() == sorted([("a", "other"), ("a", client.channel)])
        await client.disconnect()

    @both
    async def test_an_exclusive_stay_rejoins_as_such(self, chat: Any, user: Any) -> None:
        client = await client_of(chat, user=user)
        await client("join_limited", "a", None, "newest")
        await fall_silent(client)
        await end_elsewhere("prune", "a", client)
        await beat()
        assert await Presence.objects.filter(exclusive_room="a").acount() == 1
        assert await client.open_and_quiet()
        await client.disconnect()

    @both
    @pytest.mark.parametrize("by_message", [False, True])
    async def test_a_rejoin_ends_no_connection_that_replaced_it(self, chat: Any, user: Any, by_message: bool) -> None:
        """The user opened another connection while this one's process stalled."""
        client = await client_of(chat, "b", user=user)
        await client("join_limited", "a", None, "newest")
        await fall_silent(client)
        for room in ("a", "b"):
            await end_elsewhere("prune", room, client)
        await Room.objects.aadd("a", "newer", user, exclusive="newest")
        if by_message:
            await client.send("touch_presence")
        else:
            await beat()
        assert await client.closed_with() == REPLACED
        await client.disconnect()
        assert ("a", "newer") in await present()
        assert client.channel not in [channel for _, channel in await present()]

    async def test_a_connection_that_is_made_to_leave_is_not_closed(self, user: Any) -> None:
        client = await client_of(AsyncChat, "a", user=user)
        await Room.objects.aremove("a", client.channel)
        await reviews_done()
        await beat()
        assert await client.open_and_quiet()
        await client.disconnect()
