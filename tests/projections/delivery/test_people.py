"""The signals for people: the first connection of a user in a room, and the last end."""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from presence_events.exceptions import CheckpointMoved
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, arecord, record
from projections._delivery import dispatch
from projections._worker import log_follower
from projections._worker.log_follower import Follower
from projections.models import Presence, Room
from projections.signals import person_joined, person_left, presence_changed
from tests.people import Change, Heard, connected, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard() -> Iterator[Heard]:
    with connected(Heard()) as heard:
        yield heard


@pytest.fixture(params=["inline", "worker"])
def deliver(request: pytest.FixtureRequest, settings: Any) -> Callable[[], None]:
    """Delivers what has been recorded: at once, or by a worker when the test calls this."""
    settings.CHANNELS_PRESENCE_SIGNALS = request.param
    if request.param == "inline":
        return lambda: None
    follower = Follower("projector", using="default")
    return lambda: run(follower)


def test_only_the_first_join_and_the_last_end_of_a_user_are_signalled(
    heard: Heard, deliver: Callable[[], None], user: Any, other_user: Any
) -> None:
    Room.objects.add("room", "tab.1", user)
    Room.objects.add("room", "tab.2", user)
    Room.objects.add("other", "tab.1", user)
    Room.objects.add("room", "grace", other_user)
    Room.objects.add("room", "anonymous")
    Presence.objects.touch("tab.1", "away")
    Room.objects.remove("room", "tab.1")
    Room.objects.remove("room", "anonymous")
    Room.objects.remove("room", "tab.2")
    Room.objects.add("room", "tab.3", user)
    deliver()
    assert heard.names == ["joined tab.1", "joined tab.1", "joined grace", "left tab.2", "joined tab.3"]
    assert [arguments["room"].channel_name for arguments in heard.arguments] == ["room", "other", *["room"] * 3]


def test_a_signal_has_the_presence_and_its_event(
    heard: Heard, deliver: Callable[[], None], user: Any, django_assert_num_queries: Any
) -> None:
    Room.objects.add("room", "channel", user, {"a": 1})
    Room.objects.remove("room", "channel")
    deliver()
    joined, left = heard.arguments
    (join, leave) = PresenceEvent.objects.all()
    assert (joined["sender"], joined["signal"], joined["events"], joined["replayed"]) == (
        Room,
        person_joined,
        [join],
        False,
    )
    assert (left["signal"], left["events"]) == (person_left, [leave])
    with django_assert_num_queries(0):
        assert (joined["presence"].user_id, joined["presence"].data) == (user.pk, {"a": 1})
        assert (left["presence"].pk, left["presence"].data) == (joined["presence"].pk, None)


def test_prunes_of_one_transaction_have_a_signal_for_each_person(
    heard: Heard, signals: list[Any], deliver: Callable[[], None], user: Any, other_user: Any
) -> None:
    record([Draft("join", "room", f"{name}.{tab}", who) for tab in "12" for name, who in _two(user, other_user)])
    Room.objects.prune_presences(0)
    deliver()
    last = {
        event.user_id: f"left {event.channel_name}"
        for event in PresenceEvent.objects.filter(kind="prune").order_by("id")
    }
    assert heard.names == ["joined ada.1", "joined grace.1", *last.values()]
    assert [len(signal["events"]) for signal in signals if signal["bulk_change"]] == [4]


def test_the_signal_for_a_person_follows_that_for_the_connection(
    heard: Heard, deliver: Callable[[], None], user: Any
) -> None:
    def changed(events: list[PresenceEvent], **arguments: Any) -> None:
        heard.names.append(f"{events[0].kind} {events[0].channel_name}")

    presence_changed.connect(changed)
    record([Draft("join", "room", channel, user) for channel in "xy"])
    deliver()
    assert heard.names == ["join x", "joined x", "join y"]


def test_a_user_whose_connection_is_replaced_was_never_absent(
    heard: Heard, deliver: Callable[[], None], user: Any
) -> None:
    Room.objects.add("room", "first", user)
    Room.objects.add("room", "second", user, exclusive="newest")
    Room.objects.remove("room", "second")
    deliver()
    assert heard.names == ["joined first", "left second"]


