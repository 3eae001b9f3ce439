"""Tables, sequences, constraints and indexes in a database, compared with what the models declare."""

from __future__ import annotations

import re

import pytest
from django.core.checks import run_checks
from django.db import connection

from presence_events.schema import tables

pytestmark = pytest.mark.django_db

APPS = ("presence_events", "projections")


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def found() -> list[str]:
    return [
        f"{name} {detail}"
        for faults in (tables.table_faults, tables.sequence_faults, tables.constraint_faults, tables.missing_indexes)
        for app in APPS
        for name, detail in faults(app, using="default")
    ]


def foreign_key() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'presence_open_stay'::regclass AND contype = 'f'"
        )
        (name,) = cursor.fetchone()
    return str(name)


def is_older_than(version: int) -> bool:
    connection.ensure_connection()
    return bool(connection.pg_version < version * 10_000)


@pytest.fixture
def owner() -> str:
    """A role that owns the tables and is no superuser. What it does not grant itself, it may not do."""
    run("CREATE ROLE tables_owner")
    for table in ("presence_event", "presence_open_stay", "presence_room"):
        run(f"ALTER TABLE {table} OWNER TO tables_owner")
    return "tables_owner"


def test_what_migrate_creates_has_no_fault() -> None:
    assert found() == []


def test_the_tables_of_an_owner_that_is_no_superuser_have_no_fault(owner: str) -> None:
    assert found() == []


def test_only_the_tables_of_the_app_are_compared() -> None:
    run("ALTER SEQUENCE presence_open_stay_id_seq CACHE 50")
    assert tables.sequence_faults("presence_events", using="default") == []
    assert len(tables.sequence_faults("projections", using="default")) == 1


@pytest.mark.parametrize("sequence", ["presence_event_id_seq", "presence_open_stay_id_seq"])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("ALTER SEQUENCE {} CACHE 50", "caches values, so keys are not in the order of changes"),
        ("ALTER SEQUENCE {} INCREMENT 2", "does not count up by one"),
        ("ALTER SEQUENCE {} INCREMENT -1 MINVALUE 1", "does not count up by one"),
        ("ALTER SEQUENCE {} CYCLE", "begins again after its last value"),
        ("ALTER SEQUENCE {} AS integer", "has other limits than 1 and 9223372036854775807"),
        ("ALTER SEQUENCE {} MAXVALUE 1000000000", "has other limits than 1 and 9223372036854775807"),
        ("ALTER SEQUENCE {} SET UNLOGGED", "is not permanent"),
        ("DROP SEQUENCE {}", "does not exist"),
    ],
)
def test_a_changed_sequence_is_found(sequence: str, change: str, fault: str) -> None:
    run(change.format(sequence))
    assert found() == [f"{sequence} {fault}"]


def test_the_hinted_statement_restores_the_options_of_a_sequence() -> None:
    run("ALTER SEQUENCE presence_event_id_seq AS integer INCREMENT 2 MAXVALUE 1000000000 CACHE 50 CYCLE")
    messages = run_checks(databases=["default"])
    assert {message.id for message in messages} == {"presence_events.E106"}
    (statement,) = {match for message in messages for match in re.findall(r"ALTER SEQUENCE [^,]+", str(message.hint))}
    run(statement)
    assert found() == []


def test_a_sequence_that_the_owner_may_not_use_is_found(owner: str) -> None:
    run(f"REVOKE ALL ON SEQUENCE presence_open_stay_id_seq FROM {owner}")
    assert found() == ["presence_open_stay_id_seq gives no value to the owner of the table"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            "CREATE RULE silent AS ON DELETE TO presence_room DO INSTEAD NOTHING",
            "presence_room has the rule silent, which changes what statements do",
        ),
        (
            'CREATE TABLE "Child" () INHERITS (presence_process)',
            'presence_process has the child "Child", whose rows count as its own',
        ),
        (
            "CREATE TABLE parent (id bigint); ALTER TABLE presence_open_stay INHERIT parent",
            "presence_open_stay is a child of parent, and statements on that table do not fire its triggers",
        ),
        ("ALTER TABLE presence_process SET UNLOGGED", "presence_process is not permanent"),
        ("DROP TABLE presence_dead_letter", "presence_dead_letter does not exist"),
    ],
)
def test_a_changed_table_is_found(change: str, fault: str) -> None:
    run(change)
    assert fault in found()


@pytest.mark.parametrize("privilege", ["SELECT", "INSERT", "UPDATE", "DELETE"])
def test_a_right_that_the_owner_lacks_on_a_projection_is_found(owner: str, privilege: str) -> None:
    run(f"REVOKE {privilege} ON presence_open_stay FROM {owner}")
    assert found() == [f"presence_open_stay does not give its owner the right to {privilege}"]


