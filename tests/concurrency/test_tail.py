"""Reading the log while other connections write: each event is read exactly once, and each stay in its order."""

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

NewConnection = Callable[..., Any]


class Reader:
    """Reads the log and keeps its mark."""

    def __init__(self, **options: Any) -> None:
        self.tail = Tail("default", **options)
        self.mark = Mark.end("default")

    def read(self, limit: int = 1000) -> list[int]:
        events, self.mark = self.tail.read(self.mark, limit)
        return [event.id for event in events]

    def read_all(self, limit: int = 1000) -> list[int]:
        """Reads until a window that begins after the call is empty."""
        found: list[int] = []
        for _ in range(2):  # the window that has begun, and one of the events since
            found += self.read(limit)
            while self.mark.window:
                found += self.read(limit)
        return found

    def restart(self) -> None:
        """Does what a process does that was killed: continues with the stored mark."""
        self.tail = Tail("default")
        self.mark = Mark.from_json(json.loads(json.dumps(self.mark.as_json())))


@pytest.fixture(autouse=True)
def rooms() -> None:
    """Creates the rooms. A connection that created one and has not committed would block joins of the others."""
    for room in ("room", "room-0", "room-1"):
        Room.objects.add(room, "resident")


@pytest.fixture
def reader(rooms: None) -> Reader:
    return Reader()


def test_an_event_that_commits_later_with_a_lower_position_is_not_missed(
    new_connection: NewConnection, reader: Reader
) -> None:
    slow, fast = new_connection(), new_connection()
    (low,) = slow.append("join", "room", "slow")
    (high,) = fast.append("join", "room", "fast")
    fast.commit()
    assert low < high
    assert reader.read() == [high]
    slow.commit()
    assert reader.read() == [low]
    assert reader.read() == []


def test_an_old_transaction_that_appends_late_is_read_when_it_commits(
    new_connection: NewConnection, reader: Reader
) -> None:
    """Its transaction id is lower than those of all events that were read before."""
    old, other = new_connection(), new_connection()
    old.run("SELECT pg_current_xact_id()")
    (first,) = other.append("join", "room", "first")
    other.commit()
    assert reader.read() == [first]
    (late,) = old.append("join", "room", "late")
    assert reader.read() == []
    old.commit()
    assert reader.read() == [late]


def test_a_leave_with_a_lower_transaction_id_comes_after_the_join_it_waited_for(
    new_connection: NewConnection, reader: Reader
) -> None:
    leaver, joiner = new_connection(), new_connection()
    leaver.run("SELECT pg_current_xact_id()")
    (join,) = joiner.append("join")
    waiting = leaver.start("join")  # of the same channel name: it waits, and then changes nothing
    joiner.commit()
    assert waiting.result(30) == []
    (leave,) = leaver.append("leave")
    leaver.commit()
    assert reader.read() == [join, leave]


def test_a_rollback_leaves_a_gap_and_nothing_waits_for_it(new_connection: NewConnection, reader: Reader) -> None:
    one, other = new_connection(), new_connection()
    one.append("join", "room", "never")
    (kept,) = other.append("join", "room", "kept")
    one.rollback()
    other.commit()
    assert reader.read() == [kept]
    assert reader.read() == []
    assert reader.mark.seen.low == reader.mark.seen.high == kept


def test_batches_end_inside_a_window(new_connection: NewConnection, reader: Reader) -> None:
    slow, fast, later = new_connection(), new_connection(), new_connection()
    low = slow.append("join", "room", "slow")
    high = [*fast.append("join", "room", "a"), *fast.append("join", "room", "b"), *fast.append("join", "room", "c")]
    fast.commit()
    assert reader.read(2) == high[:2]
    # An event in the window of positions that is committed after the window's snapshot waits for the next window.
    slow.commit()
    afterwards = later.append("join", "room", "d")
    later.commit()
    assert reader.read(2) == high[2:]
    assert reader.read(2) == [*low, *afterwards]
    assert reader.read(2) == []


def test_a_window_that_fills_a_batch_ends_with_the_next_read(new_connection: NewConnection, reader: Reader) -> None:
    writer = new_connection()
    events = [*writer.append("join", "room", "a"), *writer.append("join", "room", "b")]
    writer.commit()
    assert reader.read(2) == events
    assert reader.read(2) == []
    assert reader.mark.window is None


def test_a_long_transaction_that_writes_to_other_tables_delays_nothing(
    new_connection: NewConnection, reader: Reader
) -> None:
    other, writer = new_connection(), new_connection()
    other.run("CREATE TEMP TABLE unrelated AS SELECT 1")
    for channel in ("a", "b"):
        events = writer.append("join", "room", channel)
        writer.commit()
        assert reader.read() == events
        assert reader.mark.seen.low == reader.mark.seen.high == events[0]


def test_a_long_transaction_that_has_appended_delays_only_its_own_events(
    new_connection: NewConnection, reader: Reader
) -> None:
    slow, fast = new_connection(), new_connection()
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


def test_a_restarted_reader_continues_at_its_mark(new_connection: NewConnection, reader: Reader) -> None:
    slow, fast = new_connection(), new_connection()
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


