"""Loads and runs the SQL files of both apps.

SQL lives in ``.sql`` files, one object or one query each, beside the app that owns it. Their folders are the table of
contents: ``schema``, ``triggers``, ``functions``, ``views``, ``grants``, and ``queries/<the module that runs them>``.
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
    """The text of ``sql/<name>.sql`` in ``package``. ``name`` is a path without its suffix: ``"grants/app"``."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip()


def rows(
    package: str, name: str, params: Mapping[str, Any] | None = None, *, using: str, **fragments: str
) -> list[tuple[Any, ...]]:
    """Runs ``sql/<name>.sql`` of ``package`` on the database ``using`` and returns its rows, if it has any.

    ``params`` fill the ``%(name)s`` placeholders. ``fragments`` are trusted SQL for the ``{name}`` placeholders; a file
    without fragments is run as it is. Raises what Django's cursor raises.
    """
    statement = read(package, name)
    with connections[using].cursor() as cursor:
        cursor.execute(statement.format(**fragments) if fragments else statement, params)
        return list(cursor.fetchall()) if cursor.description else []
