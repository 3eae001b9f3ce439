"""The interleavings of joins with limits, one for each test.

Connection ``a`` acts first and commits late. What comes second meets the uncommitted changes of ``a``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from psycopg import IsolationLevel

from presence_events._recording import statement
from presence_events.exceptions import AlreadyPresent, RoomIsFull
from presence_events.models import PresenceEvent
from projections import selections
from projections.models import Presence, Room
from tests.concurrency.conftest import DatabaseConnection
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)

NewConnection = Callable[..., DatabaseConnection]


class LimitedConnection:
    """Appends joins with limits to the log, as plain SQL does."""

    def __init__(self, database: DatabaseConnection) -> None:
        self.database = database
        self.append, self.commit, self.rollback = database.append, database.commit, database.rollback

    def join(
        self, channel: str, *, user: Any = None, capacity: int | None = None, exclusive: bool | None = None
    ) -> list[int]:
        return self.database.run(
            "INSERT INTO presence_event (kind, room, channel_name, user_id, capacity, is_exclusive) "
            "VALUES ('join', 'room', %s, %s, %s, %s) RETURNING id",
            channel,
            None if user is None else user.pk,
            capacity,
            exclusive,
        )

    def start_join(self, channel: str, **limits: Any) -> Future[list[int]]:
        """Joins in the background. Returns when the statement waits for a lock."""
        future = self.database.background(lambda: self.join(channel, **limits))
        self.database.wait_until_blocked(future)
        return future


@pytest.fixture
def a(new_connection: NewConnection) -> LimitedConnection:
    return LimitedConnection(new_connection())


@pytest.fixture
def b(new_connection: NewConnection) -> LimitedConnection:
    return LimitedConnection(new_connection())


@pytest.fixture(params=[IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def old(new_connection: NewConnection, request: pytest.FixtureRequest) -> LimitedConnection:
    """A connection that keeps its first snapshot."""
    return LimitedConnection(new_connection(isolation=request.param))


@pytest.fixture(autouse=True)
def _live_is_the_fold() -> Iterator[None]:
    yield
    assert_live_is_the_fold()


@pytest.fixture
def background() -> Iterator[Callable[..., Future[Any]]]:
    """Returns a function that calls another one in a thread, and returns when its statement waits for a lock."""
    pool = ThreadPoolExecutor(1)

    def start(call: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        pid = pool.submit(_pid).result()
        future = pool.submit(call, *arguments, **options)
        with connection.cursor() as cursor:
            while True:
                assert not future.done(), f"The call did not wait: {future.result()}"
                cursor.execute("SELECT pg_blocking_pids(%s) <> '{}'", [pid])
                if cursor.fetchone() == (True,):
                    return future

    yield start
    pool.submit(lambda: connection.close()).result()  # noqa: PLW0108 - the connection is that of the thread
    pool.shutdown()


def _pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def present() -> list[str]:
    return sorted(Presence.objects.values_list("channel_name", flat=True))


class TestCapacity:
    def test_one_of_two_gets_the_last_place(self, a: LimitedConnection, b: LimitedConnection) -> None:
        Room.objects.add("room", "first")
        assert len(a.join("second", capacity=2)) == 1
        future = b.start_join("third", capacity=2)
        a.commit()
        assert future.result() == []
        b.commit()
        assert present() == ["first", "second"]

    def test_the_last_place_is_free_again_if_its_join_is_rolled_back(
        self, a: LimitedConnection, b: LimitedConnection
    ) -> None:
        Room.objects.add("room", "first")
        a.join("second", capacity=2)
        future = b.start_join("third", capacity=2)
        a.rollback()
        assert len(future.result()) == 1
        b.commit()
        assert present() == ["first", "third"]

    def test_joins_with_different_capacities_wait_for_each_other(
        self, a: LimitedConnection, b: LimitedConnection
    ) -> None:
        Room.objects.add("room", "first")
        a.join("second", capacity=10)
        future = b.start_join("third", capacity=2)
        a.commit()
        assert future.result() == []

    def test_one_of_two_first_joins_gets_the_only_place(self, a: LimitedConnection, b: LimitedConnection) -> None:
        """Both create the room, so there is no row yet that they could lock."""
        a.join("first", capacity=1)
        future = b.start_join("second", capacity=1)
        a.commit()
        assert future.result() == []
        b.commit()
        assert present() == ["first"]

    def test_the_second_of_two_first_joins_gets_the_only_place_if_the_first_is_rolled_back(
        self, a: LimitedConnection, b: LimitedConnection
    ) -> None:
        a.join("first", capacity=1)
        future = b.start_join("second", capacity=1)
        a.rollback()
        assert len(future.result()) == 1
        b.commit()
        assert present() == ["second"]

    @pytest.mark.parametrize("kind", ["leave", "prune"])
    def test_a_place_is_free_when_its_end_is_committed(
        self, a: LimitedConnection, b: LimitedConnection, kind: str
    ) -> None:
        """The join does not wait for an end that may be rolled back."""
        Room.objects.add("room", "first")
        a.append(kind, channel="first")
        assert b.join("second", capacity=1) == []
        b.commit()
        a.commit()
        assert len(b.join("second", capacity=1)) == 1
        b.commit()
        assert present() == ["second"]

    def test_a_join_waits_for_the_prune_of_its_room(self, a: LimitedConnection, b: LimitedConnection) -> None:
        Room.objects.add("room", "first")
        Room.objects.remove("room", "first")
        assert len(a.append("prune", channel=None)) == 1
        future = b.start_join("second", capacity=1)
        a.commit()
        assert len(future.result()) == 1
        b.commit()
        assert present() == ["second"]

    def test_the_prune_of_a_room_waits_for_a_join(self, a: LimitedConnection, new_connection: NewConnection) -> None:
        Room.objects.add("room", "first")
        Room.objects.remove("room", "first")
        a.join("second", capacity=1)
        b = new_connection()
        future = b.start("prune", channel=None)
        a.commit()
        assert future.result() == []
        b.commit()
        assert present() == ["second"]

    def test_a_join_without_a_capacity_waits_for_none_and_none_waits_for_it(
        self, a: LimitedConnection, b: LimitedConnection
    ) -> None:
        """So the latter does not count the former. Its own number of people is not limited."""
        Room.objects.add("room", "first")
        assert len(a.join("second")) == 1
        assert len(b.join("third", capacity=2)) == 1
        a.commit()
        assert len(a.join("fourth")) == 1
        a.commit()
        b.commit()
        assert present() == ["first", "fourth", "second", "third"]

    def test_another_tab_of_a_person_is_let_in_only_after_the_commit_of_the_first_one(
        self, a: LimitedConnection, b: LimitedConnection, user: Any
    ) -> None:
        Room.objects.add("room", "other")
        a.join("tab 1", user=user, capacity=2)
        future = b.start_join("tab 2", user=user, capacity=2)
        a.commit()
        assert len(future.result()) == 1
        b.commit()
        assert present() == ["other", "tab 1", "tab 2"]

    def test_a_person_whose_first_tab_is_rolled_back_takes_a_place(
        self, a: LimitedConnection, b: LimitedConnection, user: Any
    ) -> None:
        Room.objects.add("room", "other")
        a.join("tab 1", user=user, capacity=2)
        future = b.start_join("tab 2", user=user, capacity=1)
        a.rollback()
        assert future.result() == []

    def test_an_old_snapshot_is_refused(self, old: LimitedConnection) -> None:
        """Its statements would not see who has joined since."""
        Room.objects.add("room", "first")
        with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
            old.join("second", capacity=2)
        assert "READ COMMITTED" in str(caught.value.diag.message_hint)

    async def test_a_storm_fills_the_room_and_no_more(self) -> None:
        joins = [Room.objects.aadd("room", f"{number:03}", capacity=30) for number in range(100)]
        results = await asyncio.gather(*joins, return_exceptions=True)
        refused = [result for result in results if isinstance(result, RoomIsFull)]
        assert len(refused) == 70
        assert {(error.room, error.capacity) for error in refused} == {("room", 30)}
        assert len([result for result in results if isinstance(result, Room)]) == 30
        assert await Presence.objects.acount() == 30
        assert await PresenceEvent.objects.of_rooms().acount() == 30


class TestExclusive:
    def test_one_of_two_connections_of_a_user_joins(
        self, a: LimitedConnection, b: LimitedConnection, user: Any
    ) -> None:
        Room.objects.add("room", "other")
        a.join("first", user=user, exclusive=True)
        future = b.start_join("second", user=user, exclusive=True)
        a.commit()
        assert future.result() == []
        b.commit()
        assert present() == ["first", "other"]

    def test_the_second_connection_joins_if_the_join_of_the_first_is_rolled_back(
        self, a: LimitedConnection, b: LimitedConnection, user: Any
    ) -> None:
        Room.objects.add("room", "other")
        a.join("first", user=user, exclusive=True)
        future = b.start_join("second", user=user, exclusive=True)
        a.rollback()
        assert len(future.result()) == 1
        b.commit()
        assert present() == ["other", "second"]

    def test_different_users_do_not_wait_for_each_other(
        self, a: LimitedConnection, b: LimitedConnection, user: Any, other_user: Any
    ) -> None:
        Room.objects.add("room", "other")
        assert len(a.join("first", user=user, exclusive=True)) == 1
        assert len(b.join("second", user=other_user, exclusive=True)) == 1
        a.commit()
        b.commit()

    def test_the_oldest_of_two_remains(
        self, a: LimitedConnection, background: Callable[..., Future[Any]], user: Any
    ) -> None:
        Room.objects.add("room", "other")
        a.join("first", user=user, exclusive=True)
        future = background(Room.objects.add, "room", "second", user, exclusive="oldest")
        a.commit()
        with pytest.raises(AlreadyPresent):
            future.result()
        assert present() == ["first", "other"]

    def test_the_newest_of_two_remains(
        self, a: LimitedConnection, background: Callable[..., Future[Any]], user: Any, log: Callable[[], list[str]]
    ) -> None:
        """The second one has not seen the first one, waits for it, and ends it with its next attempt."""
        Room.objects.add("room", "other")
        a.join("first", user=user, exclusive=True)
        future = background(Room.objects.add, "room", "second", user, exclusive="newest")
        a.commit()
        future.result()
        assert present() == ["other", "second"]
        assert log() == ["join other room", "join first room", "leave first room", "join second room"]

    @pytest.mark.parametrize("is_rolled_back", [False, True])
    def test_the_newest_joins_while_the_other_one_leaves(
        self,
        a: LimitedConnection,
        background: Callable[..., Future[Any]],
        user: Any,
        log: Callable[[], list[str]],
        is_rolled_back: bool,
    ) -> None:
        Room.objects.add("room", "first", user)
        a.append("leave", channel="first")
        future = background(Room.objects.add, "room", "second", user, exclusive="newest")
        if is_rolled_back:
            a.rollback()
        else:
            a.commit()
        future.result()
        assert log() == ["join first room", "leave first room", "join second room"]
        assert PresenceEvent.objects.filter(kind="leave", is_exclusive=True).exists() == is_rolled_back

    def test_the_newest_waits_while_another_one_joins_and_ends_both(
        self,
        a: LimitedConnection,
        background: Callable[..., Future[Any]],
        user: Any,
        log: Callable[[], list[str]],
        signals: list[Any],
    ) -> None:
        """The join is not admitted, and the leave of the first stay is not recorded without it: the attempt fails."""
        Room.objects.add("room", "first", user)
        a.append("touch", channel="first")
        future = background(Room.objects.add, "room", "third", user, exclusive="newest")
        Room.objects.add("room", "second", user)
        a.commit()
        future.result()
        assert present() == ["third"]
        assert [line for line in log() if "touch" not in line] == [
            "join first room",
            "join second room",
            "leave first room",
            "leave second room",
            "join third room",
        ]

    def test_an_old_snapshot_meets_an_exclusive_join_that_it_does_not_see(
        self, old: LimitedConnection, user: Any
    ) -> None:
        Room.objects.add("room", "other")
        old.database.run("SELECT 1 FROM presence_room")
        Room.objects.add("room", "first", user, exclusive="oldest")
        with pytest.raises(psycopg.errors.SerializationFailure):
            old.join("second", user=user, exclusive=True)

    async def test_ten_tabs_of_a_user_join_at_once_and_one_remains(self, user: Any) -> None:
        joins = [Room.objects.aadd("room", f"{number:03}", user, exclusive="newest") for number in range(10)]
        results = await asyncio.gather(*joins, return_exceptions=True)
        assert {type(result) for result in results} <= {Room, AlreadyPresent}
        assert await Presence.objects.acount() == 1
        joined = len([result for result in results if isinstance(result, Room)])
        assert await PresenceEvent.objects.filter(kind="join").acount() == joined
        assert await PresenceEvent.objects.filter(kind="leave", is_exclusive=True).acount() == joined - 1


class TestBatches:
    def test_a_batch_of_both_kinds_admits_what_its_limits_admit(self, user: Any, other_user: Any) -> None:
        Room.objects.add("room", "old-tab", user)
        batch = [
            selections.join("room", "z", None, None, capacity=2),
            selections.touch("old-tab"),
            selections.join("room", "m", other_user, None, capacity=1),
            selections.join("room", "a", user, None, exclusive="newest"),
            selections.join("room", "b", user, None, exclusive="oldest"),
            selections.join("room", "plain", None, None),
        ]
        rows = statement.append(batch, "default")
        events = statement.to_events(rows, "default", [])
        assert [str(event) for event in events if event.kind != "touch"] == [
            "leave old-tab room",
            "join plain room",
            "join z room",
            "join a room",
        ]

    def test_exclusive_joins_wait_in_the_order_of_users(
        self, a: LimitedConnection, background: Callable[..., Future[Any]], user: Any, other_user: Any
    ) -> None:
        """In the order of channel names, the batch would hold the second user while it waits for the first."""
        Room.objects.add("room", "other")
        first, second = sorted([user, other_user], key=lambda one: one.pk)
        a.join("x", user=first, exclusive=True)
        batch = [
            selections.join("room", "a", second, None, exclusive="oldest"),
            selections.join("room", "b", first, None, exclusive="oldest"),
        ]
        future = background(statement.append, batch, "default")
        assert len(a.join("y", user=second, exclusive=True)) == 1
        a.commit()
        assert future.result() == []
        assert present() == ["other", "x", "y"]

    def test_batches_of_limited_joins_do_not_deadlock(self) -> None:
        """Each batch has touches and limited joins of the same users, in names that give opposite orders."""
        users = [get_user_model().objects.create_user(f"user{number}") for number in range(8)]
        for number in range(8):
            Room.objects.add("room", f"m{number}", users[number])

        def run(writer: int) -> list[str]:
            failures = []
            try:
                for attempt in range(40):
                    order = users if writer % 2 else users[::-1]
                    batch = [
                        selections.join(
                            "room",
                            f"{attempt}{writer}{place}",
                            user,
                            None,
                            exclusive="newest" if (attempt + place) % 2 else "oldest",
                            capacity=20 if attempt % 4 == 0 else None,
                        )
                        for place, user in enumerate(order)
                    ]
                    batch += [selections.touch_with_data(f"m{number}", attempt) for number in range(8)]
                    try:
                        statement.append(batch, "default")
                    except Exception as error:
                        failures.append(type(error.__cause__).__name__)
            finally:
                connection.close()
            return failures

        with ThreadPoolExecutor(4) as pool:
            failures = {name for names in pool.map(run, range(4)) for name in names}
        assert failures <= {"CheckViolation"}
        assert len(present()) == len(set(present()))

    def test_random_operations_of_many_writers_keep_the_limits(self) -> None:
        """Every join has a capacity and is exclusive, so both hold after every event of the log."""
        users = [None, *(get_user_model().objects.create_user(f"user{number}") for number in range(3))]

        def run(writer: int) -> None:
            try:
                for attempt in range(60):
                    channel = f"{(attempt * 7 + writer) % 11}"
                    with suppress(RoomIsFull, AlreadyPresent):
                        Room.objects.add(
                            "room",
                            channel,
                            users[(attempt + writer) % 4],
                            capacity=3,
                            exclusive="newest" if attempt % 3 else "oldest",
                        )
                    if attempt % 5 == 0:
                        Room.objects.remove("room", channel)
                    if attempt % 17 == 0:
                        Room.objects.prune_presences(0)
                        Room.objects.prune_rooms()
            finally:
                connection.close()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(run, range(6)))
        stays: dict[str, Any] = {}
        most = 0
        for event in PresenceEvent.objects.of_rooms().exclude(channel_name=None).order_by("id"):
            if event.kind == "join":
                stays[str(event.channel_name)] = event.user_id
            else:
                stays.pop(str(event.channel_name))
            known = [user_id for user_id in stays.values() if user_id is not None]
            assert len(known) == len(set(known))
            most = max(most, len(stays))
        assert most == 3
