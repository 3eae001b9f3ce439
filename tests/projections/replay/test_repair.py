"""Comparing the projections with the log, and repairing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, ProgrammingError, connection

from presence_events import positions
from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay import differences as differences_module
from projections.replay import repair as repair_module
from projections.replay.differences import Difference
from projections.replay.fold import Fold
from projections.replay.repair import compare, repair
from tests.concurrency.conftest import DatabaseConnection
from tests.fold import assert_live_is_the_fold, fold, live
from tests.projections.replay.histories import DAMAGE, record_history, tamper

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("short_ranges")]


def before_the_lock(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Calls ``act`` between the snapshot of a repair and its lock, at each attempt."""
    write_under_lock = repair_module._write_under_lock

    def act_first(*arguments: Any) -> list[Difference]:
        act()
        return write_under_lock(*arguments)

    monkeypatch.setattr(repair_module, "_write_under_lock", act_first)


@pytest.mark.parametrize("damage", DAMAGE)
def test_any_difference_is_found_and_repaired(user: Any, damage: str) -> None:
    record_history(user)
    right = live()
    tamper(*DAMAGE[damage])
    wrong = live()
    assert wrong != right
    differences = compare("default")
    assert differences
    assert live() == wrong
    done = repair("default")
    assert done.differences == differences
    assert 0 < done.locked_seconds < 1
    assert live() == right
    assert_live_is_the_fold()
    assert compare("default") == []


def test_exclusive_stays_with_the_users_of_each_other_are_repaired(user: Any, other_user: Any) -> None:
    for channel, person in (("1", user), ("2", other_user)):
        Room.objects.add("a", channel, person, exclusive="newest")
    right = live()
    swap = f"CASE user_id WHEN '{user.pk}' THEN '{other_user.pk}' ELSE '{user.pk}' END"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_typeof(user_id)::text FROM presence_open_stay")
        (key_type,) = cursor.fetchone()
    tamper(
        "UPDATE presence_open_stay SET exclusive_room = NULL",
        f"UPDATE presence_open_stay SET user_id = ({swap})::{key_type}",  # type: ignore[arg-type]
        "UPDATE presence_open_stay SET exclusive_room = room",
    )
    assert len(repair("default").differences) == 2
    assert live() == right
    assert_live_is_the_fold()


def test_without_a_difference_nothing_is_locked(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair_module, "_write_under_lock", None)
    record_history(user)
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
    record_history(user)
    right = live()
    tamper("UPDATE presence_open_stay SET data = '1'", "DELETE FROM presence_room WHERE channel_name = 'empty'")
    assert {each.table for each in compare("default", room="empty")} == {"presence_room"}
    assert len(compare("default", room="b")) == 1
    assert len(repair("default", room="b").differences) == 1
    assert live()[1]["b", "1"] == right[1]["b", "1"]
    assert compare("default", room="nowhere") == []
    assert len(repair("default").differences) == 4
    assert live() == right


def test_a_row_that_was_moved_to_another_room_is_repaired_with_its_own_room(user: Any) -> None:
    record_history(user)
    right = live()
    tamper("UPDATE presence_open_stay SET room = 'empty', channel_name = 'moved' WHERE room = 'b'")
    assert len(compare("default", room="b")) == 1
    assert len(repair("default", room="b").differences) == 1
    assert live() == right


def test_the_guards_are_enabled_again_afterwards(user: Any) -> None:
    record_history(user)
    tamper("UPDATE presence_open_stay SET data = '1'")
    repair("default")
    with pytest.raises(Exception, match="the table is a projection of the presence log"):
        Presence.objects.update(data=None)


