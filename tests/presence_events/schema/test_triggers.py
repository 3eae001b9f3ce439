"""The SQL that installs triggers, and their functions, which run with the rights of the tables' owner."""

from __future__ import annotations

import re
from typing import Any

import pgtrigger.registry
import pytest
from django.db import ProgrammingError, connection, transaction

pytestmark = pytest.mark.django_db

OURS = [
    pytest.param(model, trigger, id=f"{trigger.name}-{model._meta.model_name}")
    for model, trigger in pgtrigger.registry.registered()
    if model._meta.app_label in ("presence_events", "projections")
]
OURS_BY_TYPE = {"presence_commitment", "presence_subject"}
"""Functions of ours that are called with the very types of their parameters, so no overload is closer."""
KEYWORDS = {"qualified", "all", "any", "coalesce", "conflict", "exists", "filter", "greatest", "values", "and", "then"}
TABLES = {"presence_open_stay", "presence_process", "presence_room"}


def unqualified(text: str) -> list[str]:
    """Returns what PostgreSQL looks up in the search path, except for tables and columns.

    These are functions, operators and types, also those of an IN, a CASE with an operand and a literal with a type.
    """
    text = re.sub(r"--.*", "", text)
    text = re.sub(r"'(?:[^']|'')*'", "''", text)
    text = re.sub(r"OPERATOR\(pg_catalog\.[^\s()]+\)|::pg_catalog\.\w+(\[\])?", " ", text)
    text = re.sub(r"\bpg_catalog\.\w+", "qualified", text)
    text = re.sub(r"(\bSET|\bUSING|,)(\s+)\w+ = ", r"\1\2", text).replace(":=", "")
    functions = [
        name
        for name in re.findall(r"(?<!AS )\b(\w+)\s*\(", text)
        if name.lower() not in KEYWORDS | TABLES | OURS_BY_TYPE
    ]
    operators = re.findall(r"[-+*/<>=~!@#%^&|`?]+|::", text)
    hidden = re.findall(
        r"\b(?:BETWEEN|I?LIKE|NULLIF|DISTINCT FROM|(?!END )CASE \w+|\w*interval|timestamp\w*|reg\w+)\b", text
    )
    return [*functions, *operators, *(each for each in hidden if each not in ("CASE WHEN", "CASE THEN"))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nextval('x')", ["nextval"]),
        ("a = b", ["="]),
        ("a::int", ["::"]),
        ("a IN ('x')", ["IN"]),
        ("interval '1 ms'", ["interval"]),
        ("CASE a WHEN 'x'", ["CASE a"]),
        ("a IS DISTINCT FROM b", ["DISTINCT FROM"]),
        ("UPDATE presence_open_stay SET a = pg_catalog.f(b), c = 'a = b'", []),
        ("a OPERATOR(pg_catalog.=) 'x'::pg_catalog.text -- a = b", []),
    ],
)
def test_the_scan_finds_what_is_looked_up_in_the_search_path(text: str, found: list[str]) -> None:
    assert unqualified(text) == found


@pytest.mark.parametrize(("model", "trigger"), OURS)
def test_every_function_operator_and_type_names_its_schema(model: Any, trigger: Any) -> None:
    assert unqualified(trigger.compile(model).sql.body) == []


@pytest.mark.parametrize(("model", "trigger"), OURS)
def test_the_installation_names_the_schema_of_all_that_it_calls(model: Any, trigger: Any) -> None:
    text = trigger.compile(model).install_sql
    (block,) = re.findall(r"DO \$\$(.*?)\$\$", text, re.DOTALL)
    assert unqualified(block) == []


def test_a_function_of_another_role_is_not_taken_over() -> None:
    """CREATE OR REPLACE by a superuser would keep the owner, who could replace the body later."""
    model, trigger = OURS[0].values
    name = trigger.get_pgid(model)
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE stranger")
        cursor.execute(f"ALTER FUNCTION {name}() OWNER TO stranger")
        refused = pytest.raises(ProgrammingError, match="belongs to a role without the rights of the owner")
        with refused, transaction.atomic():
            trigger.install(model)
        cursor.execute(f"ALTER FUNCTION {name}() OWNER TO CURRENT_USER")
        cursor.execute("DROP ROLE stranger")
        trigger.install(model)


def test_the_installation_takes_execute_from_all_other_roles() -> None:
    model, trigger = OURS[0].values
    name = trigger.get_pgid(model)
    with connection.cursor() as cursor:
        cursor.execute('CREATE ROLE "Other Role"')
        cursor.execute(f'GRANT EXECUTE ON FUNCTION {name}() TO "Other Role" WITH GRANT OPTION')
        cursor.execute(f"GRANT EXECUTE ON FUNCTION {name}() TO PUBLIC")
        trigger.install(model)
        cursor.execute("SELECT count(*) FROM pg_proc, aclexplode(proacl) WHERE proname = %s", [name])
        assert cursor.fetchone() == (1,)
        cursor.execute('DROP ROLE "Other Role"')


@pytest.mark.parametrize(("model", "trigger"), OURS)
def test_a_trigger_is_removed_with_its_function(model: Any, trigger: Any) -> None:
    find = "SELECT count(*) FROM pg_proc WHERE proname = %s"
    with connection.cursor() as cursor:
        assert cursor.execute(find, [trigger.get_pgid(model)]).fetchone() == (1,)
        trigger.uninstall(model)
        assert cursor.execute(find, [trigger.get_pgid(model)]).fetchone() == (0,)
        trigger.install(model)
