"""The test helpers for users of the library, inside and outside of transactions, in functions and in coroutines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from channels.generic.websocket import WebsocketConsumer
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import ProgrammingError, connection, connections, transaction
from django.test import TestCase

from presence_events import test_databases
from presence_events.exceptions import InvalidAge, InvalidUser
from presence_events.models import PresenceEvent
from projections.decorators import remove_presence
from projections.models import Presence, Room
from projections.testing import (
    NotATestDatabase,
    aage_presences,
    aassert_present,
    age_presences,
    assert_present,
    assert_recorded,
    recorded,
)
from tests.communicator import WebsocketCommunicator
from tests.concurrency.conftest import DatabaseConnection
from tests.fold import assert_live_is_the_fold
from tests.waiting import wait_until

MINUTE = timedelta(minutes=1)

inside_a_transaction_and_outside = pytest.mark.parametrize(
    "outside",
    [pytest.param(0, marks=pytest.mark.django_db), pytest.param(1, marks=pytest.mark.django_db(transaction=True))],
)
pytestmark = pytest.mark.django_db


def message(assertion: Callable[[], Any]) -> list[str]:
    """Returns the lines of the message of a failing assertion."""
    with pytest.raises(AssertionError) as caught:
        assertion()
    return str(caught.value).splitlines()


class TestAssertPresent:
    def test_users_count_once_and_anonymous_connections_each(self, user: Any, other_user: Any) -> None:
        for channel, person in [("1", user), ("2", user), ("3", other_user), ("4", None), ("5", AnonymousUser())]:
            room = Room.objects.add("room", channel, person)
        Room.objects.add("hall", "6")
        assert_present("room", other_user, user, anonymous=2)
        assert_present(room, user, other_user, AnonymousUser(), None)

    def test_a_room_that_does_not_exist_is_empty(self, user: Any) -> None:
        assert_present("nowhere")
        assert message(lambda: assert_present("nowhere", user)) == [
            "The presences in nowhere are not the expected ones.",
            "Expected:",
            "  ada",
            "Found:",
            "  nothing",
        ]

    def test_the_failure_lists_who_was_expected_and_who_is_present(self, user: Any, other_user: Any) -> None:
        for channel, person in [("1", user), ("2", user), ("3", None)]:
            Room.objects.add("room", channel, person)
        lines = message(lambda: assert_present("room", other_user, anonymous=2))
        assert lines[:5] == [
            "The presences in room are not the expected ones.",
            "Expected:",
            "  grace",
            "  anonymous",
            "  anonymous",
        ]
        assert lines[5] == "Found:"
        assert sorted(lines[6:]) == ["  ada, connections: 2", "  anonymous, connections: 1"]

    def test_an_unexpected_user_is_a_failure(self, user: Any) -> None:
        Room.objects.add("room", "1", user)
        assert "  ada, connections: 1" in message(lambda: assert_present("room"))

    @pytest.mark.parametrize("anonymous", [0, 2])
    def test_another_number_of_anonymous_connections_is_a_failure(self, anonymous: int) -> None:
        Room.objects.add("room", "1")
        assert "  anonymous, connections: 1" in message(lambda: assert_present("room", anonymous=anonymous))

    def test_a_deleted_user_is_shown_by_key(self, user: Any) -> None:
        Room.objects.add("room", "1", user)
        key = user.pk
        get_user_model().objects.all()._raw_delete("default")
        assert f"  {key}, connections: 1" in message(lambda: assert_present("room"))

    def test_an_unsaved_user_is_refused(self) -> None:
        with pytest.raises(InvalidUser, match="save it first"):
            assert_present("room", get_user_model()(pk=None, username="new"))


class TestAssertRecorded:
    def test_exactly_these_in_any_order(self, user: Any) -> None:
        Room.objects.add("room", "before")
        with assert_recorded(("join", "room", None), ("join", "room", user), ("join", "room", user)) as events:
            for channel, person in [("1", user), ("2", user), ("3", None)]:
                room = Room.objects.add("room", channel, person)
            assert events == []
        assert [str(event) for event in events] == ["join 1 room", "join 2 room", "join 3 room"]
        with assert_recorded(("leave", room, AnonymousUser())):
            Room.objects.remove("room", "3")

    def test_no_event(self) -> None:
        with assert_recorded():
            Presence.objects.touch("absent")

    def test_the_prune_of_a_room_has_no_user(self) -> None:
        Room.objects.add("room", "1")
        with assert_recorded(("prune", "room", None)):
            Room.objects.prune_presences(0)
        with assert_recorded(("prune", "room")):
            Room.objects.prune_rooms()

    def test_the_failure_lists_the_expected_and_the_recorded_events_in_log_order(
        self, user: Any, other_user: Any
    ) -> None:
        def fail() -> None:
            with assert_recorded(("leave", "room", other_user), ("touch", "room", AnonymousUser()), ("prune", "room")):
                Room.objects.add("room", "1", user)
                Room.objects.add("room", "2")
                Room.objects.prune_presences(0)
                Room.objects.prune_rooms()

        assert message(fail) == [
            "The recorded events are not the expected ones.",
            "Expected:",
            "  leave room grace",
            "  touch room anonymous",
            "  prune room",
            "Found:",
            "  join room ada",
            "  join room anonymous",
            "  prune room ada",
            "  prune room anonymous",
            "  prune room",
        ]

    @pytest.mark.parametrize(
        "wrong", [("leave", "room", None), ("join", "hall", None), ("join", "room"), ("join", "room", "user")]
    )
    def test_kind_room_and_user_are_compared(self, wrong: Any, user: Any) -> None:
        def fail() -> None:
            with assert_recorded(tuple(user if part == "user" else part for part in wrong)):
                Room.objects.add("room", "1")

        assert message(fail)[-1] == "  join room anonymous"

    @pytest.mark.parametrize("times", [0, 2])
    def test_the_number_of_events_is_compared(self, times: int) -> None:
        def fail() -> None:
            with assert_recorded(*[("join", "room", None)] * times):
                Room.objects.add("room", "1")

        assert message(fail)[-1] == "  join room anonymous"

    def test_an_error_in_the_block_is_not_hidden(self) -> None:
        with pytest.raises(ZeroDivisionError), assert_recorded(("join", "room", None)):
            _ = 1 / 0


class TestRecorded:
    def test_the_events_of_the_block_with_their_users(self, user: Any, django_assert_num_queries: Any) -> None:
        Room.objects.add("room", "1", user)
        with recorded() as events:
            Presence.objects.touch("1")
            Presence.objects.leave_all("1")
        Room.objects.add("room", "2", user)
        assert [str(event) for event in events] == ["touch 1 room", "leave 1 room"]
        with django_assert_num_queries(0):
            assert [event.user for event in events] == [user, user]

    def test_can_be_entered_again(self) -> None:
        recording = recorded()
        for channel in ("1", "2"):
            with recording as events:
                Room.objects.add("room", channel)
            assert [event.channel_name for event in events] == [channel]


class TestAgePresences:
    @pytest.fixture
    def other(self) -> Iterator[DatabaseConnection]:
        connection = DatabaseConnection()
        yield connection
        connection.close()

    @pytest.fixture
    def times(self) -> Callable[[], dict[str, tuple[datetime, datetime]]]:
        return lambda: {
            f"{room} {channel}": (joined_at, last_seen)
            for room, channel, joined_at, last_seen in Presence.objects.values_list(
                "room", "channel_name", "joined_at", "last_seen"
            )
        }

    @inside_a_transaction_and_outside
    def test_presences_their_events_and_their_rooms_age(self, outside: int, times: Any, user: Any) -> None:
        Room.objects.add("room", "1", user)
        Room.objects.add("hall", "1", user)
        Presence.objects.touch("1")
        Room.objects.add("room", "2")
        before, rooms = times(), dict(Room.objects.values_list("channel_name", "created_at"))
        assert age_presences(60) == 3
        assert times() == {key: (joined - MINUTE, seen - MINUTE) for key, (joined, seen) in before.items()}
        assert dict(Room.objects.values_list("channel_name", "created_at")) == {
            name: created_at - MINUTE for name, created_at in rooms.items()
        }
        assert_live_is_the_fold()
        assert Room.objects.prune_presences(59) == 3
        assert Room.objects.prune_rooms() == 2
        assert_live_is_the_fold()

    @pytest.mark.parametrize(
        ("lookups", "aged"),
        [
            ({"room": "hall"}, {"hall 1", "hall 3"}),
            ({"channel_name": "1"}, {"hall 1", "room 1"}),
            ({"user": "user"}, {"hall 1", "room 1"}),
            ({"user": None}, {"hall 3"}),
            ({"user__username": "grace"}, {"room 2"}),
            ({"user": "user", "room": "room"}, {"room 1"}),
            ({"room": "nowhere"}, set()),
        ],
    )
    def test_lookups_choose(self, lookups: Any, aged: set[str], times: Any, user: Any, other_user: Any) -> None:
        for room, channel, person in [
            ("room", "1", user),
            ("hall", "1", user),
            ("room", "2", other_user),
            ("hall", "3", None),
        ]:
            Room.objects.add(room, channel, person)
        before = times()
        assert age_presences(60, **{key: user if value == "user" else value for key, value in lookups.items()}) == len(
            aged
        )
        assert {key for key, value in times().items() if value != before[key]} == aged
        assert_live_is_the_fold()

    def test_a_room_ages_only_with_the_connection_that_created_it(self) -> None:
        Room.objects.add("room", "creator")
        Room.objects.add("room", "guest")
        created_at = Room.objects.get().created_at
        age_presences(60, channel_name="guest")
        assert Room.objects.get().created_at == created_at
        age_presences(60, channel_name="creator")
        assert Room.objects.get().created_at == created_at - MINUTE
        Room.objects.remove("room", "creator")
        age_presences(60)
        assert Room.objects.get().created_at == created_at - MINUTE
        assert_live_is_the_fold()

    def test_a_room_ages_with_its_creator_even_if_others_joined_at_the_same_moment(self) -> None:
        """Two connections, in this room and another, are aged until their joins coincide with the room's creation."""
        for room, channel in [("hall", "first"), ("room", "creator"), ("room", "guest")]:
            Room.objects.add(room, channel)

        def age_until_joined_with(other: str, channel: str) -> None:
            joined = dict(Presence.objects.values_list("channel_name", "joined_at"))
            age_presences((joined[channel] - joined[other]).total_seconds(), channel_name=channel)

        age_until_joined_with("first", "creator")
        age_until_joined_with("creator", "guest")
        assert len(set(Presence.objects.values_list("joined_at", flat=True))) == 1
        for channel in ("guest", "creator"):
            age_presences(60, channel_name=channel)
            assert_live_is_the_fold()

    def test_a_room_that_was_pruned_and_created_again_ages(self) -> None:
        Room.objects.add("room", "1")
        Room.objects.remove("room", "1")
        Room.objects.prune_rooms()
        Room.objects.add("room", "2")
        age_presences(0.5)
        age_presences(0.5)
        assert_live_is_the_fold()

    def test_closed_stays_do_not_change(self) -> None:
        Room.objects.add("room", "1")
        Room.objects.remove("room", "1")
        ended = list(PresenceEvent.objects.values())
        Room.objects.add("room", "1")
        age_presences(3600)
        assert list(PresenceEvent.objects.values()[:2]) == ended
        assert_live_is_the_fold()

    @inside_a_transaction_and_outside
    def test_the_guards_are_restored(self, outside: int) -> None:
        def functions() -> list[Any]:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT tgname, tgenabled, pg_get_functiondef(tgfoid) FROM pg_trigger "
                    "WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'presence%' ORDER BY tgname"
                )
                return cursor.fetchall()

        Room.objects.add("room", "1")
        before = functions()
        assert len(before) >= 8
        age_presences(60)
        assert functions() == before

    @pytest.mark.parametrize(
        ("table", "column"),
        [("presence_open_stay", "touched_at"), ("presence_event", "at"), ("presence_room", "created_at")],
    )
    @pytest.mark.django_db(transaction=True)
    def test_the_tables_are_guarded_again_on_the_same_database_connection(self, table: str, column: str) -> None:
        Room.objects.add("room", "1")
        age_presences(60)
        with connection.cursor() as cursor, pytest.raises(Exception, match="is refused"):
            cursor.execute(f"UPDATE {table} SET {column} = now()")

    @pytest.mark.parametrize("seconds", [-1, float("nan"), "60"])
    def test_an_invalid_age_is_refused(self, seconds: Any) -> None:
        with pytest.raises(InvalidAge):
            age_presences(seconds)

    @pytest.mark.parametrize("mark", ["", "another"])
    def test_other_databases_are_refused(self, mark: str, times: Any) -> None:
        Room.objects.add("room", "1")
        before = times()
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('presence_events.test_database', %s, true)", [mark])
        with pytest.raises(NotATestDatabase, match=f"only in test databases.*{connection.settings_dict['NAME']}"):
            age_presences(60)
        assert times() == before

    @pytest.mark.django_db(transaction=True)
    def test_a_role_that_does_not_own_the_tables_is_refused(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE stranger")
            cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO stranger")
            cursor.execute("SET ROLE stranger")
            try:
                with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"):
                    age_presences(60)
            finally:
                cursor.execute("RESET ROLE")
                cursor.execute("DROP OWNED BY stranger")
                cursor.execute("DROP ROLE stranger")

    @pytest.mark.django_db(transaction=True)
    def test_connections_that_change_other_presences_do_not_wait(self, other: DatabaseConnection) -> None:
        """Another connection has an uncommitted join and touch while presences are aged, and the other way around."""
        for channel in ("1", "2"):
            Room.objects.add("room", channel)
        other.append("touch", channel="1")
        other.append("join", channel="3")
        with transaction.atomic():
            assert age_presences(60, channel_name="2") == 1
            other.append("touch", channel="1")
            other.append("join", channel="4")
            other.commit()
        assert_live_is_the_fold()

    @pytest.mark.django_db(transaction=True)
    def test_an_uncommitted_touch_is_waited_for_and_ages_too(self, other: DatabaseConnection) -> None:
        """Another connection has touched the presence and commits while `age_presences` waits for its row."""
        Room.objects.add("room", "channel")
        other.append("touch")

        def age() -> int:
            try:
                return age_presences(60)
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as thread:
            aged = thread.submit(age)
            wait_until(
                lambda: other.run("SELECT pid FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            )
            other.commit()
            assert aged.result() == 1
        assert_live_is_the_fold()


class RouterToOtherDatabase:
    """Routes the log to another alias of the test database."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "other" if model is PresenceEvent else None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("using", [{"using": "other"}, {}])
def test_the_helpers_use_the_given_database_or_else_the_one_of_the_log(
    using: Any, user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    settings.DATABASE_ROUTERS = [] if using else [RouterToOtherDatabase()]
    monkeypatch.setitem(test_databases._configured_names, "other", test_databases._configured_names["default"])
    connections["other"] = connection.copy("other")
    try:
        with django_assert_num_queries(0):
            with assert_recorded(("join", "room", user), **using), recorded(**using) as events:
                Room.objects.db_manager("other").add("room", "1", user)
            assert_present("room", user, **using)
            assert age_presences(60, **using) == len(events) == 1
            assert message(lambda: assert_present("room", **using))[-1] == "  ada, connections: 1"
    finally:
        connections["other"].close()
        del connections["other"]
    assert_live_is_the_fold()


class Greeter(WebsocketConsumer):
    def connect(self) -> None:
        Room.objects.add("lobby", self.channel_name, self.scope["user"])
        super().connect()

    @remove_presence
    def disconnect(self, code: int) -> None:
        """Nothing more to do."""


@pytest.mark.django_db(transaction=True)
class TestCoroutines:
    async def test_a_visit(self, user: Any) -> None:
        communicator = WebsocketCommunicator(Greeter.as_asgi(), "/")
        communicator.scope["user"] = user
        async with assert_recorded(("join", "lobby", user)):
            assert (await communicator.connect())[0]
        await aassert_present("lobby", user)
        assert await aage_presences(61, user=user) == 1
        async with recorded() as events:
            await communicator.disconnect()
        assert [(event.kind, event.user) for event in events] == [("leave", user)]
        await aassert_present("lobby")

    async def test_failures(self, user: Any) -> None:
        with pytest.raises(AssertionError, match="The presences in lobby are not the expected ones"):
            await aassert_present("lobby", user, anonymous=1)
        with pytest.raises(AssertionError, match="The recorded events are not the expected ones"):
            async with assert_recorded(("join", "lobby", user)):
                pass
        with pytest.raises(ZeroDivisionError):
            async with assert_recorded(("join", "lobby", user)):
                _ = 1 / 0


class InDjangosTestCase(TestCase):
    """Django's own runner: functions and coroutines share one transaction."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.ada = get_user_model().objects.create_user("ada")
        Room.objects.add("room", "1", cls.ada)
        age_presences(60)

    def test_functions(self) -> None:
        assert_present("room", self.ada)
        with assert_recorded(("prune", "room", self.ada), ("prune", "room")):
            Room.objects.prune_presences(59)
            Room.objects.prune_rooms()

    async def test_coroutines(self) -> None:
        await aassert_present("room", self.ada)
        assert await aage_presences(60) == 1
        async with assert_recorded(("prune", "room", self.ada)):
            await Room.objects.aprune_presences(119)
        await aassert_present("room")
