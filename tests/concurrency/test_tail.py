"""The log is read while others write: nothing is missed, nothing comes twice, and no stay is turned around."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError

from presence_events import tail
from presence_events.exceptions import InvalidPosition, LogIsShorter
from presence_events.models import PresenceEvent
from presence_events.positions import settled_position
from presence_events.tail import Mark, Tail
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db(transaction=True)

Connect = Callable[..., Any]


class Reader:
    """Reads on from where it was."""

    def __init__(self, **options: Any) -> None:
        self.tail = Tail("default", **options)
        self.mark = Mark.end("default")

    def read(self, limit: int = 1000) -> list[int]:
        events, self.mark = self.tail.read(self.mark, limit)
        return [event.id for event in events]

    def read_all(self, limit: int = 1000) -> list[int]:
        """Until a window that begins now has nothing in it."""
        found: list[int] = []
        for _ in range(2):  # what was begun, and what came since
            found += self.read(limit)
            while self.mark.window:
                found += self.read(limit)
        return found

    def restart(self) -> None:
        """As a process that was killed and comes back with what it had stored."""
        self.tail = Tail("default")
        self.mark = Mark.from_json(json.loads(json.dumps(self.mark.as_json())))


@pytest.fixture(autouse=True)
def rooms() -> None:
    """Whoever made a room that is not committed would keep the others waiting."""
    for room in ("room", "room-0", "room-1"):
        Room.objects.add(room, "somebody")


@pytest.fixture
def reader(rooms: None) -> Reader:
    return Reader()


def test_what_commits_later_with_a_lower_position_is_not_missed(sessions: Connect, reader: Reader) -> None:
    slow, fast = sessions(), sessions()
    (low,) = slow.append("join", "room", "slow")
    (high,) = fast.append("join", "room", "fast")
    fast.commit()
    assert low < high
    assert reader.read() == [high]
    slow.commit()
    assert reader.read() == [low]
    assert reader.read() == []


def test_an_old_transaction_that_appends_late_is_read_when_it_commits(sessions: Connect, reader: Reader) -> None:
    """Its transaction id is lower than those of all that was read before."""
    old, other = sessions(), sessions()
    old.run("SELECT pg_current_xact_id()")
    (first,) = other.append("join", "room", "first")
    other.commit()
    assert reader.read() == [first]
    (late,) = old.append("join", "room", "late")
    assert reader.read() == []
    old.commit()
    assert reader.read() == [late]


def test_a_leave_with_a_lower_transaction_id_comes_after_the_join_it_waited_for(
    sessions: Connect, reader: Reader
) -> None:
    leaver, joiner = sessions(), sessions()
    leaver.run("SELECT pg_current_xact_id()")
    (join,) = joiner.append("join")
    waiting = leaver.start("join")  # of the same connection: it waits, and changes nothing
    joiner.commit()
    assert waiting.result(10) == []
    (leave,) = leaver.append("leave")
    leaver.commit()
    assert reader.read() == [join, leave]


def test_a_rollback_leaves_a_gap_and_nothing_waits_for_it(sessions: Connect, reader: Reader) -> None:
    one, other = sessions(), sessions()
    one.append("join", "room", "never")
    (kept,) = other.append("join", "room", "kept")
    one.rollback()
    other.commit()
    assert reader.read() == [kept]
    assert reader.read() == []
    assert reader.mark.seen.low == reader.mark.seen.high == kept


def test_batches_end_inside_of_a_window(sessions: Connect, reader: Reader) -> None:
    slow, fast, later = sessions(), sessions(), sessions()
    low = slow.append("join", "room", "slow")
    high = [*fast.append("join", "room", "a"), *fast.append("join", "room", "b"), *fast.append("join", "room", "c")]
    fast.commit()
    assert reader.read(2) == high[:2]
    # What is committed inside of the window of positions, but after its snapshot, waits for the next one.
    slow.commit()
    afterwards = later.append("join", "room", "d")
    later.commit()
    assert reader.read(2) == high[2:]
    assert reader.read(2) == [*low, *afterwards]
    assert reader.read(2) == []


def test_a_batch_that_is_just_full_ends_with_the_next(sessions: Connect, reader: Reader) -> None:
    session = sessions()
    events = [*session.append("join", "room", "a"), *session.append("join", "room", "b")]
    session.commit()
    assert reader.read(2) == events
    assert reader.read(2) == []
    assert reader.mark.window is None


def test_a_long_transaction_that_writes_elsewhere_holds_nothing_up(sessions: Connect, reader: Reader) -> None:
    elsewhere, session = sessions(), sessions()
    elsewhere.run("CREATE TEMP TABLE elsewhere AS SELECT 1")
    for channel in ("a", "b"):
        events = session.append("join", "room", channel)
        session.commit()
        assert reader.read() == events
        assert reader.mark.seen.low == reader.mark.seen.high == events[0]


def test_a_long_transaction_that_has_appended_delays_its_own_events_alone(sessions: Connect, reader: Reader) -> None:
    slow, fast = sessions(), sessions()
    start = reader.mark.seen.low
    (early,) = slow.append("join", "room", "slow")
    for channel in ("a", "b", "c"):
        events = fast.append("join", "room", channel)
        fast.commit()
        assert reader.read() == events
    assert reader.mark.seen.low == start
    (late,) = slow.append("leave", "room", "slow")
    slow.commit()
    assert reader.read() == [early, late]
    assert reader.read() == []
    assert reader.mark.seen.low == late


def test_whoever_restarts_reads_on_where_it_was(sessions: Connect, reader: Reader) -> None:
    slow, fast = sessions(), sessions()
    low = slow.append("join", "room", "slow")
    high = [*fast.append("join", "room", "a"), *fast.append("join", "room", "b")]
    fast.commit()
    assert reader.read(1) == high[:1]
    reader.restart()
    assert reader.read(1) == high[1:]
    reader.restart()
    assert reader.read_all(1) == []
    reader.restart()
    slow.commit()
    assert reader.read_all(1) == low
    assert reader.read_all(1) == []


def test_a_prepared_transaction_is_read_when_it_commits(sessions: Connect, reader: Reader) -> None:
    """It loses its name while it is open."""
    two_phases, fast = sessions(), sessions()
    low = two_phases.append("join", "room", "slow")
    high = fast.append("join", "room", "fast")
    fast.commit()
    assert reader.read() == high
    two_phases.run("PREPARE TRANSACTION 'tail'")
    high = fast.append("leave", "room", "fast")
    fast.commit()
    assert reader.read() == high
    with connection.cursor() as cursor:
        cursor.execute("COMMIT PREPARED 'tail'")
    assert reader.read() == low
    assert reader.read() == []


@pytest.mark.usefixtures("sessions")
def test_touches_with_nothing_new_can_be_left_out() -> None:
    everything, news = Reader(), Reader(touches=False)
    Room.objects.add("room", "channel")
    Presence.objects.touch("channel")
    Presence.objects.touch("channel", {"status": "away"})
    Presence.objects.touch("channel", {"status": "away"})
    kinds = [(event.kind, event.data) for event in PresenceEvent.objects.in_bulk(news.read()).values()]
    assert kinds == [("join", None), ("touch", {"status": "away"})]
    assert len(everything.read()) == 4


def test_one_can_read_from_the_beginning_and_from_a_position(sessions: Connect) -> None:
    session = sessions()
    events = [*session.append("join", "room", "a"), *session.append("join", "room", "b")]
    session.commit()
    one, reader = Tail("default"), Reader()
    reader.mark = Mark.after(0, "default")
    assert reader.read_all()[-2:] == events
    found, mark = one.read(Mark.after(events[0], "default"), 1000)
    assert [event.id for event in found] == events[1:]
    assert mark.window is None
    afterwards = session.append("leave", "room", "a")
    session.commit()
    assert [event.id for event in one.read(mark, 1000)[0]] == afterwards


@pytest.mark.parametrize("position", [-1, 10**6])
def test_there_is_nothing_after_a_position_that_is_none(position: int) -> None:
    with pytest.raises(InvalidPosition, match=f"Got {position}, and the log ends at"):
        Mark.after(position, "default")


def test_what_was_written_in_another_cluster_is_read(sessions: Connect) -> None:
    """Its transactions are unknown to every snapshot of this one, until they are others."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE presence_event SET tx = '99999999'")
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")
    session = sessions()
    events = session.append("join")
    session.commit()
    reader = Reader()
    reader.mark = Mark.after(0, "default")
    found = reader.read_all()
    assert len(found) == 4
    assert found[-1:] == events


