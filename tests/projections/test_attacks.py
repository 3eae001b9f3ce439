"""Attacks on the fold and the guards, whose functions run with the rights of the tables' owner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pgtrigger.registry
import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction

from presence_events import sql
from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)

TRIGGERS = [
    (trigger.get_pgid(model), model._meta.db_table)
    for model, trigger in pgtrigger.registry.registered()
    if model._meta.app_label in ("presence_events", "projections")
]


COLUMNS = {
    "presence_event": "id bigint, kind text, room text, channel_name text, user_id text, session bigint, "
    "since timestamptz, last_seen timestamptz, data jsonb, process text, is_leased boolean, capacity integer, "
    "is_exclusive boolean, at timestamptz, tx xid8, commitment text",
    "presence_open_stay": "id bigint, room text, channel_name text",
    "presence_process": "name text, started_at timestamptz, seen_at timestamptz",
    "presence_room": "channel_name text, created_at timestamptz",
    "presence_removal": "id bigint",
    "presence_erasure": "id bigint",
    "presence_hold": "id bigint, released_at timestamptz",
    "presence_seal": "number bigint",
    "presence_seal_key": "subject text",
    "presence_seal_timestamp": "number bigint",
    "presence_baseline": "id bigint",
    "presence_baseline_room": "channel_name text",
    "presence_baseline_stay": "id bigint",
    "presence_baseline_process": "name text",
    "presence_attendance_report": "schedule_id bigint, rows jsonb",
    "presence_report_annotation": "id bigint, author text, author_name text",
}


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(params=["stranger", "appender"])
def role(request: pytest.FixtureRequest) -> Iterator[str]:
    """A role without any right, or the one of the GRANT files. The test connection becomes that role."""
    name: str = request.param
    run(f"DROP ROLE IF EXISTS {name}", f"CREATE ROLE {name}")
    if name == "appender":
        run(
            *(
                sql.read(package, "grants/app").replace(':"role"', name)
                for package in ("presence_events", "projections")
            )
        )
    Room.objects.add("room", "channel", None, {"secret": 1})
    run(f"SET ROLE {name}")
    yield name
    run("RESET ROLE", f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.mark.parametrize(("function", "table"), TRIGGERS)
def test_no_other_role_can_create_a_trigger_with_a_function_of_ours(role: str, function: str, table: str) -> None:
    run(f"CREATE TEMPORARY TABLE own ({COLUMNS[table]})")
    with pytest.raises(ProgrammingError, match="permission denied for function"):
        run(f"CREATE TRIGGER own BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION public.{function}()")
    run("DROP TABLE own")


@pytest.mark.parametrize(("function", "table"), TRIGGERS)
def test_a_function_of_ours_refuses_to_run_for_another_table(role: str, function: str, table: str) -> None:
    """Also for a role that was given EXECUTE, and for a table of the same name."""
    run("RESET ROLE", f"GRANT EXECUTE ON FUNCTION {function}() TO {role}", f"SET ROLE {role}")
    for name in ("own", table):
        run(
            f"CREATE TEMPORARY TABLE {name} ({COLUMNS[table]})",
            f"CREATE TRIGGER own BEFORE INSERT ON pg_temp.{name} FOR EACH ROW EXECUTE FUNCTION public.{function}()",
        )
        statements = [f"INSERT INTO pg_temp.{name} DEFAULT VALUES"]
        if table == "presence_event":
            statements = [
                f"INSERT INTO pg_temp.{name} (id, kind, room, channel_name, session, since, at, tx) "
                f"VALUES (1, '{kind}', 'room', 'channel', NULL, now(), now(), '1')"
                for kind in ("join", "touch", "leave", "prune")
            ]
        for statement in statements:
            with pytest.raises(DatabaseError, match=f'a trigger function of the table "{table}" only|is refused'):
                run(statement)
        run(f"DROP TABLE pg_temp.{name}")
    run("RESET ROLE")
    assert Presence.objects.count() == PresenceEvent.objects.count() == 1
    assert_live_is_the_fold()


def test_only_what_the_docs_name_runs_with_the_rights_of_the_owner_and_no_other_role_may_execute_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, prorettype = 'trigger'::regtype, has_function_privilege('public', oid, 'EXECUTE') "
            "FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        )
        found = cursor.fetchall()
    erasure = {"begin_erasure", "erase_events", "record_erasure", "end_erasure", "erase_projections"}
    assert sorted(found) == sorted(
        [
            *((name, True, False) for name, _ in TRIGGERS if "projected_only" not in name),
            *((f"presence_{name}", False, False) for name in erasure),
            *(
                (name, False, False)
                for name in ("presence_pseudonym", "presence_forget_pseudonyms", "presence_forget_stays")
            ),
        ]
    )


@pytest.mark.parametrize("path", ["pg_temp, public", "pg_catalog", "pg_temp, hidden"])
@pytest.mark.parametrize("table", ["presence_open_stay", "presence_room"])
def test_the_guard_of_every_statement_refuses_in_any_search_path(table: str, path: str) -> None:
    """It has the search path of its caller."""
    Room.objects.add("room", "channel")
    with transaction.atomic():
        run("CREATE SCHEMA hidden", f"CREATE TEMPORARY TABLE {table} (room text)", f"SET LOCAL search_path = {path}")
        for statement in (
            f"DELETE FROM public.{table}",
            f"UPDATE public.{table} SET channel_name = channel_name WHERE false",
            f"INSERT INTO public.{table} SELECT * FROM public.{table} WHERE false",
        ):
            with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
                run(statement)
        run("SET LOCAL search_path = public")
        with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
            run(f"DELETE FROM public.{table}")
        run("INSERT INTO public.presence_event (kind, room, channel_name) VALUES ('leave', 'room', 'channel')")
        transaction.set_rollback(True)
    assert_live_is_the_fold()


OVERLOADS = {
    "nextval(text)": "bigint",
    "format(text, text)": "text",
    "format(text, text, name)": "text",
    "format(text, name)": "text",
    "format(text, timestamptz)": "text",
    "format(text, timestamptz, timestamptz, interval)": "text",
    "current_setting(text)": "text",
    "concat(text, text)": "text",
    "concat(text, text, text)": "text",
    "pg_has_role(oid, oid, varchar)": "boolean",
    "greatest(timestamptz, timestamptz)": "timestamptz",
}
"""Functions whose argument types match a careless call better than those of pg_catalog do."""


@pytest.fixture
def overloads() -> Iterator[None]:
    """A role that may create in the schema of the tables has made overloads, which record who called them."""
    run(
        "DROP ROLE IF EXISTS mallory",
        "CREATE ROLE mallory",
        "GRANT CREATE ON SCHEMA public TO mallory",
        "CREATE TABLE caught (who name)",
        "GRANT INSERT ON caught TO PUBLIC",
        "SET ROLE mallory",
    )
    for signature, returns in OVERLOADS.items():
        name, arguments = signature.split("(", 1)
        run(
            f'CREATE FUNCTION public."{name}"({arguments} RETURNS {returns} LANGUAGE plpgsql AS '
            "$$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN NULL; END $$"
        )
    run("CREATE FUNCTION public.equal(text, varchar) RETURNS boolean LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN false; END $$",
        "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = varchar, FUNCTION = public.equal)",
        "RESET ROLE")  # fmt: skip
    yield
    run("RESET ROLE", "DROP TABLE caught", "DROP OWNED BY mallory CASCADE", "DROP ROLE mallory")


def caught() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT who FROM caught")
        return cursor.fetchall()


def test_an_overload_is_called_by_code_that_does_not_name_the_schema(overloads: None) -> None:
    """Shows that the other tests would notice."""
    run("SELECT nextval('presence_open_stay_id_seq')")
    assert len(caught()) == 1


def test_overloads_of_another_role_are_not_called_by_the_fold(overloads: None) -> None:
    Room.objects.add("room", "channel", None, {"a": 1})
    Presence.objects.touch("channel", {"a": 1})
    Presence.objects.touch("channel", {"a": 2})
    Presence.objects.leave_all("channel")
    Room.objects.prune_rooms()
    for values in ("'unknown', 'room', 'channel'", "'join', 'room', NULL", "'touch', 'room', NULL"):
        with pytest.raises(DatabaseError, match=r"no partition of relation|needs a channel_name"), transaction.atomic():
            run(f"INSERT INTO presence_event (kind, room, channel_name) VALUES ({values})")
    assert caught() == []
    assert_live_is_the_fold()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE presence_event SET room = 'x'",
        "DELETE FROM presence_open_stay",
        "UPDATE presence_room SET channel_name = 'x'",
    ],
)
def test_overloads_of_another_role_are_not_called_by_the_guards(overloads: None, statement: str) -> None:
    with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
        run(statement)
    assert caught() == []


def test_overloads_of_another_role_are_not_called_by_the_installation_of_the_triggers(overloads: None) -> None:
    for model, trigger in pgtrigger.registry.registered():
        trigger.install(model)
    assert caught() == []


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("presence_at(now() + interval '1 hour')", "is in the future"),
        ("presence_during(now(), now() - interval '1 hour')", "is not a span of time"),
        ("presence_attendance('lobby', now(), now() - interval '1 hour')", "is not a span of time"),
    ],
)
def test_overloads_of_another_role_are_not_called_by_queries_of_the_past(
    overloads: None, query: str, error: str
) -> None:
    """These functions run with the rights of their caller, who may be the owner."""
    with pytest.raises(DatabaseError, match=error):
        run(f"SELECT * FROM {query}")
    assert caught() == []
