"""The pages of the reference are complete: each has what the code and the database have, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import pgtrigger.registry
import psycopg.errors
import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.db import connection
from django.utils import timezone

from presence_events import sql
from presence_events.schema.triggers import SqlTrigger
from projections.erasure import erase_person
from projections.final_reports.making import make_due_reports
from projections.final_reports.scheduling import schedule_report
from projections.models import Presence, Room
from tests.docs.pages import ROOT, text_of

PACKAGES = ("presence_events", "projections")
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in path.parts
}
CODE = "\n".join(SOURCES.values())
TABLES = ("tables", "tables-of-operation", "tables-of-records")
GRANTS = {
    "app": [("presence_events", "grants/app"), ("projections", "grants/app")],
    "erasure": [("projections", "grants/erasure")],
    "reports": [("projections", "grants/reports")],
}
SHORT_TYPES = {"timestamp with time zone": "timestamptz", "double precision": "float8"}


class Table(NamedTuple):
    """A table of a page, with the heading that it is under."""

    heading: str
    header: list[str]
    rows: list[list[str]]


def tables_of(*names: str) -> Iterator[Table]:
    """Yields the tables of pages of the reference."""
    heading, lines = "", list[list[str]]()
    for line in [*text_of(*(f"docs/reference/{name}.md" for name in names)).splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if lines:
            header, _, *rows = lines
            assert all(len(row) == len(header) and all(row) for row in rows), f"an empty cell under {heading}"
            yield Table(heading, header, rows)
            lines = []
        if line.startswith("#"):
            heading = line


def rows_of(page: str, *header: str) -> list[list[str]]:
    """Returns the rows of all tables of ``page`` that have ``header``."""
    return [row for table in tables_of(page) if table.header == [*header] for row in table.rows]


def quoted(cell: str) -> list[str]:
    """Returns what is code in ``cell``."""
    return re.findall(r"`([^`]+)`", cell)


def short(text: str) -> str:
    """Returns ``text`` with the short names of types."""
    for name, short_name in SHORT_TYPES.items():
        text = text.replace(name, short_name)
    return text


def query(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def without_comments(text: str) -> str:
    return re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)


def test_every_setting_is_on_its_page_with_its_default() -> None:
    rows = rows_of("settings", "setting", "type", "default", "read", "check", "meaning")
    defaults = dict(re.findall(r'getattr\(settings, "(CHANNELS_PRESENCE_\w+)", ([^)]+)\)', CODE))
    assert defaults.keys() == set(re.findall(r"\bCHANNELS_PRESENCE_[A-Z_]+\b", CODE))
    assert {quoted(row[0])[0]: quoted(row[2])[0] for row in rows} == defaults
    assert len(rows) == len(defaults)


def test_the_page_of_settings_names_the_checks_that_name_a_setting() -> None:
    checks = re.findall(r'checks\.(?:Error|Warning)\((.*?)\bid=f?"([^"]+)"', CODE, re.DOTALL)
    for row in rows_of("settings", "setting", "type", "default", "read", "check", "meaning"):
        found = {id_ for text, id_ in checks if quoted(row[0])[0] in text}
        assert found <= set(quoted(row[4])) <= _check_ids(), row[0]


def test_every_system_check_is_on_its_page() -> None:
    named = [id_ for row in rows_of("checks", "check", "message", "cause", "fix") for id_ in quoted(row[0])]
    assert sorted(named) == sorted(_check_ids())


def _check_ids() -> set[str]:
    """Returns the ids in the code. Those of checks of both apps are made with the label of the app."""
    found = re.findall(r"\b(presence_events|projections|app_label)\}?\.([EWIC]\d{3})\b", CODE)
    return {f"{label}.{number}" for app, number in found for label in (PACKAGES if app == "app_label" else [app])}


@pytest.mark.django_db(transaction=True)
async def test_every_signal_is_on_its_page_with_its_arguments(user: Any) -> None:
    documented = {
        name: {argument for row in table.rows for argument in quoted(row[0])}
        for table in tables_of("signals")
        if table.header == ["argument", "meaning"]
        for name in quoted(table.heading)
    }
    signals = {
        name: getattr(import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)), name)
        for path, text in SOURCES.items()
        for name in re.findall(r"^(\w+)(?:: \w+)? = \w*Signal\(", text, re.MULTILINE)
    }
    assert documented.keys() == signals.keys()
    sent = dict[str, set[str]]()
    receivers = {name: partial(_note, sent, name) for name in signals}
    for name, signal in signals.items():
        signal.connect(receivers[name], weak=False)
    try:
        await Room.objects.aadd("lobby", "tab", user)
        await sync_to_async(_cause_the_other_signals)(user)
    finally:
        for name, signal in signals.items():
            signal.disconnect(receivers[name])
    assert documented == sent


def _note(sent: dict[str, set[str]], name: str, **arguments: Any) -> None:
    sent[name] = arguments.keys() - {"signal"}


def _cause_the_other_signals(user: Any) -> None:
    Presence.objects.touch("tab", {"activity": "idle"})
    Room.objects.remove("lobby", "tab")
    end = timezone.now() - timedelta(days=1)
    schedule_report("lobby", "Lesson", end - timedelta(hours=1), end)
    assert make_due_reports("default") == 1
    erase_person(user)


@pytest.mark.django_db
def test_every_table_and_view_is_on_a_page_with_its_columns() -> None:
    expected: dict[str, dict[str, tuple[str, bool | None]]] = {}
    for table, kind, column, type_, is_nullable in query(
        """
        SELECT c.relname, c.relkind, attname, format_type(atttypid, atttypmod), NOT attnotnull
        FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
            AND relname ~ '^presence(_|$)' AND attnum > 0 AND NOT attisdropped
        """
    ):
        shown = "key of users" if column == "user_id" else short(type_)
        expected.setdefault(table, {})[column] = shown, None if kind == "v" else is_nullable
    documented: dict[str, dict[str, tuple[str, bool | None]]] = {}
    for name in TABLES:
        for page in tables_of(name):
            if page.header == ["column", "type", "meaning"]:
                (table,) = quoted(page.heading)
                assert table not in documented
                names = [quoted(row[0])[0] for row in page.rows]
                assert len(names) == len(set(names))
                documented[table] = {
                    column: (row[1], None if expected[table][column][1] is None else "ull" in row[2])
                    for column, row in zip(names, page.rows, strict=True)
                }
    for row in rows_of("tables-of-operation", "table", "has the columns of", "of which"):
        documented[quoted(row[0])[0]] = documented[quoted(row[1])[0]]
    assert documented.keys() == expected.keys()
    for table, columns in documented.items():
        assert columns == expected[table], table


def test_the_page_of_tables_has_the_one_statement_that_a_test_executes() -> None:
    assert text_of("docs/reference/tables.md").count("```sql") == 1


@pytest.mark.django_db
def test_every_function_is_on_its_page_with_its_result_its_errors_and_who_may_execute_it() -> None:
    functions = {
        f"{name}({short(arguments)})": (name, short(result), is_public)
        for name, arguments, result, is_public in query(
            """
            SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid),
                EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
            FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND proname ~ '^(presence_|last_seen$)'
            """
        )
    }
    rows = rows_of("functions", "function", "result", "errors", "may be executed by")
    assert sorted(quoted(row[0])[0] for row in rows) == sorted(functions)
    columns = {
        quoted(table.heading)[0]: f"TABLE({', '.join(f'{quoted(row[0])[0]} {row[1]}' for row in table.rows)})"
        for table in tables_of("functions")
        if table.header == ["column", "type", "meaning"]
    }
    assert columns.items() <= {(name, result) for name, result, _ in functions.values()}
    for signature, result, errors, executors in rows:
        name, type_, is_public = functions[quoted(signature)[0]]
        assert type_.startswith("TABLE") or type_ in quoted(result), name
        # A moment is a span that begins and ends at the same time, so it is always one.
        impossible = {"22023"} if name == "presence_at" else set()
        assert set(quoted(errors)) == _codes_of_function(name) - impossible, name
        granted = {file for file, objects in _granted().items() if f"{name}()" in objects}
        assert executors == "everyone" if is_public else set(quoted(executors)) == granted, name


def _codes_of_function(name: str) -> set[str]:
    """Returns the SQLSTATEs of the errors that the function ``name`` raises, also those of functions that it calls."""
    path = f"functions/{name}"
    (package,) = [package for package in PACKAGES if (ROOT / package / "sql" / f"{path}.sql").exists()]
    text = without_comments(sql.read(package, path))
    called = set(re.findall(r"(?<![.\w])(presence_\w+)\(", text)) - {name}
    own = [called_name for called_name in called if _has_file(called_name)]
    return _codes(text).union(*map(_codes_of_function, own))


def _has_file(name: str) -> bool:
    return any((ROOT / package / "sql" / "functions" / f"{name}.sql").exists() for package in PACKAGES)


def _codes(text: str) -> set[str]:
    """Returns the SQLSTATEs of the errors that PL/pgSQL raises. It has names for most of them."""
    return {
        name if re.fullmatch("[0-9A-Z]{5}", name) else getattr(psycopg.errors, name.title().replace("_", "")).sqlstate
        for name in re.findall(r"ERRCODE = '(\w+)'", text)
    }


def test_every_trigger_is_on_the_page_of_functions_with_its_tables_and_errors() -> None:
    expected: dict[str, tuple[set[str], set[str]]] = {}
    for model, trigger in pgtrigger.registry.registered():
        if model._meta.app_label in PACKAGES:
            found, codes = expected.setdefault(str(trigger.name), (set(), set()))
            found.add(model._meta.db_table)
            assert isinstance(trigger, SqlTrigger)
            codes |= _codes(sql.read(trigger.package, f"triggers/{trigger.source}"))
    rows = rows_of("functions", "trigger", "on", "what it does", "errors")
    assert {quoted(row[0])[0]: ({*quoted(row[1])}, {*quoted(row[3])}) for row in rows} == expected
    assert len(rows) == len(expected)


def test_every_permission_is_on_its_page() -> None:
    expected = []
    for model in apps.get_models():
        meta = model._meta
        if meta.app_label in PACKAGES:
            names = [get_permission_codename(action, meta) for action in meta.default_permissions]
            expected += [f"{meta.app_label}.{name}" for name in [*names, *(name for name, _ in meta.permissions)]]
    named = [name for row in rows_of("permissions", "permission", "allows") for name in quoted(row[0])]
    assert sorted(named) == sorted(expected)
    checked = re.findall(r'"((?:presence_events|projections)\.(?:view|add|change|delete|end)_\w+)"', CODE)
    assert {*checked} <= {*named}


def test_every_right_of_the_grant_files_is_on_the_page_of_permissions() -> None:
    rows = rows_of("permissions", "object", "`app`", "`erasure`", "`reports`")
    documented = {
        name: {quoted(row[0])[0]: cell.replace("`", "") for row in rows if (cell := row[number]) != "-"}
        for number, name in enumerate(GRANTS, start=1)
    }
    assert documented == _granted()
    assert len({row[0] for row in rows}) == len(rows)


def _granted() -> dict[str, dict[str, str]]:
    """Returns what each GRANT file gives: the rights on each object. The name of a function ends with parentheses."""
    found: dict[str, dict[str, str]] = {}
    for name, files in GRANTS.items():
        rights = found.setdefault(name, {})
        for file in files:
            text = " ".join(without_comments(sql.read(*file)).split())
            for privileges, kind, objects in re.findall(r"GRANT ([^;]+?) ON (FUNCTION |SEQUENCE )?([^;]+?) TO :", text):
                bare = re.sub(r"\([^)]*\)", "()" if kind else "", objects)
                for each in bare.split(","):
                    assert each.strip() not in rights
                    rights[each.strip()] = privileges
    return found
