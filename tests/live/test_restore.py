"""The worker on a restored database: in another cluster, or in an earlier state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from presence_events.models import Checkpoint, PresenceEvent
from projections.models import Room
from tests.live.connected import connected
from tests.live.databases import Cluster
from tests.live.dumps import drop, dump, execute, restore
from tests.live.received_signals import received_channels

Connect = Callable[[Cluster], AbstractContextManager[None]]

BEYOND = """
SELECT setval('presence_event_id_seq', last_value + 1000000) FROM presence_event_id_seq;
SELECT setval('presence_open_stay_id_seq', last_value + 1000000) FROM presence_open_stay_id_seq;
"""


@pytest.fixture(scope="module")
def old_of_module(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("old")).empty() as cluster:
        with connected(django_db_blocker, default=cluster):
            call_command("migrate", verbosity=0)
        yield cluster


@pytest.fixture
def old(old_of_module: Cluster) -> Cluster:
    old_of_module.use_new_database()
    return old_of_module


@pytest.fixture(scope="module")
def new_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("new")).empty() as cluster:
        yield cluster


@pytest.fixture
def new(new_of_module: Cluster, old: Cluster) -> Cluster:
    new_of_module.database = old.database
    return new_of_module


@pytest.fixture
def connect(django_db_blocker: Any, settings: Any) -> Connect:
    """Connects Django to a cluster. The worker sends the signals."""
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    return lambda cluster: connected(django_db_blocker, default=cluster)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


once = partial(run, "run_projector", "--once")
reset = partial(run, "run_projector", "--reset")


def join(*channels: str) -> None:
    for channel in channels:
        Room.objects.add("lobby", channel)


def assert_live_is_the_fold() -> None:
    assert run("replay_presence", "--check") == "Rooms and presences match the log.\n"


def test_in_another_cluster_the_worker_continues_from_its_checkpoint(
    old: Cluster, new: Cluster, connect: Connect, signals: list[dict[str, Any]]
) -> None:
    with connect(old):
        reset("end")
        join("a", "b")
        once()
        assert received_channels(signals) == ["a", "b"]
        join("c", "d")
        dumped = dump(old)
    restore(new, dumped)
    with connect(new):
        once()
        assert received_channels(signals) == ["c", "d"]
        join("e")
        once()
        assert received_channels(signals) == ["e"]
        assert_live_is_the_fold()


def test_in_another_cluster_events_after_an_undecided_one_are_delivered_again(
    old: Cluster, new: Cluster, connect: Connect, signals: list[dict[str, Any]]
) -> None:
    with connect(old), psycopg.connect(old.url()) as appending:
        join("a")
        reset("end")
        appending.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'lobby', 'late')")
        join("b")
        once()
        assert received_channels(signals) == ["b"]
        appending.commit()
        dumped = dump(old)
    restore(new, dumped)
    with connect(new):
        once()
        assert received_channels(signals) == ["late", "b"]
        once()
        assert received_channels(signals) == []
        assert_live_is_the_fold()


def test_in_another_cluster_the_checkpoint_can_be_set_to_any_position(
    old: Cluster, new: Cluster, connect: Connect, signals: list[dict[str, Any]]
) -> None:
    with connect(old):
        reset("end")
        join("a", "b", "c")
        dumped = dump(old)
    restore(new, dumped)
    with connect(new):
        first, *_ = PresenceEvent.objects.order_by("id").values_list("id", flat=True)
        for place, expected in (("end", []), ("beginning", ["a", "b", "c"]), (str(first), ["b", "c"])):
            reset(place)
            once()
            assert received_channels(signals) == expected
        join("d")
        once()
        assert received_channels(signals) == ["d"]


def test_after_a_restore_to_an_earlier_state_the_worker_continues_from_the_checkpoint_of_then(
    old: Cluster, connect: Connect, signals: list[dict[str, Any]]
) -> None:
    with connect(old), psycopg.connect(old.url()) as appending:
        reset("end")
        join("a")
        appending.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'lobby', 'late')")
        join("b")
        once()
        appending.commit()
        join("c")
        dumped = dump(old)
        join("lost")
        lost = PresenceEvent.objects.get(channel_name="lost")
        once()
        assert received_channels(signals) == ["a", "b", "late", "c", "lost"]
    drop(old)
    restore(old, dumped)
    execute(old, BEYOND)
    with connect(old):
        join("d")
        once()
        assert received_channels(signals) == ["late", "c", "d"]
        new = PresenceEvent.objects.get(channel_name="d")
        assert new.id > lost.id
        assert new.session > lost.session
        assert_live_is_the_fold()


@pytest.mark.parametrize("where", ["old", "new"])
def test_a_log_that_ends_before_the_checkpoint_is_not_followed(
    where: str, old: Cluster, new: Cluster, connect: Connect, signals: list[dict[str, Any]]
) -> None:
    with connect(old):
        join("a")
        dumped = dump(old)
        join("b")
        reset("end")
        checkpoint = Checkpoint.objects.get()
    drop(old)
    cluster = {"old": old, "new": new}[where]
    restore(cluster, dumped)
    with connect(cluster):
        checkpoint.save()
        with pytest.raises(CommandError, match="ends at 1"):
            run("run_projector", "--once")
        assert received_channels(signals) == []
        reset("end")
        join("c")
        once()
        assert received_channels(signals) == ["c"]