def test_a_repair_that_fails_in_the_middle_changes_nothing(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    record_history(user)
    tamper("UPDATE presence_open_stay SET data = '1'", "UPDATE presence_room SET created_at = now()")
    wrong = live()
    run = differences_module._run

    def fail_at_the_end(query: str, fold: Any, projection: Any, **params: Any) -> Any:
        if query == "delete" and projection.table == "presence_room":
            raise KeyboardInterrupt
        return run(query, fold, projection, **params)

    monkeypatch.setattr(differences_module, "_run", fail_at_the_end)
    with pytest.raises(KeyboardInterrupt):
        repair("default")
    assert live() == wrong
    with pytest.raises(Exception, match="the table is a projection of the presence log"):
        Presence.objects.update(data=None)


def test_a_role_that_does_not_own_the_tables_is_refused(user: Any) -> None:
    record_history(user)
    tamper("UPDATE presence_open_stay SET data = '1'")
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


def test_events_between_the_snapshot_and_the_lock_are_folded(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    record_history(user)
    tamper("UPDATE presence_open_stay SET data = '1' WHERE channel_name = '2'")

    def append() -> None:
        record_history(user)  # joins, touches, leaves and prunes of the same connections and rooms
        Room.objects.add("new", "5", data={"device": "phone"})
        Presence.objects.touch("5", {"device": "laptop"})
        Presence.objects.leave_all("1")
        Room.objects.prune_rooms()
        Room.objects.add("b", "1")

    before_the_lock(monkeypatch, append)
    repair("default")
    assert live() == fold(PresenceEvent.objects.order_by("id"))


def test_an_event_with_an_early_position_that_commits_late_is_folded(
    a: DatabaseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction is open when the repair begins, and later positions are committed."""
    for channel in ("channel", "wrong"):
        Room.objects.add("room", channel)
    tamper("DELETE FROM presence_open_stay WHERE channel_name = 'wrong'")
    (early,) = a.append("leave")
    Room.objects.add("room", "later")
    monkeypatch.setattr(positions.time, "sleep", lambda seconds: a.commit())
    before_the_lock(monkeypatch, a.commit)
    repair("default")
    assert early < PresenceEvent.objects.latest("id").id
    assert sorted(Presence.objects.values_list("channel_name", flat=True)) == ["later", "wrong"]
    assert_live_is_the_fold()


def test_an_event_that_was_invisible_in_the_snapshot_is_folded_though_later_positions_were_visible(
    a: DatabaseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is appended before the snapshot, and committed after the snapshot and after later positions."""
    for channel in ("channel", "wrong"):
        Room.objects.add("room", channel)
    tamper("DELETE FROM presence_open_stay WHERE channel_name = 'wrong'")
    snapshot = repair_module.snapshot

    def append_first(using: str) -> Any:
        a.append("leave")
        Room.objects.add("room", "later")
        return snapshot(using)

    monkeypatch.setattr(repair_module, "snapshot", append_first)
    before_the_lock(monkeypatch, a.commit)
    repair("default")
    assert sorted(Presence.objects.values_list("channel_name", flat=True)) == ["later", "wrong"]
    assert_live_is_the_fold()


def test_a_repair_waits_for_an_open_transaction_that_has_appended(
    a: DatabaseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the transaction does not end, the repair raises and changes nothing."""
    monkeypatch.setattr(repair_module, "LOCK_TIMEOUT", 0.05)
    monkeypatch.setattr(repair_module, "RETRY_DELAY", 0.0)
    Room.objects.add("room", "channel")
    Room.objects.add("other", "channel")
    tamper("DELETE FROM presence_open_stay WHERE room = 'room'")
    attempts: list[Any] = []

    def append_to_another_room() -> None:
        attempts.append(a.append("touch", room="other"))
        if len(attempts) == 3:
            a.commit()

    before_the_lock(monkeypatch, append_to_another_room)
    repair("default")
    assert_live_is_the_fold()
    assert len(attempts) == 3

    tamper("DELETE FROM presence_open_stay WHERE room = 'room'")
    attempts.clear()
    monkeypatch.setattr(repair_module, "MAX_ATTEMPTS", 2)
    with pytest.raises(OperationalError, match="lock timeout"):
        repair("default")
    assert len(attempts) == 2
    a.rollback()
    assert len(compare("default")) == 1


def test_a_transaction_that_locks_a_row_and_then_appends_is_not_cancelled(
    a: DatabaseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the repair waited for the row, and the transaction for the log, PostgreSQL would cancel one of the two."""
    for channel in ("1", "2"):
        Room.objects.add("room", channel)
    tamper("UPDATE presence_open_stay SET data = '1'")
    a.run("SELECT FROM presence_open_stay FOR UPDATE")
    touches = []

    def append_between_attempts(seconds: float) -> None:
        touches.append(a.append("touch", channel="1"))
        a.commit()

    monkeypatch.setattr(repair_module.time, "sleep", append_between_attempts)
    repair("default")
    assert [len(touched) for touched in touches] == [1]
    assert_live_is_the_fold()


def test_a_repair_starts_from_its_snapshot_again_after_a_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that joined before the first attempt and left before the second is not present."""
    Room.objects.add("room", "channel")
    tamper("DELETE FROM presence_open_stay")
    write_differences, write_under_lock = repair_module.write_differences, repair_module._write_under_lock
    attempts: list[Any] = []

    def deadlock_once(fold: Fold, differences: Any) -> None:
        attempts.append(differences)
        if len(attempts) == 1:
            raise OperationalError from psycopg.errors.DeadlockDetected()
        write_differences(fold, differences)

    def leave_between_attempts(seconds: float) -> None:
        Presence.objects.leave_all("passing")
        monkeypatch.setattr(repair_module, "_write_under_lock", write_under_lock)

    monkeypatch.setattr(repair_module, "write_differences", deadlock_once)
    before_the_lock(monkeypatch, lambda: Room.objects.add("room", "passing"))
    monkeypatch.setattr(repair_module.time, "sleep", leave_between_attempts)
    repair("default")
    assert len(attempts) == 2
    assert Presence.objects.get().channel_name == "channel"
    assert_live_is_the_fold()


def test_errors_that_have_nothing_to_do_with_locks_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    Room.objects.add("room", "channel")
    tamper("DELETE FROM presence_open_stay")

    def fail(fold: Fold, differences: Any) -> None:
        raise OperationalError from psycopg.errors.DiskFull()

    monkeypatch.setattr(repair_module, "write_differences", fail)
    with pytest.raises(OperationalError):
        repair("default")
