"""SQL is SQL: each object or query stands in a ``.sql`` file of its own, beside the package that owns it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read(package: str, name: str) -> str:
    """The text of ``sql/<name>.sql`` in ``package``."""
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8").strip()
