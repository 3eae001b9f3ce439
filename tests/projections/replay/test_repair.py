"""Replay: what differs from the log is found, and made what the log says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction

from presence_events import positions
from presence_events._recording import statement
from presence_events.exceptions import InvalidMoment, InvalidPosition
from presence_events.models import PresenceEvent
from projections import selections
from projections.models import Presence, Room
from projections.replay import fold as folding
from projections.replay import repair as repairing
from projections.replay.repair import compare, repair, state
from tests.concurrency.conftest import Session, sessions
from tests.fold import assert_live_is_the_fold, fold, live

__all__ = ["sessions"]

pytestmark = pytest.mark.django_db(transaction=True)

Sessions = Callable[..., Session]


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every history here is longer than one."""
    monkeypatch.setattr(folding, "STRETCH", 3)


def tamper(*statements: LiteralString) -> None:
    """Writes to the projections as only their owner can."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("presence", "presence_room"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("presence", "presence_room"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def before_writing(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """What is done between the snapshot of a repair and its lock, at each try."""
    real = repairing._write_what_differs

    def after(*arguments: Any) -> list[folding.Difference]:
        act()
        return real(*arguments)

    monkeypatch.setattr(repairing, "_write_what_differs", after)


def history(user: Any) -> None:
    Room.objects.add("a", "1", user, {"device": "phone"})
    Room.objects.add("a", "2", data="here")
    Room.objects.add("b", "1", user)
    Presence.objects.touch("1", {"device": "laptop"})
    Presence.objects.touch("2")
    Room.objects.add("empty", "2")
    Room.objects.remove("empty", "2")
    Room.objects.add("gone", "3")
    Presence.objects.leave_all("3")
    Room.objects.add("a", "3")
    Presence.objects.leave_all("3")
    Room.objects.prune_rooms()
    Room.objects.add("gone", "4")
    Room.objects.add("empty", "4")
    Room.objects.remove("empty", "4")
    Presence.objects.touch("1")


TAMPERED: dict[str, tuple[LiteralString, ...]] = {
    "a presence that is missing": ("DELETE FROM presence WHERE room = 'a' AND channel_name = '1'",),
    "all presences and rooms are missing": ("DELETE FROM presence", "DELETE FROM presence_room"),
    "a presence that never joined": (
        "INSERT INTO presence (id, room, channel_name, joined_at, last_seen) VALUES (1000, 'a', 'ghost', now(), now())",
    ),
    "another stay of a connection": ("UPDATE presence SET id = 1000 WHERE room = 'a' AND channel_name = '1'",),
    "stays whose names are exchanged": (
        "UPDATE presence SET channel_name = channel_name || 'x' WHERE room = 'a'",
        "UPDATE presence SET channel_name = '2' WHERE room = 'a' AND channel_name = '1x'",
        "UPDATE presence SET channel_name = '1' WHERE room = 'a' AND channel_name = '2x'",
    ),
    "times": ("UPDATE presence SET joined_at = now(), last_seen = now()",),
    "data": ('UPDATE presence SET data = \'{"device": "toaster"}\'',),
    "data that is gone": ("UPDATE presence SET data = NULL",),
    "users": ("UPDATE presence SET user_id = NULL",),
    "who has a connection": ("UPDATE presence SET process = 'another'",),
    "a room that is missing": ("DELETE FROM presence_room WHERE channel_name = 'empty'",),
    "a room that never was": ("INSERT INTO presence_room (channel_name, created_at) VALUES ('ghost', now())",),
    "a stay in a room that never was": (
        "INSERT INTO presence_room (channel_name, created_at) VALUES ('ghost', now())",
        "UPDATE presence SET room = 'ghost' WHERE room = 'b'",
    ),
    "when rooms were made": ("UPDATE presence_room SET created_at = now()",),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_whatever_differs_is_found_and_repaired(user: Any, what: str) -> None:
    history(user)
    right = live()
    tamper(*TAMPERED[what])
    wrong = live()
    assert wrong != right
    differences = compare("default")
    assert differences
    assert live() == wrong
    done = repair("default")
    assert done.differences == differences
    assert 0 < done.locked < 1
    assert live() == right
    assert_live_is_the_fold()
    assert compare("default") == []


@pytest.mark.parametrize("what", TAMPERED)
def test_only_rows_that_differ_are_written(user: Any, what: str) -> None:
    history(user)
    tamper(*TAMPERED[what])
    before = versions()
    wrong = {(each.table, each.key) for each in repair("default").differences}
    after = versions()
    assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} == wrong


def versions() -> dict[tuple[str, Any], str]:
    """The transaction that wrote each row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'presence', id::text, xmin::text FROM presence "
            "UNION ALL SELECT 'presence_room', channel_name, xmin::text FROM presence_room"
        )
        return {(table, int(key) if table == "presence" else key): xmin for table, key, xmin in cursor.fetchall()}


