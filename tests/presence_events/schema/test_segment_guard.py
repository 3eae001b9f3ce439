"""Every statement on a partition of the log is refused, for its owner and for other roles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from presence_events import sql
from presence_events.recorder import Draft, record
from presence_events.segments import closing, preparing
from tests import segments, truncation
from tests.fold import assert_live_is_the_fold

PARTITIONS = [
    "presence_event_stays",
    "presence_event_touches",
    "presence_event_stays_first",
    "presence_event_touches_first",
    "presence_event_stays_2126_12_01",
]
STATEMENTS = [
    "UPDATE {} SET room = 'other'",
    "UPDATE {} SET room = 'other' WHERE false",
    "DELETE FROM {}",
    "DELETE FROM {} WHERE false",
    "WITH gone AS (DELETE FROM {} RETURNING *) SELECT * FROM gone",
    "TRUNCATE {}",
    "INSERT INTO {} (kind, room, channel_name) VALUES ('join', 'room', 'new')",
    "INSERT INTO {} (kind, room, channel_name) SELECT 'touch', 'room', 'channel'",
    "INSERT INTO {} SELECT * FROM presence_event",
    "MERGE INTO {} USING (VALUES (1)) AS v (x) ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO {} USING (VALUES (1)) AS v (x) ON true WHEN MATCHED THEN UPDATE SET room = 'other'",
    (
        "MERGE INTO {} USING (VALUES (1)) AS v (x) ON false "
        "WHEN NOT MATCHED THEN INSERT (kind, room, channel_name) VALUES ('join', 'room', 'new')"
    ),
]


pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def _history(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A closed segment with events, and open ones."""
    with django_db_blocker.unblock():
        with segments.on(date(2126, 11, 30)):
            preparing.prepare("default")
        record([Draft("join", "room", "channel"), Draft("join", "room", "gone")])
        record([Draft("touch", "room", "channel"), Draft("leave", "room", "gone")])
        with segments.on(date(2126, 12, 15)):
            assert closing.close("default")
        record([Draft("join", "room", "second"), Draft("touch", "room", "second")])
        yield
        truncation.truncate()
        segments.reset()


@pytest.fixture(autouse=True)
def _unchanged(_history: None) -> Iterator[None]:
    before = _rows()
    yield
    assert _rows() == before
    assert_live_is_the_fold()


def _rows() -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, * FROM presence_event ORDER BY id")
        return list(cursor.fetchall())


def _real_database() -> None:
    """Test databases allow TRUNCATE, others do not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('presence_events.test_database', '', true)")


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_owner_is_refused(partition: str, statement: str) -> None:
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic(), connection.cursor() as cursor:
        _real_database()
        cursor.execute(statement.format(partition))


@pytest.mark.parametrize("partition", PARTITIONS)
def test_copy_is_refused(partition: str) -> None:
    copy = f"COPY {partition} (kind, room, channel_name) FROM STDIN"
    with (
        pytest.raises(DatabaseError, match="is refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(copy) as lines,
    ):
        lines.write(b"join\troom\tnew\n")


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("grant", ["", "GRANT ALL ON {} TO appender"], ids=["no rights", "all rights"])
@pytest.mark.parametrize("partition", PARTITIONS[:3])
def test_a_role_that_may_append_is_refused(partition: str, statement: str, grant: str) -> None:
    refused = pytest.raises(DatabaseError, match=r"is refused|permission denied")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        _real_database()
        cursor.execute("CREATE ROLE appender")
        for package in ("presence_events", "projections"):
            cursor.execute(sql.read(package, "grants/app").replace(':"role"', "appender"))
        if grant:
            cursor.execute(grant.format(partition))
        cursor.execute("SET ROLE appender")
        cursor.execute(statement.format(partition))


def test_without_the_guard_a_partition_still_folds_what_is_inserted() -> None:
    """The second layer: the fold itself fires on partitions, too."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event_stays_2126_12_01 DISABLE TRIGGER presence_segment_guard")
        cursor.execute(
            "INSERT INTO presence_event_stays_2126_12_01 (kind, room, channel_name, day) "
            "VALUES ('join', 'room', 'channel', '2126-12-01')"
        )
        assert cursor.rowcount == 0, "a second join of a connection that is present is not recorded"
        transaction.set_rollback(True)


def test_the_fold_refuses_a_table_with_the_name_of_a_partition_in_another_schema() -> None:
    refused = pytest.raises(DatabaseError, match="is a trigger function of the table")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT tgfoid::regproc::text FROM pg_trigger WHERE tgname LIKE 'pgtrigger_fold%' LIMIT 1")
        (function,) = cursor.fetchone()
        cursor.execute("CREATE TEMPORARY TABLE presence_event_own (LIKE presence_event INCLUDING ALL)")
        cursor.execute(
            f"CREATE TRIGGER own BEFORE INSERT ON presence_event_own FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
        cursor.execute("INSERT INTO presence_event_own (kind, room, channel_name) VALUES ('join', 'room', 'new')")
