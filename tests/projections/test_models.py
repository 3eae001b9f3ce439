"""Rooms and presences: their fields and methods, and the guards that let only the fold write them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, connection
from django.utils import timezone

from presence_events.exceptions import InvalidUser
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.models import Leader, Presence, Room
from projections.rosters.members import Counts
from tests.fold import assert_live_is_the_fold
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)


def test_users_are_unique_with_several_connections(user: Any, other_user: Any) -> None:
    for channel, person in [("1", user), ("2", user), ("3", other_user), ("4", None), ("5", None)]:
        room = Room.objects.add("room", channel, person)
    Room.objects.add("other", "6", None)
    assert set(room.get_users()) == {user, other_user}
    assert room.get_users().count() == 2
    assert room.get_users().filter(username="ada").get() == user
    assert room.get_anonymous_count() == 2


def test_a_room_is_counted_with_one_query(user: Any, other_user: Any, django_assert_num_queries: Any) -> None:
    for channel, person in [("1", user), ("2", user), ("3", other_user), ("4", None)]:
        room = Room.objects.add("room", channel, person)
    Room.objects.add("other", "5", None)
    with django_assert_num_queries(1):
        assert room.counts() == Counts(connections=4, people=2, anonymous=1)
    assert async_to_sync(room.acounts)() == room.counts()
    assert Room.named("unknown").counts() == Counts(0, 0, 0)


def test_members_are_people_with_their_connections(user: Any, other_user: Any, django_assert_num_queries: Any) -> None:
    for channel, person, data in [
        ("1", other_user, {"device": "phone", "status": "here"}),
        ("2", user, None),
        ("3", other_user, {"status": "away"}),
        ("4", None, {"status": "unknown"}),
    ]:
        room = Room.objects.add("room", channel, person, data)
    with django_assert_num_queries(2):
        first, second = room.members()
    assert (first.id, first.user, first.data) == (str(other_user.pk), other_user, {"device": "phone", "status": "away"})
    assert [connection.data for connection in first.connections] == [
        {"device": "phone", "status": "here"},
        {"status": "away"},
    ]
    assert [connection.session for connection in first.connections] == [
        presence.pk for presence in room.presence_set.filter(user=other_user).order_by("id")
    ]
    assert (second.user, second.since) == (user, room.presence_set.get(user=user).joined_at)
    assert [member.id for member in Room.objects.present("room")] == [first.id, second.id]
    assert Room.objects.present("unknown") == []


async def test_members_have_coroutine_twins(user: Any) -> None:
    room = await Room.objects.aadd("room", "1", user)
    assert [member.user for member in await room.amembers()] == [user]
    assert [member.user for member in await Room.objects.apresent("room")] == [user]
    assert await Presence.objects.ais_online([user]) == {user: True}


def test_a_deleted_user_is_a_member_without_a_user(user: Any) -> None:
    room = Room.objects.add("room", "1", user)
    with connection.cursor() as cursor:
        cursor.execute(f'DELETE FROM "{user._meta.db_table}" WHERE "{user._meta.pk.column}" = %s', [user.pk])
    (member,) = room.members()
    assert (member.user_id, member.user) == (user.pk, None)


def test_is_online_tells_of_many_users_in_one_query(user: Any, other_user: Any, django_assert_num_queries: Any) -> None:
    Room.objects.add("room", "1", user)
    with django_assert_num_queries(1):
        assert Presence.objects.is_online([user, other_user]) == {user: True, other_user: False}
    assert Presence.objects.is_online([user.pk], "room") == {user.pk: True}
    assert Presence.objects.is_online([user.pk], "other") == {user.pk: False}
    with pytest.raises(InvalidUser):
        Presence.objects.is_online(["no key"])


def test_users_and_anonymous_count_are_one_query_each(user: Any, django_assert_num_queries: Any) -> None:
    room = Room.objects.add("room", "1", user)
    with django_assert_num_queries(1):
        list(room.get_users())
    with django_assert_num_queries(1):
        room.get_anonymous_count()


def test_users_come_with_their_number_of_connections_in_this_room(
    user: Any, other_user: Any, django_assert_num_queries: Any
) -> None:
    for channel, person in [("1", user), ("2", user), ("3", other_user), ("4", None)]:
        room = Room.objects.add("room", channel, person)
    for channel in ("1", "5"):
        Room.objects.add("other", channel, other_user)
    with django_assert_num_queries(1):
        users = list(room.get_users_with_connections().order_by("-connection_count"))
    assert [(person, person.connection_count) for person in users] == [(user, 2), (other_user, 1)]
    assert room.get_users_with_connections().count() == 2
    assert room.get_users_with_connections().get(connection_count__gt=1) == user
    in_both_rooms = room.get_users_with_connections().filter(presence__room="other")
    assert [(person, person.connection_count) for person in in_both_rooms] == [(other_user, 1)]


def test_a_pruned_room_has_no_users(user: Any) -> None:
    room = Room.objects.add("room", "channel", user)
    Room.objects.prune_presences(0)
    Room.objects.prune_rooms()
    assert list(room.get_users()) == list(room.get_users_with_connections()) == []


def test_a_room_adds_and_removes_presences(user: Any, log: Callable[[], list[str]]) -> None:
    room = Room.objects.add("room", "1")
    room.add_presence("2", user)
    room.add_presence("3", user=user, data={"a": 1})
    room.remove_presence("1")
    room.remove_presence(channel_name="2")
    room.remove_presence(presence=Presence.objects.get(channel_name="3"))
    assert log()[-3:] == ["leave 1 room", "leave 2 room", "leave 3 room"]


def test_removing_an_ended_presence_does_not_end_the_next_stay() -> None:
    room = Room.objects.add("room", "channel")
    first = Presence.objects.get()
    room.remove_presence(presence=first)
    room.add_presence("channel")
    room.remove_presence(presence=first)
    assert Presence.objects.get().pk != first.pk


def test_removing_requires_either_a_channel_name_or_a_presence() -> None:
    room = Room.objects.add("room", "channel")
    for arguments in ({}, {"channel_name": "channel", "presence": Presence.objects.get()}):
        with pytest.raises(TypeError, match="either"):
            room.remove_presence(**arguments)


def test_a_room_prunes_its_own_presences_only(settings: Any) -> None:
    for name in ("a", "b"):
        Room.objects.add(name, "channel")
    age_presences("channel", seconds=61)
    room = Room.objects.get(pk="a")
    assert room.prune_presences(age_in_seconds=62) == 0
    assert room.prune_presences() == 1
    assert list(Presence.objects.values_list("room", flat=True)) == ["b"]


def test_an_unsaved_room_works_by_its_name() -> None:
    Room(channel_name="room").add_presence("channel")
    assert Room.objects.get().presence_set.count() == 1


def test_rows_are_displayed_by_name() -> None:
    Room.objects.add("room", "channel")
    assert (str(Room.objects.get()), str(Presence.objects.get())) == ("room", "channel")
    assert str(Leader(name="main")) == "main"


@pytest.mark.parametrize(
    "change",
    [
        lambda: Room.objects.create(channel_name="new", created_at="2026-01-01T00:00:00Z"),
        lambda: Room.objects.update(channel_name="new"),
        lambda: Room.objects.filter(channel_name="nowhere").update(channel_name="new"),
        lambda: Room.objects.get().save(),
        lambda: Room.objects.get_or_create(channel_name="new"),
        lambda: Room.objects.update_or_create(channel_name="new"),
        lambda: Room.objects.update_or_create(channel_name="room", defaults={"created_at": timezone.now()}),
        lambda: Room.objects.bulk_create([Room(channel_name="new", created_at=timezone.now())]),
        lambda: async_to_sync(Room.objects.all().acreate)(channel_name="new"),
        lambda: async_to_sync(Room.objects.all().aget_or_create)(channel_name="new"),
        lambda: async_to_sync(Room(channel_name="room").asave)(force_update=True),
        lambda: Room.objects.get().presence_set.create(id=1, channel_name="x"),
        lambda: Presence.objects.get().save(),
        lambda: Presence.objects.update(last_seen=None),
        lambda: Presence.objects.create(id=1, room_id="room", channel_name="x"),
    ],
)
def test_only_the_fold_writes_the_projections(change: Callable[[], Any]) -> None:
    Room.objects.add("room", "channel")
    with pytest.raises(IntegrityError, match="the table is a projection of the presence log") as caught:
        change()
    assert "Room.objects.add" in str(caught.value)
    assert_live_is_the_fold()


def test_a_room_that_exists_is_got_not_created() -> None:
    room = Room.objects.add("room", "channel")
    assert Room.objects.get_or_create(channel_name="room") == (room, False)


def test_the_id_of_a_room_is_its_name_in_instances_and_queries() -> None:
    Room.objects.add("room", "channel")
    Room.objects.add("other", "channel")
    room = Room.objects.get(id="room")
    assert (room.id, Room(id="new").pk, Room.named("x", "default").id) == ("room", "new", "x")
    assert (Room.named("empty").get_anonymous_count(), Room.named("room").get_anonymous_count()) == (0, 1)
    assert list(Room.objects.order_by("-id").values_list("id", flat=True)) == ["room", "other"]
    assert Room.objects.filter(id__in=["room", "nowhere"]).exclude(id="other").get() == room
    assert Room.objects.get_or_create(id="room") == (room, False)
    assert Presence.objects.filter(room__id="room").get().room_id == room.id
    assert Presence.objects.values("room__id").count() == 2


def _statistics(*columns: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(f"SELECT {', '.join(columns)} FROM pg_stat_user_tables WHERE relname = 'presence_open_stay'")
        return list(cursor.fetchone())


def test_a_storm_of_joins_into_an_empty_vacuumed_table_uses_the_index() -> None:
    """PL/pgSQL caches its plans. A plan for an empty table must not lead to a sequential scan for each join."""
    drafts = [Draft("join", "room", f"{number}") for number in range(3000)]
    record(drafts)
    record([draft._replace(kind="leave") for draft in drafts])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE presence_open_stay, presence_room")
    connection.close()  # a new database connection has no cached plans
    (before,) = _statistics("seq_tup_read")
    for kind in ("join", "touch", "leave"):
        record([draft._replace(kind=kind) for draft in drafts])
    (after,) = _statistics("seq_tup_read")
    assert after - before < 3000


def test_touches_are_heap_only() -> None:
    record([Draft("join", "room", f"{number}") for number in range(50)])
    updates, heap_only = _statistics("n_tup_upd", "n_tup_hot_upd")
    for _ in range(3):
        Presence.objects.touch("7")
    all_updates, all_heap_only = _statistics("n_tup_upd", "n_tup_hot_upd")
    # A touch that waited for a lock, or for the processor, updates the time once more.
    assert all_updates - updates == all_heap_only - heap_only >= 3


def test_a_join_with_a_sequence_that_lags_behind_raises_an_error_instead_of_being_lost() -> None:
    """A restore without the sequences leads to this."""
    Room.objects.add("room", "first")
    (used,) = Presence.objects.values_list("id", flat=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('presence_open_stay_id_seq', %s)", [used - 1 or 1])
        if used == 1:
            cursor.execute("SELECT setval('presence_open_stay_id_seq', 1, false)")
    with pytest.raises(IntegrityError, match="presence_open_stay_pkey"):
        Room.objects.add("room", "second")
    assert_live_is_the_fold()


def test_only_a_join_is_claimed_for_a_process() -> None:
    kinds = ["join", "touch", "leave", "join", "prune", "join"]
    with connection.cursor() as cursor:
        for number, kind in enumerate(kinds):
            cursor.execute(
                "INSERT INTO presence_event (kind, room, channel_name, process) VALUES (%s, 'room', 'channel', %s)",
                [kind, f"process {number}"],
            )
        cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'room', 'unclaimed')")
    assert list(PresenceEvent.objects.order_by("id").values_list("process", flat=True)) == [
        "process 0",
        None,
        None,
        "process 3",
        None,
        "process 5",
        None,
    ]
    assert dict(Presence.objects.values_list("channel_name", "process")) == {
        "channel": "process 5",
        "unclaimed": None,
    }
    assert_live_is_the_fold()


def test_the_prune_of_a_room_is_not_claimed_for_a_process() -> None:
    Room.objects.add("room", "channel")
    Presence.objects.leave_all("channel")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_event (kind, room, process) VALUES ('prune', 'room', 'process')")
    assert set(PresenceEvent.objects.values_list("process", flat=True)) == {None}
    assert_live_is_the_fold()


def test_json_null_means_no_data() -> None:
    Room.objects.add("room", "channel", data={"a": 1})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, data) VALUES ('touch', 'room', 'channel', 'null')"
        )
    assert Presence.objects.get().data == {"a": 1}
    assert_live_is_the_fold()


USERS_IN_ANOTHER_DATABASE = """
import os, sys
from django.conf import settings
from tests import postgres
ACCOUNTS = ["tests.accounts"] if os.environ.get("PRESENCE_TEST_USER") == "uuid" else []
settings.configure(
    INSTALLED_APPS=[*ACCOUNTS, "django.contrib.auth", "django.contrib.contenttypes", "pgtrigger", "presence_events",
        "projections"],
    **({"AUTH_USER_MODEL": "accounts.Account"} if ACCOUNTS else {}),
    DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        "presence": postgres.settings(),
    },
    DATABASE_ROUTERS=["__main__.Router"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    USE_TZ=True,
)

class Router:
    def db_for_read(self, model, **hints):
        return "presence" if model._meta.app_label in ("presence_events", "projections") else "default"
    db_for_write = db_for_read
    def allow_migrate(self, db, app_label, **hints):
        return (db == "presence") == (app_label in ("presence_events", "projections"))

import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth import get_user_model
User = get_user_model()
from projections.models import Presence, Room
user = User.objects.create(username="ada")
Room.objects.add("other", "1", User.objects.create(username="grace"))
for channel in ("1", "2"):
    room = Room.objects.add("room", channel, user)
def print_users():
    connections = [(who.username, who.connection_count) for who in room.get_users_with_connections()]
    print([who.username for who in room.get_users()], connections, room.presence_set.count())
print_users()
user.delete()
print_users()
"""


def test_users_may_be_in_another_database() -> None:
    parameters = connection.settings_dict
    url = f"postgresql://{parameters['USER']}:{parameters['PASSWORD']}@/{parameters['NAME']}?host={parameters['HOST']}"
    done = subprocess.run(
        [sys.executable, "-c", USERS_IN_ANOTHER_DATABASE],
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "['ada'] [('ada', 2)] 2\n[] [] 0\n", done.stderr
