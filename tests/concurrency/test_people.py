"""Who has arrived and left, if several transactions record the connections of one person at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections._delivery import people
from projections._worker.log_follower import Follower
from projections.models import Room
from tests.concurrency.conftest import DatabaseConnection
from tests.people import Heard, connected, run

pytestmark = pytest.mark.django_db(transaction=True)

NewConnection = Callable[..., DatabaseConnection]


@pytest.fixture
def heard() -> Iterator[Heard]:
    with connected(Heard()) as heard:
        yield heard


@pytest.fixture
def present(user: Any) -> Any:
    """Two connections of the user, and one of another user, which makes the room exist."""
    Room.objects.add("room", "resident")
    record([Draft("join", "room", channel, user) for channel in "xy"])
    return user


JOIN = "INSERT INTO presence_event (kind, room, channel_name, user_id) VALUES ('join', 'room', %s, %s)"


def test_the_last_of_two_ends_at_once_is_signalled_by_the_one_that_commits_last(
    present: Any, new_connection: NewConnection, settings: Any
) -> None:
    """The end with the lower position commits last. Neither process may leave it to the other one."""
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    slow = new_connection()
    (low,) = slow.append("leave", channel="x")
    (early,) = record([Draft("leave", "room", "y")])
    assert low < early.id
    assert people.now([early], "default") == set()
    slow.commit()
    late = PresenceEvent.objects.get(id=low)
    assert people.now([late], "default") == {low}


def test_an_end_is_signalled_though_the_user_has_joined_again_before_it_was_looked_at(
    present: Any, settings: Any
) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    record([Draft("leave", "room", "x")])
    (last,) = record([Draft("leave", "room", "y")])
    (again,) = record([Draft("join", "room", "z", present)])
    assert people.now([last], "default") == {last.id}
    assert people.now([again], "default") == {again.id}


def test_a_worker_counts_in_the_order_in_which_it_reads(
    present: Any, heard: Heard, new_connection: NewConnection, settings: Any
) -> None:
    """An event that commits late comes late, in spite of its lower position."""
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    follower = Follower("projector", using="default")
    slow = new_connection()
    slow.append("leave", channel="x")
    slow.run(JOIN, "z", present.pk)
    record([Draft("leave", "room", "y")])
    run(follower)
    assert heard.names == []
    slow.commit()
    run(follower)
    assert heard.names == []  # x left and z joined in one transaction
    slow.append("leave", channel="z")
    record([Draft("join", "room", "y", present)])
    run(follower)
    slow.commit()
    record([Draft("leave", "room", "y")])
    run(follower)
    assert heard.names == ["left y"]