def test_it_is_not_read_in_a_transaction(reader: Reader) -> None:
    with transaction.atomic(), pytest.raises(TransactionManagementError):
        reader.read()


def test_a_log_that_has_become_shorter_is_not_read_on(reader: Reader) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('presence_event_id_seq', 1)")
    with pytest.raises(LogIsShorter, match="It ends at 1 and was read up to"):
        reader.read()


def test_a_mark_at_the_end_waits_for_who_is_appending(sessions: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would have to know where they began."""
    monkeypatch.setattr("presence_events.tail.settled_position", partial(settled_position, patience=0.1))
    session = sessions()
    session.append("join")
    with pytest.raises(OperationalError, match="stays open"):
        Mark.end("default")
    session.commit()
    assert Mark.end("default").seen.open == {}


def test_a_savepoint_does_not_lead_back_to_where_its_transaction_began(sessions: Connect, reader: Reader) -> None:
    slow, fast = sessions(), sessions()
    slow.run("CREATE TEMP TABLE elsewhere AS SELECT 1")
    slow.run("SAVEPOINT one")
    slow.append("join", "room", "slow")
    for channel in "abc":
        fast.append("join", "room", channel)
        fast.commit()
        mark = reader.tail.look(reader.mark)
        assert mark.position == mark.seen.high
        reader.read()


def test_without_the_right_to_ask_the_log_does_not_seem_empty(reader: Reader) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE curious")
        cursor.execute("GRANT SELECT ON presence_event TO curious")
        cursor.execute("SET ROLE curious")
        try:
            with pytest.raises(ProgrammingError, match="presence_event_id_seq"):
                reader.read()
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY curious")
            cursor.execute("DROP ROLE curious")


def test_a_read_looks_at_a_bounded_part_of_the_log(
    sessions: Connect, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "STRETCH", 2)
    session = sessions()
    events = [session.append("join", "room", channel)[0] for channel in "abcde"]
    session.commit()
    assert [reader.read() for _ in range(3)] == [events[:2], events[2:4], events[4:]]
    assert reader.mark.window is None


def test_where_a_transaction_may_have_appended_is_known_of_each(sessions: Connect, reader: Reader) -> None:
    """So that the end of a short one does not lead back to where a long one began."""
    long, short, other = sessions(), sessions(), sessions()
    begin = reader.mark.seen.high
    (first,) = long.append("join", "room", "long")
    assert reader.read() == []
    between = other.append("join", "room", "between")
    other.commit()
    assert reader.read() == between
    low = short.append("join", "room", "short")
    high = other.append("leave", "room", "between")
    other.commit()
    assert reader.read() == high
    assert sorted(reader.mark.seen.open.values()) == [begin, between[0]]
    short.commit()
    _, mark = Tail("default").read(reader.mark, 1)
    assert (mark.seen.low, mark.position) == (begin, low[0])
    assert reader.read() == low
    long.commit()
    assert reader.read() == [first]
    assert reader.mark.decided == reader.mark.reached == high[0]


@pytest.mark.parametrize(
    "stored", [None, [], [None, None, 0, 0], [["1:1:"], None, 0, 0], [["1:1:", 0, [1]], None, 0, 0], "mark"]
)
def test_a_mark_that_is_none_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011, the message is Python's
        Mark.from_json(stored)


def test_whatever_commits_in_whatever_order_is_read_once_and_in_order(sessions: Connect, reader: Reader) -> None:
    """Many connections join and leave in transactions of random length, while the log is read in small batches by
    somebody who is restarted all the time."""

    def work(number: int) -> None:
        session, chance = sessions(), random.Random(number)
        for _ in range(60):
            for _ in range(chance.randrange(1, 4)):
                kind = chance.choice(["join", "leave"])
                session.append(kind, f"room-{number % 2}", f"channel-{number}-{chance.randrange(3)}")
            session.rollback() if chance.random() < 0.2 else session.commit()

    workers = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for worker in workers:
        worker.start()
    chance, read = random.Random(0), list[int]()
    while any(worker.is_alive() for worker in workers):
        read += reader.read(chance.randrange(1, 8))
        if chance.random() < 0.2:
            reader.restart()
    read += reader.read_all(5)

    stored = {event.id: event for event in PresenceEvent.objects.filter(id__in=read)}
    assert len(read) == len(set(read))
    assert set(read) == set(PresenceEvent.objects.filter(id__gte=min(read)).values_list("id", flat=True))
    by_connection: dict[Any, list[int]] = {}
    for position in read:
        by_connection.setdefault((stored[position].room, stored[position].channel_name), []).append(position)
    for positions in by_connection.values():
        assert positions == sorted(positions)