def test_without_a_difference_nothing_is_locked(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairing, "_write_what_differs", None)
    history(user)
    assert compare("default") == []
    assert repair("default") == ([], 0.0)


def test_an_empty_log_makes_empty_tables() -> None:
    assert compare("default") == []
    tamper("INSERT INTO presence_room (channel_name, created_at) VALUES ('ghost', now())")
    assert [str(each) for each in compare("default")] == [
        f"presence_room ghost should not be there: {compare('default')[0].found}"
    ]
    repair("default")
    assert not Room.objects.exists()


def test_one_room_alone_is_compared_and_repaired(user: Any) -> None:
    history(user)
    right = live()
    tamper("UPDATE presence SET data = '1'", "DELETE FROM presence_room WHERE channel_name = 'empty'")
    assert {each.table for each in compare("default", room="empty")} == {"presence_room"}
    assert len(compare("default", room="b")) == 1
    assert len(repair("default", room="b").differences) == 1
    assert live()[1]["b", "1"] == right[1]["b", "1"]
    assert compare("default", room="nobody-ever") == []
    assert len(repair("default").differences) == 4
    assert live() == right


def test_of_two_stays_without_an_end_between_the_later_counts(user: Any) -> None:
    """The log is no longer one of facts alone: the first was deleted from the table, and then it joined again."""
    Room.objects.add("a", "1", user)
    tamper("DELETE FROM presence")
    Room.objects.add("a", "1")
    assert compare("default") == []
    tamper("UPDATE presence SET data = '1'")
    assert len(repair("default").differences) == 1
    assert Presence.objects.get().user is None


def test_a_row_that_was_moved_from_a_room_is_brought_back_with_that_room(user: Any) -> None:
    history(user)
    right = live()
    tamper("UPDATE presence SET room = 'empty', channel_name = 'moved' WHERE room = 'b'")
    assert len(compare("default", room="b")) == 1
    assert len(repair("default", room="b").differences) == 1
    assert live() == right


def test_differences_say_what_is_wrong(user: Any) -> None:
    Room.objects.add("a", "1", user, "here")
    stay = Presence.objects.get()
    tamper("UPDATE presence SET data = '\"there\"'")
    assert [str(each) for each in compare("default")] == [f"presence {stay.pk}: data is 'there' instead of 'here'"]
    tamper("DELETE FROM presence")
    assert str(compare("default")[0]).startswith(f"presence {stay.pk} is missing: {{'id': {stay.pk}, 'room': 'a', ")


def test_for_whom_a_connection_was_claimed_stands_in_the_log(user: Any) -> None:
    statement.append([selections.join("a", "1", user, "here")], "default", process="one")
    Presence.objects.touch("1", "there")
    right = live()
    tamper("UPDATE presence SET process = NULL")
    assert [str(each) for each in compare("default")] == [
        f"presence {Presence.objects.get().pk}: process is None instead of 'one'"
    ]
    repair("default")
    assert live() == right
    assert Presence.objects.get().process == "one"
    assert_live_is_the_fold()


def test_the_guards_are_up_again_afterwards(user: Any) -> None:
    history(user)
    tamper("UPDATE presence SET data = '1'")
    repair("default")
    with pytest.raises(Exception, match="the table is a projection of the presence log"):
        Presence.objects.update(data=None)


