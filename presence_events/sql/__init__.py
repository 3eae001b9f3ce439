"""Loads and runs the SQL files of both apps.

SQL lives in ``.sql`` files of the app that owns it, one object or one query in each. The folders are ``schema``,
``triggers``, ``functions``, ``views``, ``grants`` and ``queries/<module that runs them>``.

A line ``-- include <package> <name>`` stands for the text of another file. In the files, parameters have names.
Statements are sent with parameters by position, as Django's own are, because wrappers of `connection.execute_wrapper`
add parameters to statements and expect a sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from django.db import connections, transaction

__all__ = ["execute", "now", "positional", "read", "rows", "rows_of_now"]

_NAMED = re.compile(r"%\((\w+)\)s")
_INCLUDE = re.compile(r"^-- include (\w+) (\S+)$", re.MULTILINE)


@cache
def read(package: str, name: str) -> str:
    """Returns the text of ``sql/<name>.sql`` in ``package``. ``name`` is a path without suffix: ``"grants/app"``."""
    text = files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip("\n")
    return _INCLUDE.sub(lambda include: read(*include.groups()), text)


@lru_cache(maxsize=1024)
def positional(statement: str) -> tuple[str, tuple[str, ...]]:
    """Returns ``statement`` with ``%s`` in place of each ``%(name)s``, and the names in their order."""
    return _NAMED.sub("%s", statement), tuple(_NAMED.findall(statement))


def execute(cursor: Any, statement: str, params: Mapping[str, Any] | None = None) -> None:
    """Executes ``statement`` with parameters by position.

    ``params`` fill the ``%(name)s`` placeholders. Without ``params``, each ``%`` stands for itself; otherwise write
    ``%%``. Raises a KeyError if a parameter is missing, and what Django's cursor raises.
    """
    if params is None:
        cursor.execute(statement.replace("%", "%%"), ())
    else:
        text, names = positional(statement)
        cursor.execute(text, tuple(params[name] for name in names))


def rows(
    package: str, name: str, params: Mapping[str, Any] | None = None, *, using: str, **fragments: str
) -> list[tuple[Any, ...]]:
    """Runs ``sql/<name>.sql`` of ``package`` on the database ``using``. Returns its rows, or an empty list.

    ``params`` fill the ``%(name)s`` placeholders. ``fragments`` are trusted SQL for the ``{name}`` placeholders. A file
    without fragments is run as it is. Raises what Django's cursor raises.
    """
    statement = read(package, name)
    with connections[using].cursor() as cursor:
        execute(cursor, statement.format(**fragments) if fragments else statement, params)
        return list(cursor.fetchall()) if cursor.description else []


def rows_of_now(
    package: str, name: str, params: Mapping[str, Any] | None = None, *, using: str
) -> list[tuple[Any, ...]]:
    """Does the same as `rows` in a transaction of `now`."""
    with now(using):
        return rows(package, name, params, using=using)


@contextmanager
def now(using: str) -> Iterator[None]:
    """Runs the block in a READ COMMITTED transaction, whatever the default of the role is.

    Inside ``atomic`` it runs in the transaction of the caller.
    """
    connection = connections[using]
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(using):
        # Without the wrappers of the connection, which may put a statement in front: it has to be the first one.
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        yield