def test_to_a_worker_a_transaction_is_one_moment(heard: Heard, user: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    follower = Follower("projector", using="default")
    Room.objects.add("room", "first", user)
    with transaction.atomic():
        Room.objects.remove("room", "first")
        Room.objects.add("room", "second", user)
    run(follower)
    assert heard.names == ["joined first"]


def test_a_join_and_a_leave_in_one_transaction_are_both_signalled(
    heard: Heard, deliver: Callable[[], None], user: Any
) -> None:
    with transaction.atomic():
        Room.objects.add("room", "channel", user)
        Room.objects.remove("room", "channel")
    deliver()
    assert heard.names == ["joined channel", "left channel"]


async def test_coroutines_hear_of_people_with_their_users(user: Any) -> None:
    names: list[str] = []

    async def greet(presence: Presence, **arguments: Any) -> None:
        names.append(presence.user.get_username() if presence.user else "")

    with ExitStack() as stack:
        for signal in (person_joined, person_left):
            signal.connect(greet)
            stack.callback(signal.disconnect, greet)
        await arecord([Draft("join", "room", "x", user), Draft("join", "room", "y", user)])
        await arecord([Draft("leave", "room", "x"), Draft("leave", "room", "y")])
    assert names == ["ada", "ada"]


def test_nothing_is_asked_if_nobody_listens(user: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        Room.objects.add("room", "channel", user)
    assert len(queries) == 1


def test_people_of_a_delivery_are_one_query(heard: Heard, user: Any, other_user: Any) -> None:
    drafts = [
        Draft("join", f"room-{number}", who, owner) for number in range(5) for who, owner in _two(user, other_user)
    ]
    with CaptureQueriesContext(connection) as queries:
        record(drafts)
    assert len([query for query in queries if "pair.user_id" in query["sql"]]) == 1
    assert len(heard.names) == 10


def test_a_worker_has_receivers_if_somebody_hears_of_people() -> None:
    assert not dispatch.has_receivers("of-this-test")
    with connected(Heard(), "of-this-test"):
        assert dispatch.has_receivers("of-this-test")


@pytest.mark.parametrize("failures", [1, 2])
def test_what_a_failing_database_cannot_tell_is_logged_and_the_rest_is_sent(
    heard: Heard, signals: list[Any], user: Any, failures: int, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [OperationalError("unavailable")] * failures

    def fail_first(execute: Any, query: str, *args: Any) -> Any:
        if "pair.user_id" in query and errors:
            raise errors.pop()
        return execute(query, *args)

    with connection.execute_wrapper(fail_first), caplog.at_level(logging.ERROR):
        Room.objects.add("room", "channel", user)
    assert len(signals) == 1
    if failures == 1:
        assert (heard.names, caplog.records) == (["joined channel"], [])
    else:
        assert heard.names == []
        (logged,) = caplog.records
        assert (logged.name, "is unknown, and is not signalled: unavailable" in logged.getMessage()) == (
            "projections.signals",
            True,
        )


@pytest.fixture
def users(user: Any, other_user: Any) -> list[Any]:
    return [user, other_user, None]


def record_history(users: list[Any], seed: int) -> list[Change]:
    """Records a random history. Returns when users joined and left, counted in the order of the log."""
    random_ = random.Random(seed)
    for _ in range(60):
        with transaction.atomic():
            for _ in range(random_.randint(1, 3)):
                room, who = random_.choice("rs"), random_.choice(users)
                channel = f"{who and who.pk}.{random_.randint(1, 2)}"
                match random_.randint(1, 5):
                    case 1 | 2:
                        Room.objects.add(room, channel, who)
                    case 3 | 4:
                        Room.objects.remove(room, channel)
                    case _:
                        Presence.objects.touch(channel, random_.random())
    Room.objects.prune_presences(0)
    present = defaultdict[Any, set[Any]](set)
    changes: list[Change] = []
    for event in PresenceEvent.objects.exclude(kind="touch").filter(user__isnull=False).order_by("id"):
        stays = present[event.room, event.user_id]
        was_present = bool(stays)
        (stays.add if event.kind == "join" else stays.discard)(event.session)
        if was_present != bool(stays):
            changes.append(("left" if was_present else "joined", event))
    return changes


def by_person(changes: Iterable[Change]) -> dict[Any, list[Change]]:
    """Returns the changes of each user in each room, without those in which a transaction changed the connection."""
    found = defaultdict[Any, list[Change]](list)
    for what, event in changes:
        own = found[event.room, event.user_id]
        if what == "joined" and own and own[-1][0] == "left" and own[-1][1].tx == event.tx:
            own.pop()
        else:
            own.append((what, event))
    return {pair: own for pair, own in found.items() if own}


@pytest.fixture(params=[1000, 7])
def batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The number of events that are read at once."""
    monkeypatch.setattr(log_follower, "BATCH_SIZE", request.param)
    monkeypatch.setattr(dispatch, "RESEND_BATCH", request.param)
    return request.param


@pytest.mark.parametrize("seed", range(4))
def test_a_worker_that_comes_late_and_a_replay_signal_what_happened(
    heard: Heard, users: list[Any], settings: Any, batch: int, seed: int
) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    follower = Follower("projector", using="default")
    expected = by_person(record_history(users, seed))
    run(follower)
    by_worker = heard.changes()
    heard.arguments.clear()
    call_command("presence_resend", "..", stdout=StringIO(), stderr=StringIO())
    for changes in by_worker, heard.changes():
        assert by_person(changes) == expected
        # A transaction that is read in two batches is looked at in two parts.
        assert batch == 7 or len(changes) == sum(map(len, expected.values()))
    assert all(arguments["replayed"] for arguments in heard.arguments)


def test_a_replay_from_the_middle_knows_who_was_there(heard: Heard, user: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    Room.objects.add("room", "x", user)
    Room.objects.add("room", "y", user)
    Room.objects.remove("room", "x")
    Room.objects.remove("room", "y")
    (_, second, *_) = PresenceEvent.objects.all()
    call_command("presence_resend", f"{second.id}..", stdout=StringIO(), stderr=StringIO())
    assert heard.names == ["left y"]


def test_a_worker_that_died_signals_the_same_again(heard: Heard, user: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    dying = Follower("projector", using="default", is_leader=lambda: False)
    Room.objects.add("room", "x", user)
    Room.objects.add("room", "y", user)
    Room.objects.remove("room", "x")
    with pytest.raises(CheckpointMoved):
        dying.step()
    Room.objects.remove("room", "y")
    run(Follower("projector", using="default"))
    assert heard.names == ["joined x", "joined x", "left y"]


def _two(user: Any, other_user: Any) -> list[tuple[str, Any]]:
    return [("ada", user), ("grace", other_user)]