def test_what_fails_in_the_middle_changes_nothing(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    history(user)
    tamper("UPDATE presence SET data = '1'", "UPDATE presence_room SET created_at = now()")
    wrong = live()
    real = folding.Fold._run

    def fail(self: Any, query: str, projection: Any, **params: Any) -> Any:
        if query == "delete" and projection.table == "presence_room":
            raise KeyboardInterrupt
        return real(self, query, projection, **params)

    monkeypatch.setattr(folding.Fold, "_run", fail)
    with pytest.raises(KeyboardInterrupt):
        repair("default")
    assert live() == wrong
    with pytest.raises(Exception, match="the table is a projection of the presence log"):
        Presence.objects.update(data=None)


def test_a_role_that_does_not_own_the_tables_is_refused(user: Any) -> None:
    history(user)
    tamper("UPDATE presence SET data = '1'")
    wrong = live()
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE stranger; GRANT ALL ON ALL TABLES IN SCHEMA public TO stranger")
        cursor.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO stranger")
        try:
            cursor.execute("SET SESSION AUTHORIZATION stranger")
            with pytest.raises(ProgrammingError, match="must be owner"):
                repair("default")
        finally:
            cursor.execute("RESET SESSION AUTHORIZATION")
            cursor.execute("DROP OWNED BY stranger; DROP ROLE stranger")
    assert live() == wrong


def test_what_is_appended_between_the_snapshot_and_the_lock_is_folded(
    user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(user)
    tamper("UPDATE presence SET data = '1' WHERE channel_name = '2'")

    def late() -> None:
        history(user)  # joins, touches, leaves and prunes of the same connections and rooms
        Room.objects.add("new", "5", data={"device": "phone"})
        Presence.objects.touch("5", {"device": "laptop"})
        Presence.objects.leave_all("1")
        Room.objects.prune_rooms()
        Room.objects.add("b", "1")

    before_writing(monkeypatch, late)
    repair("default")
    assert live() == fold(PresenceEvent.objects.order_by("id"))


def test_an_event_with_an_early_position_that_commits_late_is_folded(
    a: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is open as the replay begins, while later positions are committed."""
    for channel in ("channel", "wrong"):
        Room.objects.add("room", channel)
    tamper("DELETE FROM presence WHERE channel_name = 'wrong'")
    (early,) = a.append("leave")
    Room.objects.add("room", "later")
    monkeypatch.setattr(positions.time, "sleep", lambda seconds: a.commit())
    before_writing(monkeypatch, a.commit)
    repair("default")
    assert early < PresenceEvent.objects.latest("id").id
    assert sorted(Presence.objects.values_list("channel_name", flat=True)) == ["later", "wrong"]
    assert_live_is_the_fold()


def test_an_event_that_was_invisible_in_the_snapshot_is_folded_whatever_came_before_it(
    a: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is appended before the snapshot, and committed after it and after later positions."""
    for channel in ("channel", "wrong"):
        Room.objects.add("room", channel)
    tamper("DELETE FROM presence WHERE channel_name = 'wrong'")
    real = repairing.snapshot

    def snapshot_in_the_middle(using: str) -> Any:
        a.append("leave")
        Room.objects.add("room", "later")
        return real(using)

    monkeypatch.setattr(repairing, "snapshot", snapshot_in_the_middle)
    before_writing(monkeypatch, a.commit)
    repair("default")
    assert sorted(Presence.objects.values_list("channel_name", flat=True)) == ["later", "wrong"]
    assert_live_is_the_fold()


def test_comparing_sees_one_moment_while_others_append(a: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    Room.objects.add("room", "channel")
    real = folding.Fold.differences

    def meanwhile(self: folding.Fold) -> Any:
        a.append("leave")
        a.append("join", channel="another")
        a.commit()
        return real(self)

    monkeypatch.setattr(folding.Fold, "differences", meanwhile)
    assert compare("default") == []


def test_whoever_has_appended_and_stays_open_is_waited_for(a: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it commits; and if it does not, nothing changes, and the error says who it is."""
    monkeypatch.setattr(repairing, "PATIENCE", 0.05)
    monkeypatch.setattr(repairing, "PAUSE", 0.0)
    Room.objects.add("room", "channel")
    Room.objects.add("other", "channel")
    tamper("DELETE FROM presence WHERE room = 'room'")
    tries: list[Any] = []

    def in_the_way() -> None:
        tries.append(a.append("touch", room="other"))
        if len(tries) == 3:
            a.commit()

    before_writing(monkeypatch, in_the_way)
    repair("default")
    assert_live_is_the_fold()
    assert len(tries) == 3

    tamper("DELETE FROM presence WHERE room = 'room'")
    tries.clear()
    monkeypatch.setattr(repairing, "TRIES", 2)
    with pytest.raises(OperationalError, match="lock timeout"):
        repair("default")
    assert len(tries) == 2
    a.rollback()
    assert len(compare("default")) == 1


def test_whoever_has_locked_a_row_and_appends_then_does_not_have_to_die(
    a: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replay waits for the row, and the other for the log: PostgreSQL would end one of the two."""
    for channel in ("1", "2"):
        Room.objects.add("room", channel)
    tamper("UPDATE presence SET data = '1'")
    a.run("SELECT FROM presence FOR UPDATE")
    tries = []

    def meanwhile(seconds: float) -> None:
        tries.append(a.append("touch", channel="1"))
        a.commit()

    monkeypatch.setattr(repairing.time, "sleep", meanwhile)
    repair("default")
    assert [len(touched) for touched in tries] == [1]
    assert_live_is_the_fold()


def test_a_deadlock_is_tried_again_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever joined before the first try, and left before the second, is not there."""
    Room.objects.add("room", "channel")
    tamper("DELETE FROM presence")
    real, without_passing = folding.Fold.write, repairing._write_what_differs
    tries: list[Any] = []

    def unlucky(self: folding.Fold, differences: Any) -> None:
        tries.append(differences)
        if len(tries) == 1:
            raise OperationalError from psycopg.errors.DeadlockDetected()
        real(self, differences)

    def between_tries(seconds: float) -> None:
        Presence.objects.leave_all("passing")
        monkeypatch.setattr(repairing, "_write_what_differs", without_passing)

    monkeypatch.setattr(folding.Fold, "write", unlucky)
    before_writing(monkeypatch, lambda: Room.objects.add("room", "passing"))
    monkeypatch.setattr(repairing.time, "sleep", between_tries)
    repair("default")
    assert len(tries) == 2
    assert Presence.objects.get().channel_name == "channel"
    assert_live_is_the_fold()


def test_errors_that_are_no_matter_of_locks_come_through(monkeypatch: pytest.MonkeyPatch) -> None:
    Room.objects.add("room", "channel")
    tamper("DELETE FROM presence")

    def fail(self: folding.Fold, differences: Any) -> None:
        raise OperationalError from psycopg.errors.DiskFull()

    monkeypatch.setattr(folding.Fold, "write", fail)
    with pytest.raises(OperationalError):
        repair("default")


def test_progress_says_what_is_read_and_how_far(user: Any) -> None:
    history(user)
    said: list[tuple[str, int, int]] = []
    compare("default", progress=lambda *arguments: said.append(arguments))
    positions = PresenceEvent.objects.values_list("id", flat=True)
    total = positions.last() - positions.first() + 1
    assert said[0] == ("joins and leaves", 3, total)
    assert [done for what, done, _ in said if what == "joins and leaves"][-1] == total
    assert said[-1][0] == "touches"
    assert said[-1][1] == said[-1][2]


def test_the_state_after_every_position_and_at_every_moment_is_the_fold_of_what_was_until_then(user: Any) -> None:
    history(user)
    events = list(PresenceEvent.objects.order_by("id"))
    for position in [0, *(event.id for event in events)]:
        until = [event for event in events if event.id <= position]
        with state("default", position=position) as folded:
            assert shown(folded) == expected(until)
        if until:
            with state("default", moment=until[-1].at) as folded:
                assert shown(folded) == expected([event for event in events if event.at <= until[-1].at])
    with state("default", position=events[5].id, room="a") as folded:
        assert shown(folded) == expected([event for event in events[:6] if event.room == "a"])
    with state("default", moment=events[0].at - timedelta(microseconds=1)) as folded:
        assert shown(folded) == []


def shown(folded: folding.Fold) -> list[Any]:
    columns, rows = folded.present()
    assert columns == [
        *("room", "created_at", "session", "channel_name", "user_id", "joined_at", "last_seen", "data"),
    ]
    return rows


def expected(events: list[PresenceEvent]) -> list[Any]:
    rooms, presences = fold(events)
    rows: list[Any] = []
    for room, created_at in sorted(rooms.items()):
        here = sorted((row for row in presences.values() if row.room_id == room), key=lambda row: row.id)
        found = [(row.id, row.channel_name, *row[3:6], row.data) for row in here]
        rows += [(room, created_at, *row) for row in found or [(None,) * 6]]
    return rows


def test_what_is_not_yet_is_no_state(user: Any) -> None:
    history(user)
    last = PresenceEvent.objects.latest("id").id
    for position in (-1, last + 1):
        with pytest.raises(InvalidPosition, match=f"the log ends at {last}"), state("default", position=position):
            pass
    with pytest.raises(InvalidMoment, match="future"), state("default", moment=datetime.now(UTC) + timedelta(hours=1)):
        pass


def test_a_state_waits_for_whoever_could_still_change_it(a: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    Room.objects.add("room", "1")
    a.append("join")
    Room.objects.add("room", "2")
    pid = a.connection.info.backend_pid
    real = repairing.settled_position
    monkeypatch.setattr(repairing, "settled_position", lambda using: real(using, patience=0.05))
    with pytest.raises(OperationalError, match=f"stays open: pid {pid}"), state("default"):
        pass
    a.commit()
    with state("default") as folded:
        assert len(shown(folded)) == 3


@pytest.fixture
def a(sessions: Sessions) -> Session:
    return sessions()