def test_the_owner_may_give_up_the_right_to_change_events(owner: str) -> None:
    run(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON presence_event FROM {owner}")
    assert found() == []


SUBJECT = "CHECK (channel_name IS NULL OR session IS NOT NULL)"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            "ALTER TABLE presence_event DROP CONSTRAINT presence_event_subject",
            "presence_event the constraint presence_event_subject does not exist",
        ),
        (
            (
                "ALTER TABLE presence_event DROP CONSTRAINT presence_event_subject;"
                f"ALTER TABLE presence_event ADD CONSTRAINT presence_event_subject {SUBJECT} NOT VALID"
            ),
            "presence_event the constraint presence_event_subject is not valid or not enforced",
        ),
        (
            (
                "ALTER TABLE presence_open_stay DROP CONSTRAINT presence_room_channel_name;"
                "CREATE UNIQUE INDEX presence_room_channel_name ON presence_open_stay (room, channel_name)"
            ),
            "presence_open_stay the constraint presence_room_channel_name does not exist",
        ),
        (
            (
                "ALTER TABLE presence_open_stay DROP CONSTRAINT presence_room_channel_name;"
                "ALTER TABLE presence_open_stay "
                "ADD CONSTRAINT presence_room_channel_name UNIQUE (room, channel_name) DEFERRABLE"
            ),
            "presence_open_stay the constraint presence_room_channel_name is deferrable",
        ),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'presence_room_channel_name'::regclass",
            "presence_open_stay the constraint presence_room_channel_name has an invalid index",
        ),
        (
            "ALTER TABLE presence_open_stay DROP CONSTRAINT presence_open_stay_pkey",
            "presence_open_stay the primary key does not exist",
        ),
        ("DROP INDEX presence_channel_name", "presence_open_stay presence_channel_name"),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'presence_event_room'::regclass",
            "presence_event presence_event_room",
        ),
    ],
)
def test_a_changed_constraint_or_index_is_found(change: str, fault: str) -> None:
    run(change)
    assert found() == [fault]


REFERENCES = "FOREIGN KEY (room) REFERENCES presence_room (channel_name)"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (["ALTER TABLE presence_open_stay DROP CONSTRAINT {}"], "does not exist"),
        (["ALTER TABLE presence_open_stay ALTER CONSTRAINT {} NOT DEFERRABLE"], "is not deferred"),
        (["ALTER TABLE presence_open_stay ALTER CONSTRAINT {} DEFERRABLE INITIALLY IMMEDIATE"], "is not deferred"),
        (["ALTER TABLE presence_open_stay DISABLE TRIGGER ALL"], "has triggers that are disabled"),
        (["ALTER TABLE presence_room DISABLE TRIGGER ALL"], "has triggers that are disabled"),
        (
            [
                "ALTER TABLE presence_open_stay DROP CONSTRAINT {}",
                f"ALTER TABLE presence_open_stay ADD {REFERENCES} ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
            ],
            "changes rows itself",
        ),
        (
            [
                "ALTER TABLE presence_open_stay DROP CONSTRAINT {}",
                f"ALTER TABLE presence_open_stay ADD {REFERENCES} DEFERRABLE INITIALLY DEFERRED NOT VALID",
            ],
            "is not valid or not enforced",
        ),
        (
            [
                "ALTER TABLE presence_open_stay DROP CONSTRAINT {}",
                "CREATE TABLE other_room (channel_name text PRIMARY KEY)",
                (
                    f"ALTER TABLE presence_open_stay ADD {REFERENCES.replace('presence_room', 'other_room')} "
                    "DEFERRABLE INITIALLY DEFERRED"
                ),
            ],
            "does not exist",
        ),
    ],
)
def test_a_changed_foreign_key_to_rooms_is_found(changes: list[str], fault: str) -> None:
    name = foreign_key()
    run(*(change.format(name) for change in changes))
    assert found() == [f"presence_open_stay the foreign key of room {fault}"]


def test_a_constraint_that_is_not_enforced_is_found() -> None:
    if is_older_than(18):
        return  # Every constraint is enforced.
    run(
        f"ALTER TABLE presence_open_stay ALTER CONSTRAINT {foreign_key()} NOT ENFORCED",
        "ALTER TABLE presence_event DROP CONSTRAINT presence_event_subject",
        f"ALTER TABLE presence_event ADD CONSTRAINT presence_event_subject {SUBJECT} NOT ENFORCED",
    )
    assert found() == [
        "presence_event the constraint presence_event_subject is not valid or not enforced",
        "presence_open_stay the foreign key of room is not valid or not enforced",
    ]


@pytest.mark.parametrize(
    ("change", "identity", "message"),
    [
        (
            "CREATE TABLE child () INHERITS (presence_open_stay)",
            "projections.E105",
            "The table presence_open_stay has the child child, whose rows count as its own, in the database 'default'.",
        ),
        (
            "ALTER SEQUENCE presence_event_id_seq CACHE 50",
            "presence_events.E106",
            (
                "The sequence presence_event_id_seq caches values, so keys are not in the order of changes, in the "
                "database 'default'."
            ),
        ),
        (
            "ALTER TABLE presence_open_stay DROP CONSTRAINT presence_room_channel_name",
            "projections.E107",
            (
                "On the table presence_open_stay, the constraint presence_room_channel_name does not exist, in the "
                "database 'default'."
            ),
        ),
        (
            "DROP INDEX presence_event_stay",
            "presence_events.W104",
            "The index presence_event_stay on presence_event does not exist or is invalid, in the database 'default'.",
        ),
    ],
)
def test_the_check_reports_it(change: str, identity: str, message: str) -> None:
    run(change)
    (reported,) = run_checks(databases=["default"])
    assert (reported.id, reported.msg) == (identity, message)
