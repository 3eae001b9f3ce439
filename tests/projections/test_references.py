"""Rows of other tables refer to rooms and presences. Only the rows that are referred to wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError, connection, transaction

from presence_events import sql
from presence_events.processes.registry import CHECKS_UNTIL_DEAD
from presence_events.recorder import Draft, record
from projections._worker.dead_servers import DeadServerDetector
from projections._worker.maintenance import Maintenance
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.leases import beat
from tests.references import TO_PRESENCE, TO_ROOM, execute, refer_to_presence, refer_to_room, referring
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rooms(db: None) -> Iterator[None]:
    """Three empty rooms. A row refers to the room ``b``."""
    for name in ("a", "b", "c"):
        Room.objects.add(name, "channel")
    Presence.objects.leave_all("channel")
    with referring(TO_ROOM):
        refer_to_room("b")
        yield


@pytest.fixture
def presences(transactional_db: None) -> Iterator[None]:
    """The connections 1 and 2 in the rooms a and b. A row refers to the presence of 1 in b."""
    for channel in ("1", "2"):
        for room in ("a", "b"):
            Room.objects.add(room, channel)
    with referring(TO_PRESENCE):
        refer_to_presence(Presence.objects.get(room="b", channel_name="1").pk)
        yield


def present() -> list[str]:
    assert_live_is_the_fold()
    return [f"{p.channel_name} in {p.room_id}" for p in Presence.objects.order_by("channel_name", "room")]


@pytest.mark.usefixtures("rooms")
def test_rooms_that_are_referred_to_are_kept_and_the_others_pruned() -> None:
    assert Room.objects.prune_rooms() == 2
    assert Room.objects.get().channel_name == "b"
    execute("DELETE FROM reference")
    assert Room.objects.prune_rooms() == 1
    assert_live_is_the_fold()


@pytest.mark.usefixtures("rooms")
def test_a_single_event_that_prunes_such_a_room_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert [event.room for event in record([Draft("prune", name, None) for name in ("a", "b", "c")])] == ["a", "c"]
    assert 'is still referenced from table "reference"' in caplog.text


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_foreign_keys_that_the_database_itself_resolves_keep_nothing(action: str) -> None:
    Room.objects.add("a", "channel")
    with referring(f"{TO_ROOM}, presence bigint REFERENCES presence_open_stay ON DELETE {action}".replace(
        "presence_room", f"presence_room ON DELETE {action}"
    )):  # fmt: skip
        refer_to_room("a")
        refer_to_presence(Presence.objects.get().pk)
        assert Presence.objects.leave_all("channel") == 1
        assert Room.objects.prune_rooms() == 1
        assert_live_is_the_fold()


def test_foreign_keys_of_several_columns_and_of_partitioned_tables_count() -> None:
    for name in ("a", "b", "c"):
        Room.objects.add(name, "channel")
    execute(
        "CREATE TABLE pairs (place text, tab text, "
        "FOREIGN KEY (place, tab) REFERENCES presence_open_stay (room, channel_name))",
        f"CREATE TABLE parts (presence bigint, {TO_ROOM}) PARTITION BY LIST (room)",
        "CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b')",
        "INSERT INTO pairs VALUES ('a', 'channel')",
        "INSERT INTO parts VALUES (1, 'b')",
    )
    try:
        assert Presence.objects.leave_all("channel") == 2
        assert Room.objects.prune_rooms() == 1
        assert sorted(Room.objects.values_list("pk", flat=True)) == ["a", "b"]
    finally:
        execute("DROP TABLE pairs, parts")


@pytest.mark.usefixtures("rooms")
def test_a_table_that_may_not_be_read_counts_as_reference() -> None:
    execute(
        "CREATE ROLE stranger",
        "GRANT USAGE ON SCHEMA public TO stranger",
        "GRANT SELECT ON presence_room TO stranger",
        "DELETE FROM reference",
    )
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL ROLE stranger")
        cursor.execute("SELECT presence_is_referenced('presence_room', 'channel_name', 'a')")
        assert cursor.fetchone() == (True,)
    execute("DROP OWNED BY stranger", "DROP ROLE stranger")


def calls_while_pruning() -> int:
    """Prunes all presences, then their rooms, and returns how many rows it asked about."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL track_functions = 'pl'")
        assert Room.objects.prune_presences(0) == 3
        assert Room.objects.prune_rooms() == 3
        cursor.execute("SELECT pg_stat_get_xact_function_calls('presence_is_referenced'::regproc)")
        (calls,) = cursor.fetchone()
    return calls or 0