def test_a_prepared_transaction_is_read_when_it_commits(new_connection: NewConnection, reader: Reader) -> None:
    """While it is open, it has neither a backend nor a virtual transaction id."""
    two_phases, fast = new_connection(), new_connection()
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


@pytest.mark.usefixtures("new_connection")
def test_touches_without_new_data_can_be_left_out() -> None:
    everything, news = Reader(), Reader(touches=False)
    Room.objects.add("room", "channel")
    Presence.objects.touch("channel")
    Presence.objects.touch("channel", {"status": "away"})
    Presence.objects.touch("channel", {"status": "away"})
    kinds = [(event.kind, event.data) for event in PresenceEvent.objects.in_bulk(news.read()).values()]
    assert kinds == [("join", None), ("touch", {"status": "away"})]
    assert len(everything.read()) == 4


def test_a_reader_can_start_at_the_beginning_or_at_a_position(new_connection: NewConnection) -> None:
    writer = new_connection()
    events = [*writer.append("join", "room", "a"), *writer.append("join", "room", "b")]
    writer.commit()
    one, reader = Tail("default"), Reader()
    reader.mark = Mark.after(0, "default")
    assert reader.read_all()[-2:] == events
    found, mark = one.read(Mark.after(events[0], "default"), 1000)
    assert [event.id for event in found] == events[1:]
    assert mark.window is None
    afterwards = writer.append("leave", "room", "a")
    writer.commit()
    assert [event.id for event in one.read(mark, 1000)[0]] == afterwards


@pytest.mark.parametrize("position", [-1, 10**6])
def test_a_position_outside_the_log_is_refused(position: int) -> None:
    with pytest.raises(InvalidPosition, match=f"Got {position}, but the log ends at"):
        Mark.after(position, "default")


def test_events_with_transaction_ids_of_another_cluster_are_read(new_connection: NewConnection) -> None:
    """Their transaction ids lie in the future of every snapshot of this cluster, until it uses them itself."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE presence_event SET tx = '99999999'")
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")
    writer = new_connection()
    events = writer.append("join")
    writer.commit()
    reader = Reader()
    reader.mark = Mark.after(0, "default")
    found = reader.read_all()
    assert len(found) == 4
    assert found[-1:] == events


def test_reading_in_a_transaction_is_refused(reader: Reader) -> None:
    with transaction.atomic(), pytest.raises(TransactionManagementError):
        reader.read()


def test_reading_a_log_that_has_become_shorter_is_refused(reader: Reader) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('presence_event_id_seq', 1)")
    with pytest.raises(LogIsShorter, match="It ends at 1 and was read up to"):
        reader.read()


def test_a_mark_at_the_end_waits_for_open_transactions_that_append(
    new_connection: NewConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the mark would have to contain where they began."""
    monkeypatch.setattr("presence_events.tail.settled_position", partial(settled_position, timeout=0.1))
    writer = new_connection()
    writer.append("join")
    with pytest.raises(OperationalError, match="stays open"):
        Mark.end("default")
    writer.commit()
    assert Mark.end("default").seen.open == {}


def test_a_savepoint_does_not_move_the_reader_back_to_the_start_of_its_transaction(
    new_connection: NewConnection, reader: Reader
) -> None:
    slow, fast = new_connection(), new_connection()
    slow.run("CREATE TEMP TABLE unrelated AS SELECT 1")
    slow.run("SAVEPOINT one")
    slow.append("join", "room", "slow")
    for channel in "abc":
        fast.append("join", "room", channel)
        fast.commit()
        mark = reader.tail.open_window(reader.mark)
        assert mark.position == mark.seen.high
        reader.read()


def test_a_role_without_access_to_the_sequence_gets_an_error_and_not_an_empty_log(reader: Reader) -> None:
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
    new_connection: NewConnection, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "MAX_RANGE", 2)
    writer = new_connection()
    events = [writer.append("join", "room", channel)[0] for channel in "abcde"]
    writer.commit()
    assert [reader.read() for _ in range(3)] == [events[:2], events[2:4], events[4:]]
    assert reader.mark.window is None


def test_the_mark_stores_for_each_transaction_where_it_may_have_appended(
    new_connection: NewConnection, reader: Reader
) -> None:
    """The end of a short transaction must not move the reader back to where a long one began."""
    long, short, other = new_connection(), new_connection(), new_connection()
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
def test_an_invalid_mark_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011, the message is Python's
        Mark.from_json(stored)


def test_concurrent_commits_are_read_once_and_in_order(new_connection: NewConnection, reader: Reader) -> None:
    """Six connections append in transactions of random length, while a reader reads in small batches.

    The reader restarts frequently.
    """

    def work(number: int) -> None:
        writer, chance = new_connection(), random.Random(number)
        for _ in range(60):
            for _ in range(chance.randrange(1, 4)):
                kind = chance.choice(["join", "leave"])
                writer.append(kind, f"room-{number % 2}", f"channel-{number}-{chance.randrange(3)}")
            writer.rollback() if chance.random() < 0.2 else writer.commit()

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
