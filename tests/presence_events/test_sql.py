"""SQL files: how they are read and run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import ProgrammingError

from presence_events import sql


@pytest.fixture
def statement(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes every file contain the given text."""
    return lambda text: monkeypatch.setattr(sql, "read", lambda package, name: text)


def test_a_file_is_read_without_the_space_around_it() -> None:
    file = Path(sql.__file__).parent / "queries" / "positions" / "position_at.sql"
    text = file.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert sql.read("presence_events", "queries/positions/position_at") == text.strip()


def test_files_of_another_package_are_found() -> None:
    assert sql.read("projections", "triggers/fold")


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.sql"):
        sql.read("presence_events", "queries/nothing")


@pytest.mark.django_db
def test_a_query_returns_its_rows(statement: Callable[[str], None]) -> None:
    statement("SELECT n, n * %(factor)s FROM generate_series(1, 2) AS n")
    assert sql.rows("any", "file", {"factor": 10}, using="default") == [(1, 10), (2, 20)]


@pytest.mark.django_db
def test_a_parameter_may_occur_more_than_once_and_in_any_order(statement: Callable[[str], None]) -> None:
    statement("SELECT %(b)s::int, %(a)s::int, %(b)s::int, 7 %% 4")
    assert sql.rows("any", "file", {"a": 1, "b": 2}, using="default") == [(2, 1, 2, 3)]


@pytest.mark.django_db
def test_without_parameters_a_percent_sign_stands_for_itself(statement: Callable[[str], None]) -> None:
    statement("SELECT 7 % 4, '%s', '%(a)s'")
    assert sql.rows("any", "file", using="default") == [(3, "%s", "%(a)s")]


def test_a_statement_gets_parameters_by_position() -> None:
    assert sql.positional("SELECT %(a)s, %(b)s, %(a)s") == ("SELECT %s, %s, %s", ("a", "b", "a"))


@pytest.mark.django_db
def test_a_statement_without_rows_returns_none(statement: Callable[[str], None]) -> None:
    statement("SET LOCAL lock_timeout = '1s'")
    assert sql.rows("any", "file", using="default") == []


@pytest.mark.django_db
def test_fragments_replace_their_placeholders(statement: Callable[[str], None]) -> None:
    statement("SELECT %(value)s::{type}")
    assert sql.rows("any", "file", {"value": "7"}, using="default", type="bigint") == [(7,)]


@pytest.mark.django_db
def test_without_fragments_braces_are_left_alone(statement: Callable[[str], None]) -> None:
    statement("SELECT '{{1,2}}'::int[]")
    assert sql.rows("any", "file", using="default") == [([[1, 2]],)]


@pytest.mark.django_db
def test_errors_of_the_database_are_raised(statement: Callable[[str], None]) -> None:
    statement("SELECT * FROM nothing")
    with pytest.raises(ProgrammingError, match="nothing"):
        sql.rows("any", "file", using="default")
