"""Rooms and presences: who is present."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from presence_events.databases.rooms import alias_of_room, aliases, aliases_to_read, chosen_by_room
from presence_events.models import PresenceEvent
from projections.managers import PresenceManager, ProcessManager, RoomManager
from projections.models import DeadLetter, Presence, Process, Room, channel_layer, get_channel_layer
from projections.querysets import PresenceQuerySet, ProcessQuerySet, RoomQuerySet
from projections.rosters import Counts, Member
from projections.tasks import maintain_log, make_attendance_reports, prune_presence, prune_presences, prune_rooms


def database_of_room(room: str) -> str:
    assert_type(chosen_by_room(), bool)
    assert_type(aliases(), list[str])
    assert_type(aliases_to_read(PresenceEvent), list[str])
    assert_type(alias_of_room(room), str)
    return alias_of_room(room, using="default")


def record(user: AbstractBaseUser) -> None:
    assert_type(Room.objects, RoomManager[Room])
    assert_type(Room.objects.add("lobby", "channel", user, {"device": "phone"}), Room)
    assert_type(Room.objects.add("lobby", "channel", user, capacity=30, exclusive="newest"), Room)
    assert_type(Room.objects.add("lobby", "channel", user, hidden=True), Room)
    assert_type(Presence.objects.shown(), PresenceQuerySet[Presence])
    assert_type(Presence.objects.get_queryset().shown(), PresenceQuerySet[Presence])
    assert_type(Presence.objects.shown().get().is_hidden, bool)
    assert_type(Room.objects.named("lobby", "default"), Room)
    assert_type(Room.objects.prune_presences(), int)
    assert_type(Room.objects.prune_presences(age_in_seconds=30.0), int)
    assert_type(Room.objects.prune_rooms(), int)
    Room.objects.remove("lobby", "channel")
    assert_type(Presence.objects, PresenceManager[Presence])
    assert_type(Presence.objects.touch("channel", data="away"), int)
    assert_type(Presence.objects.leave_all("channel"), int)
    assert_type(Presence.objects.leave_user(user, "banned"), int)
    assert_type(prune_presences(30), int)
    assert_type(prune_presence(), int)
    assert_type(prune_rooms(), int)
    prune_rooms.delay()
    maintain_log.delay()
    assert_type(make_attendance_reports(), int)


async def arecord(user: AbstractBaseUser) -> None:
    assert_type(await Room.objects.aadd("lobby", "channel", user), Room)
    assert_type(await Room.objects.aadd("lobby", "channel", user, capacity=30, exclusive="oldest"), Room)
    assert_type(await Room.objects.aprune_presences(), int)
    assert_type(await Room.objects.aprune_rooms(), int)
    await Room.objects.aremove("lobby", "channel")
    assert_type(await Presence.objects.atouch("channel"), int)
    assert_type(await Presence.objects.aleave_all("channel"), int)
    assert_type(await Presence.objects.aleave_user(user, "banned"), int)
    assert_type(await Presence.objects.ais_online([user], "lobby"), dict[Any, bool])
    assert_type(await Room.objects.apresent("lobby"), list[Member])
    assert_type(await Room.named("lobby").amembers(), list[Member])
    assert_type(await Room.named("lobby").acounts(), Counts)


def in_room(room: Room, presence: Presence) -> None:
    room.add_presence("channel", user=None, data=[1])
    room.add_presence("channel", capacity=30, exclusive="newest")
    room.remove_presence("channel")
    room.remove_presence(presence=presence)
    assert_type(room.prune_presences(), int)
    assert_type(Room.named("lobby"), Room)
    assert_type(Room.named("lobby", using="default"), Room)
    assert_type(room.channel_name, str)
    assert_type(room.created_at, datetime)
    assert_type(room.get_anonymous_count(), int)
    assert_type(room.counts().people, int)
    assert_type(room.members(), list[Member])
    assert_type(Room.objects.present("lobby"), list[Member])
    assert_type(Presence.objects.is_online([1]), dict[Any, bool])
    assert_type(room.presence_set.count(), int)
    assert_type(room.presence_set.filter(user__isnull=True).first(), Presence | None)
    for one in room.presence_set.all():
        assert_type(one, Presence)


def people(room: Room) -> list[str]:
    users: QuerySet[Any] = room.get_users()
    for user in room.get_users():
        assert_type(user.get_username(), str)
    for person in room.get_users_with_connections().order_by("-connection_count"):
        assert_type(person.connection_count, int)
        assert_type(person.get_username(), str)
    first = room.get_users_with_connections().first()
    if first is not None:
        assert_type(first.connection_count, int)
    return [user.get_username() for user in users]


def fields(presence: Presence, event: PresenceEvent, room: Room) -> None:
    assert_type(Presence.of_event(event, room), Presence)
    assert_type(presence.id, int)
    assert_type(presence.room, Room)
    assert_type(presence.room_id, str)
    assert_type(presence.channel_name, str)
    user: AbstractBaseUser | None = presence.user
    key: int | None = presence.user_id
    assert_type(presence.joined_at, datetime)
    assert_type(presence.last_seen, datetime)
    assert_type(presence.data, Any)
    assert_type(presence.process, str | None)
    assert_type(presence.touched_at, datetime)
    assert_type(presence.is_leased, bool)
    assert_type(presence.exclusive_room, str | None)
    assert_type(presence.is_exclusive, bool)
    print(user, key)


async def queries(name: str) -> None:
    assert_type(Room.objects.get_queryset(), RoomQuerySet[Room])
    assert_type(Presence.objects.get_queryset(), PresenceQuerySet[Presence])
    assert_type(Presence.objects.filter(room=name).delete(), tuple[int, dict[str, int]])
    assert_type(await Room.objects.filter(channel_name=name).adelete(), tuple[int, dict[str, int]])
    assert_type(Room.objects.get(channel_name=name), Room)
    assert_type(await Room.objects.filter(channel_name=name).afirst(), Room | None)
    async for presence in Presence.objects.filter(room=name).select_related("user"):
        assert_type(presence, Presence)


def names_of_the_original() -> None:
    layers: list[Any] = [channel_layer, get_channel_layer()]
    assert_type(Room.objects.prune_presences(None, 30), int)
    print(layers)


def processes(process: Process) -> None:
    assert_type(Process.objects, ProcessManager[Process])
    assert_type(Process.objects.get_queryset(), ProcessQuerySet[Process])
    assert_type(Process.objects.end_expired_leases(), int)
    assert_type(process.name, str)
    assert_type(process.started_at, datetime)
    assert_type(process.seen_at, datetime)


def dead_letters() -> None:
    for letter in DeadLetter.objects.all():
        assert_type(letter.id, int)
        assert_type(letter.worker, str)
        assert_type(letter.receiver, str)
        assert_type(letter.first, int)
        assert_type(letter.last, int)
        assert_type(letter.tries, int)
        assert_type(letter.error, str)
        assert_type(letter.at, datetime)
