"""The selections: which drafts their queries find. Their invalid arguments are tested with the managers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from presence_events.models import Process
from presence_events.recorder import Selection, record_select
from projections import selections, times
from projections.models import Room
from tests.time import age_presences

pytestmark = pytest.mark.django_db


def drafts(selection: Selection) -> list[tuple[Any, ...]]:
    """Records the selection, and returns kind, room, connection, user and data of its events."""
    events = record_select(selection)
    return [(event.kind, event.room, event.channel_name, event.user_id, event.data) for event in events]


def join(process: str, channel: str) -> None:
    """Records a join that is claimed for ``process``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'room', %s, %s)",
            [channel, process],
        )


@pytest.fixture
def presences(user: Any) -> None:
    for room, channel, person in [("a", "1", user), ("b", "1", user), ("a", "2", None)]:
        Room.objects.add(room, channel, person)


@pytest.mark.usefixtures("presences")
def test_join_as_the_same_user_finds_nothing_that_changes(user: Any) -> None:
    assert drafts(selections.join("a", "1", user, None)) == []


@pytest.mark.usefixtures("presences")
def test_join_as_another_user_ends_the_present_stay_first(user: Any, other_user: Any) -> None:
    assert drafts(selections.join("a", "1", other_user, {"n": 1})) == [
        ("leave", "a", "1", user.pk, {"reason": "joined again as another user"}),
        ("join", "a", "1", other_user.pk, {"n": 1}),
    ]


@pytest.mark.usefixtures("presences")
def test_touch_finds_the_connection_in_every_room(user: Any) -> None:
    assert drafts(selections.touch("1")) == [("touch", room, "1", user.pk, None) for room in ("a", "b")]
    assert drafts(selections.touch_with_data("2", {"n": 1})) == [("touch", "a", "2", None, {"n": 1})]


@pytest.mark.usefixtures("presences")
def test_heartbeat_finds_the_given_stays_that_are_present(user: Any) -> None:
    stays = [("a", "1"), ("a", "2"), ("b", "2"), ("nowhere", "1")]
    assert drafts(selections.heartbeat(stays)) == [("touch", "a", "1", user.pk, None), ("touch", "a", "2", None, None)]


@pytest.mark.usefixtures("presences")
def test_leave_all_finds_the_connection_in_every_room(user: Any) -> None:
    assert drafts(selections.leave_all("1")) == [("leave", room, "1", user.pk, None) for room in ("a", "b")]


@pytest.mark.usefixtures("presences")
def test_leave_user_finds_every_connection_of_the_user(user: Any) -> None:
    Room.objects.add("c", "3", user)
    reason = {"reason": "banned"}
    assert drafts(selections.leave_user(user, "banned")) == [
        ("leave", "a", "1", user.pk, reason),
        ("leave", "b", "1", user.pk, reason),
        ("leave", "c", "3", user.pk, reason),
    ]


@pytest.mark.usefixtures("presences")
def test_prune_presences_finds_silent_presences_of_the_room_or_of_all_rooms(user: Any) -> None:
    age_presences("1", seconds=61)
    assert drafts(selections.prune_presences("a", None)) == [("prune", "a", "1", user.pk, None)]
    assert drafts(selections.prune_presences(None, 62)) == []
    assert drafts(selections.prune_presences(None, 60)) == [("prune", "b", "1", user.pk, None)]


def test_prune_dead_servers_finds_silent_presences_of_processes_that_were_not_seen_since() -> None:
    seen = timezone.now() - timedelta(seconds=60)
    for process, channel in [("dead", "silent"), ("dead", "touched"), ("renewed", "other")]:
        Process.objects.get_or_create(name=process, defaults={"started_at": seen, "seen_at": seen})
        join(process, channel)
    age_presences("silent", "other", seconds=55)
    microseconds = times.microseconds(seen)
    selection = selections.prune_dead_servers(["dead", "renewed"], [microseconds, microseconds - 1], 10)
    reason = {"reason": selections.SERVER_DIED, "process": "dead"}
    assert drafts(selection) == [("prune", "room", "silent", None, reason)]


@pytest.mark.usefixtures("presences")
def test_prune_rooms_finds_empty_rooms() -> None:
    Room.objects.remove("b", "1")
    assert drafts(selections.prune_rooms()) == [("prune", "b", None, None, None)]
