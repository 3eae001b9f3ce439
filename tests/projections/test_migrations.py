"""Migrations can be reversed and applied again in a database that has history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection, transaction

from presence_events import sql, validation
from presence_events.models import PresenceEvent
from presence_events.pseudonyms import new_pseudonym
from projections.models import Presence, PresenceSession, Room
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _migrate_afterwards() -> Iterator[None]:
    yield
    call_command("migrate", verbosity=0)


def objects() -> set[str]:
    """Returns what the library has created in the database: relations, functions, triggers and so on."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT 'relation ' || relname FROM pg_class
            UNION ALL SELECT 'function ' || proname FROM pg_proc
            UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger
            UNION ALL SELECT 'statistics ' || stxname FROM pg_statistic_ext
            UNION ALL SELECT 'constraint ' || conname FROM pg_constraint
            UNION ALL SELECT 'type ' || typname FROM pg_type
            """
        )
        return {name for (name,) in cursor.fetchall() if "presence" in name or "pgtrigger" in name}


def problems() -> list[Any]:
    return run_checks(databases=["default"])


def test_the_projections_can_be_removed_and_restored_from_the_log() -> None:
    Room.objects.add("room", "gone")
    Room.objects.remove("room", "gone")
    Room.objects.add("room", "here")
    before, last = objects(), Presence.objects.get().id

    call_command("migrate", "projections", "zero", verbosity=0)
    left = objects()
    assert {name for name in left if name.startswith("function")} == {
        "function pgtrigger_append_only_6794e",
        "function pgtrigger_erased_only_d477e",
        "function pgtrigger_forgotten_c7c14",
        "function pgtrigger_permanent_09448",
        "function pgtrigger_permanent_2926e",
        "function pgtrigger_permanent_95b7b",
        "function pgtrigger_permanent_98da1",
        "function pgtrigger_permanent_a9542",
        "function pgtrigger_permanent_f4819",
        "function pgtrigger_released_once_c14a0",
        "function presence_after_horizon",
        "function presence_attach_segment",
        "function presence_begin_erasure",
        "function presence_commitment",
        "function presence_create_segment",
        "function presence_divide_segment",
        "function presence_end_erasure",
        "function presence_erase_events",
        "function presence_forget_pseudonyms",
        "function presence_horizon",
        "function presence_make_segment",
        "function presence_pseudonym",
        "function presence_record_erasure",
        "function presence_segment_guard",
        "function presence_subject",
    }
    assert {name for name in left if name.startswith("trigger")} == {
        "trigger pgtrigger_append_only_6794e",
        "trigger pgtrigger_erased_only_d477e",
        "trigger pgtrigger_forgotten_c7c14",
        "trigger pgtrigger_permanent_09448",
        "trigger pgtrigger_permanent_2926e",
        "trigger pgtrigger_permanent_95b7b",
        "trigger pgtrigger_permanent_98da1",
        "trigger pgtrigger_permanent_a9542",
        "trigger pgtrigger_permanent_f4819",
        "trigger pgtrigger_released_once_c14a0",
        "trigger presence_segment_guard",
    }
    assert "statistics presence_event_magnitude" in left
    assert not {"relation presence", "relation presence_room", "relation presence_session"} & left
    assert PresenceEvent.objects.count() == 3

    call_command("migrate", verbosity=0)
    assert objects() == before
    assert not problems()
    call_command("replay_presence", verbosity=0)
    assert_live_is_the_fold()
    assert [stay.channel_name for stay in PresenceSession.objects.all()] == ["gone", "here"]
    Room.objects.add("room", "new")
    assert Presence.objects.get(channel_name="new").id > last
    assert_live_is_the_fold()


def test_removing_both_apps_leaves_nothing_behind_and_they_can_be_created_again() -> None:
    Room.objects.add("room", "here")
    before = objects()
    assert len(before) > 50

    call_command("migrate", "presence_events", "zero", verbosity=0)
    assert objects() == set()

    call_command("migrate", verbosity=0)
    assert objects() == before
    assert not problems()
    Room.objects.add("room", "first")
    assert [(event.id, event.session) for event in PresenceEvent.objects.all()] == [(1, 1)]
    assert_live_is_the_fold()


def test_no_role_executes_functions_with_the_rights_of_the_owner_by_default_privileges() -> None:
    call_command("migrate", "presence_events", "zero", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            'CREATE ROLE curious; CREATE ROLE "Quite Curious";'
            'ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO curious, "Quite Curious"'
        )
        try:
            call_command("migrate", verbosity=0)
            cursor.execute(
                """
                SELECT p.proname, p.proconfig::text LIKE '%search_path=public, pg_temp%', array(
                    SELECT grantee::regrole::text FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
                    WHERE grantee <> p.proowner
                )
                FROM pg_proc AS p
                WHERE p.prosecdef AND p.proname ~ 'presence|pgtrigger'
                """
            )
            found = cursor.fetchall()
        finally:
            cursor.execute('DROP OWNED BY curious, "Quite Curious"; DROP ROLE curious, "Quite Curious"')
    assert {"presence_pseudonym", "presence_forget_pseudonyms", "presence_erase_events"} <= {name for name, *_ in found}
    assert [each for each in found if each[1:] != (True, [])] == []


def test_a_schema_can_be_renamed(settings: Any, user: Any) -> None:
    """After ``pgtrigger install`` and the file that sets the search path of the other functions of the owner."""
    settings.CHANNELS_PRESENCE_PRIVACY = {"clinic": {"users": "daily"}}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER SCHEMA public RENAME TO moved; SET LOCAL search_path = moved")
        call_command("pgtrigger", "install", verbosity=0)
        cursor.execute(sql.read("presence_events", "schema/owners_rights").replace("%", "%%"))
        Room.objects.add("clinic", "1", user)
        Room.objects.add("lobby", "1", user)
        assert_live_is_the_fold()
        person, pseudonym = str(user.pk), str(new_pseudonym("default"))
        cursor.execute("SELECT presence_begin_erasure(%s, %s)", [person, pseudonym])
        cursor.execute(
            "SELECT sum(presence_erase_events(name, %s, 1000, '{}', '{}', '')) FROM presence_segment", [person]
        )
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT presence_erase_projections(%s, '{}'), presence_end_erasure(%s)", [person, person])
        assert PresenceEvent.objects.get(room="lobby").user_id == validation.user_key(pseudonym)
        cursor.execute(
            "SELECT count(*) FROM pg_proc WHERE prosecdef AND proconfig::text NOT LIKE '%search_path=moved, pg_temp%'"
        )
        assert cursor.fetchone() == (0,)
        transaction.set_rollback(True)


@pytest.mark.parametrize("table", ["presence_event", "presence_open_stay"])
def test_columns_of_fixed_length_come_first(table: str) -> None:
    """After a text, a number may need up to seven bytes of padding."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attlen > 0 FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", [table]
        )
        is_fixed = [fixed for (fixed,) in cursor.fetchall()]
    assert is_fixed == sorted(is_fixed, reverse=True)
