"""The GRANT files: a role that may append and read, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction

from presence_events import sql
from presence_events.models import PresenceEvent
from presence_events.privacy import daily
from presence_events.processes import registry
from projections._worker.dead_servers import DeadServerDetector
from projections._worker.log_maintenance import LogMaintenance
from projections.models import DeadLetter, Presence, PresenceSession, Process, Room
from projections.signals import presence_changed
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def role() -> Iterator[None]:
    """Runs the test as the role."""
    with connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS appender")
        cursor.execute("CREATE ROLE appender")
        for package in ("presence_events", "projections"):
            cursor.execute(sql.read(package, "grants/app").replace(':"role"', "appender"))
        cursor.execute("SET ROLE appender")
        yield
        cursor.execute("RESET ROLE")
        cursor.execute("DROP OWNED BY appender")
        cursor.execute("DROP ROLE appender")


FILES = [("presence_events", "grants/app"), ("projections", "grants/app"), ("projections", "grants/reports")]


@pytest.fixture
def creator() -> Iterator[str]:
    """Another role, which may not create anything yet. The test connection is the owner again."""
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute('CREATE ROLE "Other Role"')
        yield '"Other Role"'
        cursor.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        cursor.execute('DROP OWNED BY "Other Role"')
        cursor.execute('DROP ROLE "Other Role"')


@pytest.mark.parametrize("who", ["PUBLIC", '"Other Role"'])
@pytest.mark.parametrize(("package", "name"), FILES)
def test_the_files_refuse_a_schema_in_which_other_roles_may_create(
    creator: str, package: str, name: str, who: str
) -> None:
    text = sql.read(package, name).replace(':"role"', "appender")
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT CREATE ON SCHEMA public TO {who}")
        with pytest.raises(ProgrammingError, match="may create in the schema public") as caught:
            cursor.execute(text)
        assert f"First run: REVOKE CREATE ON SCHEMA public FROM {who}" in str(caught.value)
        cursor.execute(f"REVOKE CREATE ON SCHEMA public FROM {who}")
        cursor.execute(text)


@pytest.mark.parametrize(("package", "name"), FILES)
def test_the_files_refuse_another_schema_in_the_search_path(creator: str, package: str, name: str) -> None:
    text = sql.read(package, name).replace(':"role"', "appender")
    with connection.cursor() as cursor:
        cursor.execute('CREATE SCHEMA "Shared"')
        try:
            cursor.execute(f'GRANT CREATE ON SCHEMA "Shared" TO {creator}')
            cursor.execute(text)
            cursor.execute('SET search_path = public, "Shared"')
            with pytest.raises(ProgrammingError, match='may create in the schema "Shared": "Other Role"'):
                cursor.execute(text)
        finally:
            cursor.execute("RESET search_path")
            cursor.execute('DROP SCHEMA "Shared"')


def test_a_role_with_the_rights_of_the_owner_may_create(creator: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT CREATE ON SCHEMA public TO {creator}")
        cursor.execute("SELECT current_user::regrole")
        cursor.execute(f"GRANT {cursor.fetchone()[0]} TO {creator}")
        cursor.execute(sql.read("presence_events", "grants/app").replace(':"role"', "appender"))


def test_the_files_have_the_same_rule() -> None:
    first, *others = (sql.read(*file).split("DO $$")[1].split("$$;")[0] for file in FILES)
    assert others == [first, first]


def test_the_role_can_do_all_that_the_library_does() -> None:
    Room.objects.add("room", "channel", None, {"a": 1})
    assert Presence.objects.touch("channel") == 1
    assert Presence.objects.leave_all("channel") == 1
    Room.objects.add("room", "channel")
    assert Room.objects.prune_presences(0) == 1
    assert Room.objects.prune_rooms() == 1
    assert PresenceEvent.objects.count() == 6
    assert_live_is_the_fold()
    assert PresenceSession.objects.in_room("room").count() == 2


def test_the_role_can_send_signals_from_the_log(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"

    def broken(**kwargs: Any) -> None:
        raise RuntimeError

    call_command("run_projector", "--once", stdout=StringIO())
    Room.objects.add("room", "channel")
    presence_changed.connect(broken)
    try:
        with caplog.at_level(logging.CRITICAL):
            call_command("run_projector", "--once", stdout=StringIO())
    finally:
        presence_changed.disconnect(broken)
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        assert DeadLetter.objects.count() == 1


def test_the_role_can_send_beats_and_detect_dead_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    registration = registry.Registration("default", may_claim=True)
    assert registration.beat()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'room', 'channel', %s)",
            [registration.name],
        )
    monkeypatch.setattr(registry, "CHECK_INTERVAL", 0)
    assert registration.beat()
    watch = DeadServerDetector("default")
    assert sum(watch.check() for _ in range(registry.CHECKS_UNTIL_DEAD + 1)) == 1
    assert not Process.objects.exists()


def test_the_role_can_check_and_query_the_past_but_not_repair() -> None:
    Room.objects.add("room", "channel")
    for command, argument in (
        ("replay_presence", "--check"),
        ("presence_at", "1"),
        ("presence_at", "2026-01-01"),
        ("presence_what_if", "60"),
        ("presence_resend", ".."),
    ):
        call_command(command, argument, stdout=StringIO())
    call_command("export_presence", "sessions", stdout=StringIO(), stderr=StringIO())
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE presence_open_stay SET data = '1'")
        cursor.execute("RESET session_replication_role")
        cursor.execute("SET ROLE appender")
    with pytest.raises(CommandError, match=r"permission denied|must be owner"):
        call_command("replay_presence", stdout=StringIO())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE presence_event SET room = 'x'",
        "DELETE FROM presence_event",
        "TRUNCATE presence_event",
        "INSERT INTO presence_event (kind, room, channel_name, at) VALUES ('join', 'r', 'c', now())",
        "INSERT INTO presence_event (id, kind, room, channel_name) VALUES (1, 'join', 'r', 'c')",
        "ALTER TABLE presence_event DISABLE TRIGGER ALL",
        "DROP TABLE presence_event",
        "SELECT nextval('presence_event_id_seq')",
        "INSERT INTO presence_room VALUES ('x', now())",
        "DELETE FROM presence_open_stay",
        "UPDATE presence_open_stay SET touched_at = now()",
        "INSERT INTO presence_process VALUES ('x', now(), now())",
        "UPDATE presence_process SET seen_at = now()",
        "DELETE FROM presence_process",
        "TRUNCATE presence_open_stay",
    ],
)
def test_the_role_can_do_nothing_else(statement: str) -> None:
    Room.objects.add("room", "channel")
    refused = pytest.raises(ProgrammingError, match=r"permission denied|must be owner")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert_live_is_the_fold()


def test_tables_of_the_role_do_not_replace_those_of_the_fold() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE presence_open_stay (LIKE public.presence_open_stay)")
        cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'room', 'channel')")
        cursor.execute("SELECT count(*) FROM pg_temp.presence_open_stay")
        assert cursor.fetchone() == (0,)
        cursor.execute("DROP TABLE pg_temp.presence_open_stay")
    assert Presence.objects.count() == 1


@pytest.mark.parametrize("table", ["presence_open_stay", "presence_process", "presence_room"])
def test_a_trigger_of_the_role_does_not_change_the_projections(table: str) -> None:
    Room.objects.add("room", "channel")
    column = "name" if table == "presence_process" else "channel_name"
    with pytest.raises(IntegrityError, match="is a projection"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE own (i int)")
        cursor.execute(
            "CREATE FUNCTION pg_temp.own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"UPDATE public.{table} SET {column} = 'hacked'; RETURN NEW; END $$"
        )
        cursor.execute("CREATE TRIGGER own BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION pg_temp.own()")
        cursor.execute("INSERT INTO own VALUES (1)")
    assert_live_is_the_fold()


RIGHTS = """
SELECT format('%s on %s', privilege_type, c.oid::regclass) FROM pg_class AS c CROSS JOIN aclexplode(c.relacl)
WHERE c.relname LIKE 'presence%' AND grantee IN (0, 'appender'::regrole)
UNION ALL
SELECT format('%s (%s) on %s', privilege_type, attname, attrelid::regclass)
FROM pg_attribute CROSS JOIN aclexplode(attacl)
WHERE attrelid::regclass::text LIKE 'presence%' AND grantee IN (0, 'appender'::regrole)
"""


def rights() -> set[str]:
    """Returns the rights of the role and of PUBLIC on the tables and sequences."""
    with connection.cursor() as cursor:
        cursor.execute(RIGHTS)
        return {right for (right,) in cursor.fetchall()}


@pytest.mark.parametrize("files", [FILES[:2], FILES[2:]], ids=["app", "reports"])
def test_the_files_take_away_what_was_granted_before(files: list[tuple[str, str]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")

        def run_files() -> set[str]:
            for package, name in files:
                cursor.execute(sql.read(package, name).replace(':"role"', "appender"))
            return rights()

        cursor.execute("DROP OWNED BY appender")
        given = run_files()
        cursor.execute(
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO appender;"
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO appender;"
            "GRANT UPDATE (kind) ON presence_event TO appender;"
            "GRANT UPDATE ON presence_open_stay TO PUBLIC; GRANT USAGE ON SEQUENCE presence_open_stay_id_seq TO PUBLIC"
        )
        assert rights() > given
        assert run_files() == given


def test_the_role_records_pseudonyms_and_never_sees_their_secrets(settings: Any, django_user_model: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"": {"users": "daily"}}
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        user = django_user_model._default_manager.create_user("ada")
        cursor.execute("SET ROLE appender")
    Room.objects.add("room", "1", user)
    assert daily.is_daily(Presence.objects.get().user_id)
    LogMaintenance("default").work()  # deletes secrets, and may do nothing else
    with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute("SELECT secret FROM presence_pseudonym_key")


@pytest.mark.parametrize(
    "sequence", ["presence_event_id_seq", "presence_open_stay_id_seq", "presence_dead_letter_id_seq"]
)
def test_the_role_cannot_set_a_sequence(sequence: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
        cursor.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO appender")
        for package, name in FILES[:2]:
            cursor.execute(sql.read(package, name).replace(':"role"', "appender"))
        cursor.execute("SET ROLE appender")
        with pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute("SELECT setval(%s, 1)", [sequence])