@pytest.mark.parametrize(
    ("definition", "calls"),
    [
        (None, 0),
        ("other text", 0),
        (f"{TO_ROOM}, {TO_PRESENCE}", 6),
        (TO_PRESENCE, 3),
        (TO_ROOM, 3),
        (TO_PRESENCE.replace("stay DEF", "stay ON DELETE CASCADE DEF"), 0),
    ],
)
def test_pruning_asks_about_rows_only_if_a_foreign_key_could_prevent_it(definition: str | None, calls: int) -> None:
    for name in ("a", "b", "c"):
        Room.objects.add(name, "channel")
    with referring(definition) if definition else nullcontext():
        assert calls_while_pruning() == calls


@pytest.mark.usefixtures("presences")
def test_a_leave_of_all_rooms_keeps_only_what_is_referred_to(caplog: pytest.LogCaptureFixture) -> None:
    assert Presence.objects.leave_all("1") == 1
    assert present() == ["1 in b", "2 in a", "2 in b"]
    (logged,) = caplog.records
    assert (logged.name, logged.levelno) == ("presence_events.recorder", logging.WARNING)
    assert Presence.objects.leave_all("2") == 2
    execute("DELETE FROM reference")
    assert Presence.objects.leave_all("1") == 1


@pytest.mark.usefixtures("presences")
async def test_leaves_that_share_a_batch_with_such_a_presence_are_recorded() -> None:
    assert await asyncio.gather(*(Presence.objects.aleave_all(channel) for channel in ("1", "2"))) == [1, 2]
    assert await sync_to_async(present)() == ["1 in b"]


@pytest.mark.usefixtures("presences")
def test_a_join_as_another_user_raises_and_changes_nothing(user: Any) -> None:
    with pytest.raises(IntegrityError, match="is still referenced"):
        Room.objects.add("b", "1", user)
    assert Presence.objects.get(room="b", channel_name="1").user is None
    Room.objects.add("a", "1", user)
    assert_live_is_the_fold()


@pytest.mark.usefixtures("presences")
def test_inside_a_transaction_its_commit_fails() -> None:
    with pytest.raises(IntegrityError, match="is still referenced"), transaction.atomic():
        assert Presence.objects.leave_all("1") == 2
    assert len(present()) == 4


@pytest.mark.usefixtures("presences")
def test_pruning_goes_on_for_the_others(caplog: pytest.LogCaptureFixture) -> None:
    for channel in ("1", "2"):
        age_presences(channel, seconds=61)
    assert Room.objects.prune_presences() == 3
    assert Room.objects.prune_presences() == 0
    assert Room.objects.prune_rooms() == 1
    assert present() == ["1 in b"]
    assert not caplog.records


def test_the_connections_of_a_dead_server_are_pruned_without_such_a_presence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence_events.processes.registry.CHECK_INTERVAL", 0)
    with connection.cursor() as cursor:
        for channel in ("1", "2"):
            cursor.execute(
                "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'a', %s, 'dead')",
                [channel],
            )
    beat("dead")
    detector = DeadServerDetector("default")
    with referring(TO_PRESENCE):
        refer_to_presence(Presence.objects.get(channel_name="1").pk)
        pruned = [detector.check() for _ in range(CHECKS_UNTIL_DEAD + 1)]
        assert pruned[-1] == 1
        assert present() == ["1 in a"]


