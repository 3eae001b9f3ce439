"""Partitions in a database, compared with the catalogue of segments and with what each partition needs."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection

from presence_events.schema import tables

pytestmark = pytest.mark.django_db

LEAF = "presence_event_stays_first"
FUNCTION = (
    "CREATE OR REPLACE FUNCTION presence_segment_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END;'"
)


def test_what_migrate_creates_has_no_fault() -> None:
    assert tables.segment_faults(using="default") == []


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        ([f"ALTER TABLE {LEAF} DISABLE TRIGGER presence_segment_guard"], (LEAF, "accepts statements of its own")),
        ([f"DROP TRIGGER presence_segment_guard ON {LEAF}"], (LEAF, "accepts statements of its own")),
        ([f"ALTER TABLE {LEAF} DISABLE TRIGGER USER", f"ALTER TABLE {LEAF} ENABLE TRIGGER presence_segment_guard"],
         (LEAF, "enabled otherwise than those of the log")),
        ([f"ALTER TABLE {LEAF} DROP CONSTRAINT {LEAF}_pkey"], (LEAF, "no primary key by id")),
        (["CREATE ROLE other", f"ALTER TABLE {LEAF} OWNER TO other"], (LEAF, "another role than the log")),
        ([f"ALTER TABLE presence_event_stays DETACH PARTITION {LEAF}"], (LEAF, "does not exist, and")),
        ([f"DELETE FROM presence_segment WHERE name = '{LEAF}'"], (LEAF, "is not in the table presence_segment")),
        ([FUNCTION], ("presence_segment_guard", "another body")),
        (["DROP FUNCTION presence_segment_guard CASCADE"], ("presence_segment_guard", "no function")),
        (["CREATE ROLE other", "ALTER FUNCTION presence_segment_guard OWNER TO other",
          "CREATE ROLE owner", "ALTER TABLE presence_event OWNER TO owner"],
         ("presence_segment_guard", "of another role")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_damaged_partition_is_found(statements: list[str], fault: tuple[str, str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    found = tables.segment_faults(using="default")
    assert any(name == fault[0] and fault[1] in detail for name, detail in found), found


def test_the_check_reports_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {LEAF} DISABLE TRIGGER presence_segment_guard")
    (message,) = run_checks(databases=["default"])
    assert message.id == "presence_events.E110"
    assert LEAF in message.msg
