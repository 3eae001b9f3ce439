"""Presence under daphne and uvicorn, with hundreds of sockets that connect, close, break off and stop answering."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models
from django.db.models.functions import Now

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.live.servers import KINDS, Server
from tests.live.sockets import HEARTBEAT, Crowd, Socket, Visit
from tests.waiting import wait_until

ROOMS = [f"room-{number}" for number in range(10)]
CONSUMERS = ("sync", "async")

both_consumers = pytest.mark.parametrize("consumer", CONSUMERS)


def test_hundreds_of_concurrent_joins_are_each_recorded_and_counted_once(crowd: Crowd, people: list[Any]) -> None:
    sockets = crowd.join(*visits(300, people))

    assert occupancy() == expected_occupancy(sockets)
    assert stays() == expected_stays(sockets)
    assert recorded("join") == expected_stays(sockets)
    assert PresenceEvent.objects.of_rooms().count() == len(expected_stays(sockets))
    assert_live_is_the_fold()


def test_sockets_that_close_leave_and_the_others_stay(crowd: Crowd, people: list[Any]) -> None:
    sockets = crowd.join(*visits(100, people))
    leaving, staying = sockets[::2], sockets[1::2]

    crowd.close(leaving)

    wait_until(lambda: stays() == expected_stays(staying))
    assert recorded("leave") == expected_stays(leaving)
    assert occupancy() == expected_occupancy(staying)
    assert_live_is_the_fold()


def test_sockets_that_break_off_without_a_close_frame_leave(crowd: Crowd, people: list[Any]) -> None:
    sockets = crowd.join(*visits(90, people))
    aborted, dropped, staying = sockets[::3], sockets[1::3], sockets[2::3]

    crowd.vanish(aborted, reset=True)
    crowd.vanish(dropped, reset=False)

    wait_until(lambda: stays() == expected_stays(staying))
    assert recorded("leave") == expected_stays(aborted + dropped)
    assert recorded("prune") == []
    assert_live_is_the_fold()


def test_silent_sockets_are_pruned_and_those_with_heartbeats_stay(
    server: Server, crowd: Crowd, people: list[Any]
) -> None:
    sockets = crowd.join(*visits(60, people))
    silent, active = sockets[::3], [one for number, one in enumerate(sockets) if number % 3]
    crowd.fall_silent(silent)
    wait_until(lambda: age_of_the_youngest(silent) > 2)
    send_heartbeats(crowd, active)

    age = age_of_the_youngest(silent)
    answer = server.prune(age)

    assert answer == f"{len(expected_stays(silent))} pruned\n"
    assert recorded("prune") == expected_stays(silent)
    assert recorded("leave") == []
    assert stays() == expected_stays(active)
    assert occupancy() == expected_occupancy(active)
    for event in PresenceEvent.objects.filter(kind="prune"):
        assert event.last_seen is not None
        assert event.since == event.last_seen <= event.at - timedelta(seconds=age)
    assert_live_is_the_fold()


def test_a_prune_is_announced_once_to_the_room_and_not_to_the_pruned_sockets(server: Server, crowd: Crowd) -> None:
    """The next messages of the pruned sockets heal them."""
    silent = crowd.join(*(Visit(consumer, ("a",)) for consumer in CONSUMERS * 5))
    crowd.fall_silent(silent)
    wait_until(lambda: age_of_the_youngest(silent) > 1)
    watching = crowd.join(*(Visit(consumer, ("a",)) for consumer in CONSUMERS))

    server.prune(age_of_the_youngest(silent))

    passed_barrier(crowd, watching)
    crowd.wake(silent)
    passed_barrier(crowd, silent)
    prunes = [["prune", channel] for channel in sorted(channels(silent))]
    for one in watching:
        (announced,) = [message for message in one.presence if message["changes"] == prunes]
        assert announced["lurkers"] == len(watching)
    for one in silent:
        assert prunes not in [message["changes"] for message in one.presence]
    assert stays() == expected_stays([*watching, *silent])


@both_consumers
def test_heartbeats_touch_and_do_not_reach_the_handler(crowd: Crowd, consumer: str) -> None:
    (one,) = crowd.join(Visit(consumer, ("a", "b")))

    crowd.send([one], HEARTBEAT)
    crowd.send([one], "hello")

    wait_until(lambda: one.echoes)
    assert one.echoes == ["hello"]
    assert recorded("touch") == [("a", one.channel), ("a", one.channel), ("b", one.channel), ("b", one.channel)]
    assert_live_is_the_fold()


@both_consumers
def test_binary_frames_touch_and_reach_the_handler(crowd: Crowd, consumer: str) -> None:
    (one,) = crowd.join(Visit(consumer, ("a",)))

    crowd.send([one], b"\x00\xff")
    crowd.send([one], HEARTBEAT.encode())

    wait_until(lambda: len(one.echoes) == 2)
    assert one.echoes == [b"\x00\xff", HEARTBEAT.encode()]
    assert recorded("touch") == [("a", one.channel), ("a", one.channel)]
    assert_live_is_the_fold()


@both_consumers
def test_sockets_receive_every_change_of_their_room_from_their_own_join_on(
    consumer: str, crowd: Crowd, people: list[Any]
) -> None:
    sockets = crowd.join(*(visit._replace(consumer=consumer) for visit in visits(50, people)))
    leaving, staying = sockets[:15], sockets[15:]

    crowd.close(leaving)

    wait_until(lambda: stays() == expected_stays(staying))
    passed_barrier(crowd, staying)
    occupied = occupancy()
    changes = defaultdict(list)
    for room, kind, channel in PresenceEvent.objects.exclude(kind="touch").values_list("room", "kind", "channel_name"):
        changes[room].append([kind, channel])
    for one in staying:
        for room in one.visit.rooms:
            since_arrival = changes[room][changes[room].index(["join", one.channel]) :]
            messages = [message for message in one.presence if message["room"] == room]
            received = [change for message in messages for change in message["changes"]]
            # A socket also receives the earlier events of the batch that recorded its own join.
            assert received == changes[room][-len(received) :]
            assert received[-len(since_arrival) :] == since_arrival
            users, anonymous = occupied[room]
            assert (messages[-1]["members"], messages[-1]["lurkers"]) == (sorted(map(str, users)), anonymous)
        assert {message["room"] for message in one.presence} == set(one.visit.rooms)


@both_consumers
def test_a_socket_that_left_a_room_receives_no_more_changes(crowd: Crowd, consumer: str) -> None:
    leaver, resident = crowd.join(Visit(consumer, ("a",)), Visit(consumer, ("a",)))
    crowd.send([leaver], "leave")
    wait_until(lambda: leaver.echoes)
    passed_barrier(crowd, [leaver])
    received = list(leaver.presence)

    (late,) = crowd.join(Visit(consumer, ("a",)))
    crowd.close([late])

    wait_until(lambda: [["leave", late.channel]] in [message["changes"] for message in resident.presence])
    passed_barrier(crowd, [leaver])
    assert leaver.presence == received
    assert [["leave", leaver.channel]] not in [message["changes"] for message in received]


def test_a_user_with_three_sockets_is_one_user(crowd: Crowd, people: list[Any]) -> None:
    room = Room(channel_name="a")
    first, second, third = crowd.join(
        Visit("sync", ("a",), people[0]), Visit("async", ("a",), people[0]), Visit("sync", ("a",), people[0])
    )
    assert list(room.get_users()) == [people[0]]
    assert (room.presence_set.count(), room.get_anonymous_count()) == (3, 0)

    crowd.close([first, second])
    wait_until(lambda: room.presence_set.count() == 1)
    assert list(room.get_users()) == [people[0]]

    crowd.vanish([third], reset=True)
    wait_until(lambda: room.presence_set.count() == 0)
    assert list(room.get_users()) == []


def test_live_is_the_fold_after_concurrent_joins_touches_and_leaves(
    server: Server, crowd: Crowd, people: list[Any]
) -> None:
    chance = random.Random(7)
    messages: list[str | bytes] = [HEARTBEAT, b"beat", "hello"]

    async def live(visit: Visit) -> Socket:
        one = await crowd.enter(visit)
        for _ in range(chance.randrange(4)):
            await one.connection.send(chance.choice(messages))
        match chance.choice(["close", "RST", "FIN", "leave", "stay"]):
            case "close":
                await one.connection.close()
            case "leave":
                await one.connection.send("leave")
            case "RST":
                await one.vanish(reset=True)
            case "FIN":
                await one.vanish(reset=False)
        return one

    sockets = crowd.run([live(visit) for visit in visits(100, people)])
    crowd.vanish(sockets, reset=False)
    wait_until(lambda: server.open_sockets() == 0)

    assert stays() == []
    assert recorded("join") == recorded("leave") == expected_stays(sockets)
    assert_live_is_the_fold()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KINDS)
def test_presences_of_a_killed_server_are_pruned_by_another_process(
    kind: str, tmp_path: Path, people: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(kind, tmp_path / "log")
    crowd = Crowd(server.port)
    try:
        sockets = crowd.join(*visits(20, people))
        server.kill()
    finally:
        server.stop()
        crowd.disperse()
    assert stays() == expected_stays(sockets)

    call_command("prune_presences", "--age=0")

    assert capsys.readouterr().out == f"{len(expected_stays(sockets))} pruned\n"
    assert stays() == []
    assert recorded("prune") == expected_stays(sockets)
    assert_live_is_the_fold()


def test_a_socket_that_breaks_off_before_a_group_message_is_handled_leaves(server: Server, crowd: Crowd) -> None:
    """While a consumer is busy, its room gets a message and then its client breaks off the connection.

    Channels passes the message to the consumer first. uvicorn raises when the consumer sends it to the client, and
    Channels ends the consumer without calling disconnect.
    """
    (one,) = crowd.join(Visit("unguarded", ("a",)))
    crowd.send([one], "wait at the gate")
    wait_until(lambda: one.echoes)
    (other,) = crowd.join(Visit("async", ("a",)))

    crowd.vanish([one], reset=True)
    wait_until(lambda: server.open_sockets() == 2)
    server.open_gate()
    wait_until(lambda: server.open_sockets() == 1)

    assert stays() == expected_stays([other])


@pytest.fixture
def people(transactional_db: None, django_user_model: type[models.Model]) -> list[Any]:
    return django_user_model._default_manager.bulk_create(
        django_user_model(username=f"user {number}") for number in range(40)
    )


def visits(number: int, people: list[Any]) -> list[Visit]:
    """Returns ``number`` visits to one or two of ten rooms, half of them to each consumer, some anonymous.

    The result depends only on the arguments.
    """
    chance = random.Random(number)
    return [
        Visit(
            CONSUMERS[index % 2],
            tuple(chance.sample(ROOMS, chance.choice([1, 1, 1, 2]))),
            chance.choice([None, *people]) if chance.random() < 0.8 else None,
        )
        for index in range(number)
    ]


def send_heartbeats(crowd: Crowd, sockets: list[Socket]) -> None:
    """Sends a heartbeat from each of ``sockets``. Returns when all of them are recorded."""
    before = [len(one.echoes) for one in sockets]
    crowd.send(sockets, HEARTBEAT)
    crowd.send(sockets, "hello")
    wait_until(lambda: all(len(one.echoes) > count for one, count in zip(sockets, before, strict=True)))


def passed_barrier(crowd: Crowd, sockets: list[Socket]) -> None:
    """Returns when each of ``sockets`` has received everything that was sent to its rooms so far."""
    before = [one.barriers for one in sockets]
    crowd.send(sockets, "barrier")
    wait_until(lambda: all(one.barriers > count for one, count in zip(sockets, before, strict=True)))


def age_of_the_youngest(sockets: Iterable[Socket]) -> float:
    """Returns the seconds since the latest sign of life of any of ``sockets``. The value can only grow."""
    age = models.ExpressionWrapper(Now() - models.Max("last_seen"), models.DurationField())
    answer: timedelta = Presence.objects.filter(channel_name__in=channels(sockets)).aggregate(age=age)["age"]
    return answer.total_seconds()


def channels(sockets: Iterable[Socket]) -> list[str]:
    return [one.channel for one in sockets]


def stays() -> list[tuple[str, str]]:
    return sorted(Presence.objects.values_list("room_id", "channel_name"))


def recorded(kind: str) -> list[tuple[str, str | None]]:
    """Returns room and channel name of every event of that kind in the log, with repetitions."""
    return sorted(PresenceEvent.objects.of_rooms().filter(kind=kind).values_list("room", "channel_name"))


def expected_stays(sockets: Iterable[Socket]) -> list[tuple[str, str]]:
    return sorted((room, one.channel) for one in sockets for room in one.visit.rooms)


def occupancy() -> dict[str, tuple[set[Any], int]]:
    """Returns, for each room, the keys of its users and the number of its anonymous connections."""
    return {
        room.channel_name: ({user.pk for user in room.get_users()}, room.get_anonymous_count())
        for room in Room.objects.all()
    }


def expected_occupancy(sockets: Iterable[Socket]) -> dict[str, tuple[set[Any], int]]:
    users: dict[str, set[Any]] = defaultdict(set)
    anonymous: Counter[str] = Counter()
    for one in sockets:
        for room in one.visit.rooms:
            if one.visit.user is None:
                anonymous[room] += 1
            else:
                users[room].add(one.visit.user.pk)
    return {room: (users[room], anonymous[room]) for room in ROOMS}
