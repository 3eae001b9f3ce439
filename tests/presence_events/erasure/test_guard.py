"""The log admits the erasure of a person, and no other change of any column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from presence_events import sql
from presence_events.models import Erasure, PresenceEvent
from presence_events.seals.sealing import seal
from presence_events.seals.verifying import verify
from projections.models import Presence, Room
from tests.seals import leaf, line_of

pytestmark = pytest.mark.django_db(transaction=True)

STAYS = "presence_event_stays_first"
RECORD = (
    "INSERT INTO presence_erasure (at, tx, operator, segment, events) "
    "VALUES (transaction_timestamp(), pg_current_xact_id(), '', '{}', 1)"
)
COMMITMENT = (
    "presence_commitment((SELECT key FROM presence_seal_key WHERE subject = 'user:' || user_id::text), id, "
    "user_id::text, data::text)"
)
ERASURE = "UPDATE {} SET user_id = (SELECT pseudonym FROM presence_erasing)::{}, data = '{{}}', commitment = {}"


@pytest.fixture(autouse=True)
def event(user: Any) -> PresenceEvent:
    """A sealed join of a person whose erasure has begun."""
    Room.objects.add("room", "channel", user, {"secret": "text with a \\ and é"})
    seal("default")
    return PresenceEvent.objects.get()


@pytest.fixture
def begun(event: PresenceEvent, pseudonym: str) -> Iterator[str]:
    run("SELECT presence_begin_erasure(%s, %s)", [str(event.user_id), pseudonym])
    yield pseudonym
    run("DELETE FROM presence_erasing")


@pytest.fixture
def pseudonym(event: PresenceEvent) -> str:
    return "-424" if isinstance(event.user_id, int) else "e2a5ed00-0000-8000-8000-000000000000"


def run(statement: str, params: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def key_type() -> str:
    ((found,),) = run(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = 'presence_event'::regclass AND attname = 'user_id'"
    )
    return str(found)


def erasure(table: str = STAYS, commitment: str = COMMITMENT) -> str:
    return ERASURE.format(table, key_type(), commitment)


def test_an_erasure_that_is_recorded_is_admitted(begun: str) -> None:
    with transaction.atomic():
        run(RECORD.format(STAYS))
        run(erasure())
    erased = PresenceEvent.objects.get()
    assert (str(erased.user_id), erased.data) == (begun, {})
    assert verify("default").findings == []


CHANGES = [
    "id = id + 1000",
    "kind = 'leave'",
    "room = 'other'",
    "channel_name = 'other'",
    "session = session + 1",
    "since = since - interval '1 us'",
    "last_seen = now()",
    "process = 'other'",
    "is_leased = true",
    "capacity = 7",
    "is_exclusive = true",
    "at = at + interval '1 us'",
    "tx = '1'",
    "day = day - 1",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_another_column_is_refused(begun: str, change: str) -> None:
    """Also within an erasure, by the owner, and with a record of it."""
    assert {each.split(" ")[0] for each in CHANGES} | {"user_id", "data", "commitment"} == {
        field.column for field in PresenceEvent._meta.concrete_fields
    }
    for statement in (f"UPDATE {STAYS} SET {change}", f"{erasure()}, {change}"):
        with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
            run(RECORD.format(STAYS))
            run(statement)
        with pytest.raises(DatabaseError, match="is refused"):
            run(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET data = '{{}}'",
        "UPDATE {table} SET data = NULL",
        "UPDATE {table} SET user_id = NULL",
        "UPDATE {table} SET user_id = (SELECT pseudonym FROM presence_erasing)::{type}",
        "UPDATE {table} SET commitment = repeat('0', 64)",
        "UPDATE {table} SET user_id = NULL, data = '{{}}', commitment = {commitment}",
        "UPDATE {table} SET data = NULL, commitment = {commitment}",
        "UPDATE {table} SET data = '[]', commitment = {commitment}",
        "UPDATE {table} SET data = '{{}}', commitment = repeat('0', 64)",
        "UPDATE {table} SET data = '{{}}', commitment = upper({commitment})",
    ],
)
def test_half_an_erasure_is_refused(begun: str, statement: str) -> None:
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
        run(RECORD.format(STAYS))
        run(statement.format(table=STAYS, type=key_type(), commitment=COMMITMENT))


def test_another_user_is_refused(begun: str, other_user: Any) -> None:
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
        run(RECORD.format(STAYS))
        run(f"UPDATE {STAYS} SET user_id = %s, data = '{{}}', commitment = {COMMITMENT}", [other_user.pk])


@pytest.mark.parametrize("change", ["user_id = NULL", "data = '[]'", "data = NULL", "commitment = NULL"])
def test_an_erased_event_is_final(begun: str, change: str) -> None:
    with transaction.atomic():
        run(RECORD.format(STAYS))
        run(erasure())
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
        run(RECORD.format(STAYS))
        run(f"UPDATE {STAYS} SET {change}")


def without_a_record() -> None:
    run(erasure())


def with_the_record_of_another_transaction() -> None:
    run(RECORD.format(STAYS))
    run(erasure())


def with_the_record_of_another_segment() -> None:
    run(RECORD.format("presence_event_touches_first"))
    run(erasure())


def with_an_old_record_of_the_same_number() -> None:
    run(RECORD.format(STAYS).replace("transaction_timestamp()", "now() - interval '1 s'"))
    run(erasure())


def in_the_log_itself() -> None:
    run(RECORD.format(STAYS))
    run(erasure("presence_event"))


def with_a_setting() -> None:
    for name in ("erasing", "erasure", "test_database"):
        run("SELECT set_config('presence_events.' || %s, 'on', true)", [name])
    run(erasure())


@pytest.mark.parametrize(
    "attempt",
    [
        without_a_record,
        with_the_record_of_another_segment,
        with_an_old_record_of_the_same_number,
        in_the_log_itself,
        with_a_setting,
    ],
)
def test_an_erasure_without_its_record_is_refused(begun: str, attempt: Callable[[], None]) -> None:
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
        attempt()
    assert not PresenceEvent.objects.exclude(commitment=None).exists()


def test_the_record_of_another_transaction_does_not_count(begun: str) -> None:
    with pytest.raises(IntegrityError, match="is refused"):
        with_the_record_of_another_transaction()


def test_a_commitment_cannot_be_appended() -> None:
    with pytest.raises(IntegrityError, match="only the erasure of a person adds a commitment"):
        run("INSERT INTO presence_event (kind, room, channel_name, commitment) VALUES ('join', 'room', 'new', 'x')")


@pytest.mark.parametrize("change", ["DELETE FROM presence_erasure", "UPDATE presence_erasure SET events = 0"])
def test_records_are_permanent(change: str) -> None:
    run(RECORD.format(STAYS))
    with pytest.raises(IntegrityError, match="the rows of this table are permanent"):
        run(change)
    assert Erasure.objects.get().events == 1


def test_the_key_of_a_person_who_is_not_being_erased_stays() -> None:
    with pytest.raises(IntegrityError, match="the rows of this table are permanent"):
        run("DELETE FROM presence_seal_key")


CALLS = [
    ("SELECT presence_begin_erasure('1', '-2')", "permission denied"),
    ("SELECT presence_erase_events('x', '1', 1, '{}', '{}', '')", "permission denied"),
    ("SELECT presence_record_erasure('a.parquet', 1, '')", "permission denied"),
    ("SELECT presence_end_erasure('1')", "permission denied"),
    ("SELECT presence_erase_projections('1', '{}')", "permission denied"),
    ("SELECT * FROM presence_erasing", "permission denied"),
    (RECORD.format(STAYS), "permission denied"),
    ("DELETE FROM presence_seal_key", "permission denied"),
]


@pytest.mark.parametrize(("statement", "error"), CALLS)
def test_a_role_that_may_append_may_not_erase(statement: str, error: str) -> None:
    with pytest.raises(DatabaseError, match=error), transaction.atomic():
        run("CREATE ROLE appender")
        for package in ("presence_events", "projections"):
            run(sql.read(package, "grants/app").replace(':"role"', "appender"))
        run("SET LOCAL ROLE appender")
        run(statement)


def test_a_role_that_may_erase_may_do_nothing_else(begun: str) -> None:
    with transaction.atomic():
        run("CREATE ROLE privacy")
        for package, name in (("presence_events", "app"), ("projections", "app"), ("projections", "erasure")):
            run(sql.read(package, f"grants/{name}").replace(':"role"', "privacy"))
        run("SET LOCAL ROLE privacy")
        for statement, error in CALLS[5:]:
            with pytest.raises(DatabaseError, match=error), transaction.atomic():
                run(statement)
        run("RESET ROLE")
        transaction.set_rollback(True)


@pytest.mark.parametrize("wrong", ["17", "ada", "-3", "e2a5ed00", "erased-"])
def test_only_a_pseudonym_takes_the_place_of_a_user(wrong: str, user: Any) -> None:
    if isinstance(user.pk, int) == wrong.lstrip("-").isdigit():
        with pytest.raises(DatabaseError):
            run("SELECT presence_begin_erasure('1', %s)", [wrong])


def test_a_pseudonym_that_the_log_has_is_refused(begun: str) -> None:
    with transaction.atomic():
        run(RECORD.format(STAYS))
        run(erasure())
    with pytest.raises(IntegrityError, match="cannot be the pseudonym"):
        run("SELECT presence_begin_erasure('another', %s)", [begun])


@pytest.mark.parametrize(
    "call",
    [
        "SELECT presence_erase_events('presence_event_stays_first', 'another', 9, '{}', '{}', '')",
        "SELECT presence_erase_events('pg_class', %s, 9, '{}', '{}', '')",
        "SELECT presence_erase_projections('another', '{}')",
        "SELECT presence_record_erasure('presence_event_stays_first', 1, '')",
    ],
)
def test_a_call_without_an_erasure_that_has_begun_is_refused(begun: str, call: str, event: PresenceEvent) -> None:
    with pytest.raises(DatabaseError, match=r"has not begun|no erasure has begun|no such segment"):
        run(call, [str(event.user_id)] if "%s" in call else None)


def test_an_erasure_does_not_end_while_sealed_events_are_left(begun: str, event: PresenceEvent) -> None:
    with pytest.raises(DatabaseError, match="the log has sealed events of this person"):
        run("SELECT presence_end_erasure(%s)", [str(event.user_id)])
    run("SELECT presence_end_erasure('another')")
    assert verify("default").findings == []


def test_the_commitment_is_that_of_the_leaves(user: Any) -> None:
    key = bytes(range(32))
    texts = ["plain", "tab\t newline\n \\ \b\f\r\v é ☃", "", None]
    for text in texts:
        for data in ('{"a": "\\t\\\\ é"}', None):
            ((line, commitment),) = run(
                "SELECT concat_ws(E'\\t', '7', 'join', repeat(E'\\\\N\\t', 9) || E'\\\\N'), "
                "presence_commitment(%s, 7, %s, %s)",
                [key, text, data],
            )
            if text is None and data is None:
                continue
            with (
                connection.cursor() as cursor,
                cursor.copy("COPY (SELECT %s::text, %s::jsonb::text) TO STDOUT", [text, data]) as rows,
            ):
                (personal,) = [bytes(row)[:-1] for row in rows]
            parsed = line_of(f"{line}\t{personal.decode()}")
            known = leaf(parsed._replace(subject="s"), {"s": key})
            assert leaf(parsed._replace(commitment=commitment), {}) == known


def test_touches_are_erased_from_their_own_segment(begun: str, event: PresenceEvent) -> None:
    Presence.objects.touch("channel", {"mood": "secret"})
    ((number,),) = run(
        "SELECT presence_erase_events('presence_event_touches_first', %s, 1000000000, '{}', '{}', '')",
        [str(event.user_id)],
    )
    assert number == 1
    assert PresenceEvent.objects.get(kind="touch").data == {}
