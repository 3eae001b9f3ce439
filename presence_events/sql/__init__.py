"""Loads and runs the SQL files of both apps.

SQL lives in ``.sql`` files of the app that owns it, one object or one query in each. The folders are ``schema``,
``triggers``, ``functions``, ``views``, ``grants`` and ``queries/<module that runs them>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from django.db import connections

__all__ = ["read", "rows"]


@cache
def read(package: str, name: str) -> str:
    """Returns the text of ``sql/<name>.sql`` in ``package``. ``name`` is a path without suffix: ``"grants/app"``."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip()


def rows(
    package: str, name: str, params: Mapping[str, Any] | None = None, *, using: str, **fragments: str
) -> list[tuple[Any, ...]]:
    """Runs ``sql/<name>.sql`` of ``package`` on the database ``using``. Returns its rows, or an empty list.

    ``params`` fill the ``%(name)s`` placeholders. ``fragments`` are trusted SQL for the ``{name}`` placeholders. A file
    without fragments is run as it is. Raises what Django's cursor raises.
    """
    statement = read(package, name)
    with connections[using].cursor() as cursor:
        cursor.execute(statement.format(**fragments) if fragments else statement, params)
        return list(cursor.fetchall()) if cursor.description else []