def test_maintenance_logs_an_integrity_error_and_runs_the_other_jobs(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A trigger of the site makes the prune of presences fail for a reason that is unknown here."""
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    Room.objects.add("a", "channel")
    Presence.objects.leave_all("channel")
    Room.objects.add("b", "channel")
    execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = 'check_violation'; END $$",
        "CREATE TRIGGER refuse BEFORE DELETE ON presence_open_stay FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    try:
        Maintenance("default", prune=True).run_due_jobs()
    finally:
        execute("DROP FUNCTION refuse CASCADE")
    assert Room.objects.get().channel_name == "b"
    (logged,) = caplog.records
    assert (logged.name, logged.levelno) == ("projections.worker", logging.ERROR)


@pytest.fixture
def owner(rooms: None) -> Iterator[None]:
    """Another role, which owns the table ``private.reference``. A row of it refers to the room ``b``."""
    execute(
        "DELETE FROM reference",
        "CREATE ROLE other_owner",
        "CREATE SCHEMA private AUTHORIZATION other_owner",
        "GRANT REFERENCES, SELECT ON presence_room TO other_owner",
        "SET ROLE other_owner",
        f"CREATE TABLE private.reference ({TO_ROOM})",
        "RESET ROLE",
        "INSERT INTO private.reference VALUES ('b')",
        "CREATE ROLE pruner",
        *(sql.read(app, "grants/app").replace(':"role"', "pruner") for app in ("presence_events", "projections")),
        "GRANT SELECT ON reference TO pruner",
        "GRANT USAGE ON SCHEMA private TO pruner",
        "GRANT SELECT ON private.reference TO pruner",
    )
    try:
        yield
    finally:
        execute(
            "RESET ROLE",
            "DROP OWNED BY other_owner, pruner CASCADE",
            "DROP ROLE other_owner, pruner",
        )


SPYING_FUNCTION = (
    "CREATE FUNCTION private.spy(number int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS "
    "$$ BEGIN IF current_user <> 'other_owner' THEN RAISE EXCEPTION 'run by %', current_user; END IF; "
    "RETURN 'x'; END $$"
)
"""A function of the owner that raises if it runs with the rights of another role. All roles may execute it."""

OWN_CODE = {
    "policy": [
        "CREATE POLICY spying ON private.reference USING (private.spy(1) = 'x')",
        "ALTER TABLE private.reference ENABLE ROW LEVEL SECURITY",
    ],
    "index": ["CREATE INDEX ON private.reference (private.spy(1))"],
    "partial index": ["CREATE INDEX ON private.reference (room) WHERE private.spy(1) = 'x'"],
    "statistics": ["CREATE STATISTICS private.numbers ON (private.spy(1) || room) FROM private.reference"],
    "constraint": ["ALTER TABLE private.reference ADD CHECK (private.spy(1) = 'x')"],
}


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("statements", OWN_CODE.values(), ids=OWN_CODE)
def test_code_of_the_owner_of_a_referring_table_does_not_run_with_the_rights_of_the_pruner(
    statements: list[str],
) -> None:
    execute("SET ROLE other_owner", SPYING_FUNCTION, *statements, "SET ROLE pruner")
    assert Room.objects.prune_rooms() == 0
    execute(
        "SET ROLE other_owner",
        "DROP FUNCTION private.spy CASCADE",
        "ALTER TABLE private.reference DISABLE ROW LEVEL SECURITY",
        "SET ROLE pruner",
    )
    assert Room.objects.prune_rooms() == 2


@pytest.mark.usefixtures("owner")
def test_a_cast_of_the_owner_of_a_referring_table_does_not_run_with_the_rights_of_the_pruner() -> None:
    Room.objects.add("a", "channel")
    age_presences("channel", seconds=61)
    execute(
        "GRANT REFERENCES, SELECT ON presence_open_stay TO other_owner",
        "SET ROLE other_owner",
        "CREATE TYPE private.number AS ENUM ('1')",
        "CREATE FUNCTION private.spy(private.number) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'run by %', current_user; END $$",
        "CREATE CAST (private.number AS bigint) WITH FUNCTION private.spy AS IMPLICIT",
        "CREATE TABLE private.stays (stay private.number REFERENCES presence_open_stay)",
        "INSERT INTO private.stays VALUES (NULL)",
        "GRANT SELECT ON private.stays TO pruner",
        "SET ROLE pruner",
    )
    assert Room.objects.prune_presences() == 0


@pytest.mark.usefixtures("owner")
def test_an_ordinary_table_of_another_owner_is_read() -> None:
    execute("CREATE INDEX ON private.reference (lower(room))", "SET ROLE pruner")
    assert Room.objects.prune_rooms() == 2


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("right", ["USAGE ON SCHEMA private", "SELECT ON private.reference"])
def test_a_table_that_the_pruner_cannot_reach_counts_as_reference(right: str) -> None:
    execute(f"REVOKE {right} FROM pruner", "SET ROLE pruner")
    assert Room.objects.prune_rooms() == 0


@pytest.mark.usefixtures("owner")
def test_rows_that_row_level_security_hides_count_as_references(caplog: pytest.LogCaptureFixture) -> None:
    execute("ALTER TABLE private.reference ENABLE ROW LEVEL SECURITY", "SET ROLE pruner")
    assert Room.objects.prune_rooms() == 0
    assert not caplog.records
    execute("RESET ROLE")
    assert Room.objects.prune_rooms() == 2


@pytest.mark.usefixtures("rooms")
@pytest.mark.parametrize("collation", ['"POSIX"', '"ucs_basic"', '"default"'])
def test_a_foreign_key_may_have_another_collation(collation: str) -> None:
    execute(f"ALTER TABLE reference ALTER room TYPE text COLLATE {collation}")
    assert Room.objects.prune_rooms() == 2
