"""The triggers in a database, compared with those that the library installs."""

from __future__ import annotations

from collections.abc import Iterator

import pgtrigger.registry
import pytest
from django.db import connection

from presence_events.schema.installed import TriggerFault, trigger_faults

pytestmark = pytest.mark.django_db

APPS = ("presence_events", "projections")
FOLD = "pgtrigger_fold_72a36"
ONLY = "pgtrigger_projected_only_1a7ae"
FINAL = "pgtrigger_names_are_final_400c9"
ON_LOG = f"ON presence_event FOR EACH ROW EXECUTE FUNCTION {FOLD}()"
ON_PRESENCE = "ON presence_open_stay FOR EACH STATEMENT"
UPDATE_OF = "BEFORE UPDATE OF id, room"


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def details() -> list[str]:
    return [f"{fault.name}: {fault.detail or fault.obstacle}" for fault in trigger_faults(APPS, using="default")]


def recreate(name: str, table: str, definition: str) -> list[str]:
    """Replaces a trigger and keeps its comment, which holds the hash of django-pgtrigger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(oid) FROM pg_trigger WHERE tgname = %s", [name])
        (comment,) = cursor.fetchone()
    return [
        f"DROP TRIGGER {name} ON {table}",
        f"CREATE TRIGGER {name} {definition}",
        f"COMMENT ON TRIGGER {name} ON {table} IS '{comment}'",
    ]


def change_body(name: str, old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
        (text,) = cursor.fetchone()
        assert old in text
        cursor.execute(text.replace(old, new))


@pytest.fixture
def stranger() -> Iterator[None]:
    run("CREATE ROLE stranger")
    yield
    run("DROP OWNED BY stranger CASCADE", "DROP ROLE stranger")


def test_what_migrate_installs_has_no_fault() -> None:
    assert details() == []


def test_what_pgtrigger_installs_has_no_fault() -> None:
    for model, trigger in pgtrigger.registry.registered():
        trigger.install(model)
    assert details() == []


@pytest.mark.parametrize("app", APPS)
def test_only_the_triggers_of_the_apps_are_compared(app: str) -> None:
    run("ALTER TABLE presence_event DISABLE TRIGGER USER")
    names = ["append_only", "erased_only"] if app == "presence_events" else ["fold"]
    assert trigger_faults([app], using="default") == [
        TriggerFault("presence_event", name, "disabled") for name in names
    ]


def test_a_changed_body_is_found_although_the_comment_is_the_same() -> None:
    change_body(FOLD, "pg_catalog.pg_current_xact_id()", "'1'")
    assert details() == ["fold: its function has another body"]


def test_a_removed_comparison_of_the_table_is_found() -> None:
    change_body(FOLD, "IF TG_RELID OPERATOR(pg_catalog.<>)", "IF false AND TG_RELID OPERATOR(pg_catalog.<>)")
    assert details() == ["fold: its function has another body"]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (f"ALTER FUNCTION {FOLD}() SECURITY INVOKER", "its function runs with the rights of the caller"),
        (f"ALTER FUNCTION {FOLD}() SET search_path = public, pg_temp, other", "its function has other settings"),
        (f"ALTER FUNCTION {FOLD}() RESET search_path", "its function has other settings"),
        (f"ALTER FUNCTION {FOLD}() RESET ALL", "its function has other settings"),
        (f"ALTER FUNCTION {FOLD}() SET transform_null_equals = on", "its function has other settings"),
        (f"ALTER FUNCTION {FOLD}() SET search_path = 'public, pg_temp'", "its function has other settings"),
        (f"ALTER FUNCTION {FOLD}() STABLE", "its function has other options"),
        (f"ALTER FUNCTION {FOLD}() IMMUTABLE", "its function has other options"),
        (f"ALTER FUNCTION {FOLD}() STRICT", "its function has other options"),
        (f"ALTER FUNCTION {FOLD}() LEAKPROOF", "its function has other options"),
        (f"ALTER FUNCTION {FOLD}() PARALLEL SAFE", "its function has other options"),
        (f"GRANT EXECUTE ON FUNCTION {FOLD}() TO PUBLIC", "roles other than the owner may execute its function"),
        (f"GRANT EXECUTE ON FUNCTION {FOLD}() TO stranger", "roles other than the owner may execute its function"),
        (f"ALTER FUNCTION {FOLD}() OWNER TO stranger", "its function belongs to another role"),
        (f"ALTER TABLE presence_event DISABLE TRIGGER {FOLD}", "disabled"),
        (f"ALTER TABLE presence_event ENABLE REPLICA TRIGGER {FOLD}", "switched off by session_replication_role"),
        (f"DROP TRIGGER {FOLD} ON presence_event", "missing"),
    ],
)
def test_a_change_is_found(change: str, detail: str, stranger: None) -> None:
    run(change)
    assert details() == [f"fold: {detail}"]
    for model, trigger in pgtrigger.registry.registered():
        if trigger.name == "fold" and "belongs" not in detail:
            trigger.install(model)
            trigger.enable(model)
            assert details() == []


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("SECURITY DEFINER", "its function runs with the rights of the owner"),
        ("SET search_path = public, pg_temp", "its function has other settings"),
    ],
)
def test_a_change_of_a_function_with_the_rights_of_its_caller_is_found(change: str, detail: str) -> None:
    run(f"ALTER FUNCTION {ONLY}() {change}")
    assert details() == [f"projected_only: {detail}"]
    for model, trigger in pgtrigger.registry.registered():
        trigger.install(model)
    assert details() == []


WRITES = f"BEFORE INSERT OR UPDATE OR DELETE {ON_PRESENCE}"
OTHER_EVENTS, OTHER_CONDITION = "it fires for other events", "it fires under another condition"


@pytest.mark.parametrize(
    ("name", "table", "definition", "found"),
    [
        (FOLD, "presence_event", f"AFTER INSERT {ON_LOG}", f"fold: {OTHER_EVENTS}"),
        (FOLD, "presence_event", f"BEFORE INSERT OR UPDATE {ON_LOG}", f"fold: {OTHER_EVENTS}"),
        (FOLD, "presence_event", f"BEFORE INSERT {ON_LOG.replace('ROW', 'STATEMENT')}", f"fold: {OTHER_EVENTS}"),
        (
            FOLD,
            "presence_event",
            f"BEFORE INSERT {ON_LOG.replace('EXECUTE', 'WHEN (NEW.id IS NULL) EXECUTE')}",
            f"fold: {OTHER_CONDITION}",
        ),
        (
            ONLY,
            "presence_open_stay",
            f"{WRITES} WHEN (false) EXECUTE FUNCTION {ONLY}()",
            f"projected_only: {OTHER_CONDITION}",
        ),
        (
            ONLY,
            "presence_open_stay",
            f"{WRITES} WHEN (pg_trigger_depth() = 5) EXECUTE FUNCTION {ONLY}()",
            f"projected_only: {OTHER_CONDITION}",
        ),
        (
            FINAL,
            "presence_open_stay",
            f"{UPDATE_OF} {ON_PRESENCE} EXECUTE FUNCTION {FINAL}()",
            f"names_are_final: {OTHER_EVENTS}",
        ),
        (
            FINAL,
            "presence_open_stay",
            f"{UPDATE_OF}, channel_name {ON_PRESENCE} EXECUTE FUNCTION {ONLY}()",
            "names_are_final: its function has another body",
        ),
    ],
)
def test_another_definition_is_found(name: str, table: str, definition: str, found: str) -> None:
    run(*recreate(name, table, definition))
    assert details() == [found]


def test_a_condition_on_a_function_of_the_same_name_is_found() -> None:
    run("CREATE SCHEMA other", "CREATE FUNCTION other.pg_trigger_depth() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    run(
        *recreate(ONLY, "presence_open_stay", f"{WRITES} WHEN (other.pg_trigger_depth() = 0) EXECUTE FUNCTION {ONLY}()")
    )
    assert details() == ["projected_only: it fires under another condition"]


@pytest.mark.parametrize("is_installed_with_quotes", [False, True])
@pytest.mark.parametrize("is_compared_with_quotes", ["off", "on"])
def test_quotes_around_all_identifiers_make_no_difference(
    is_installed_with_quotes: bool, is_compared_with_quotes: str
) -> None:
    if is_installed_with_quotes:
        run("SET LOCAL quote_all_identifiers = on")
        for model, trigger in pgtrigger.registry.registered():
            trigger.install(model)
    run(f"SET LOCAL quote_all_identifiers = {is_compared_with_quotes}")
    assert details() == []


def test_the_schema_of_the_tables_is_the_expected_search_path() -> None:
    schema = '"Site\'s schema"'
    run(f"CREATE SCHEMA {schema}")
    for table in ("presence_event", "presence_open_stay", "presence_room"):
        run(f"ALTER TABLE {table} SET SCHEMA {schema}")
    run(f"SET LOCAL search_path = {schema}, public")
    assert set(details()) == {
        f"{name}: its function has other settings"
        for name in ("append_only", "erased_only", "fold", "names_are_final", "never_truncated")
    }
    for model, trigger in pgtrigger.registry.registered():
        trigger.install(model)
    assert details() == []
