"""Imports the packages that the archive needs, when it needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from presence_events.exceptions import ArchiveNotInstalled

__all__ = ["duckdb", "pyarrow"]


def pyarrow() -> Any:
    """Returns the package pyarrow with its modules for CSV and Parquet. Raises `ArchiveNotInstalled`."""
    return _imported("pyarrow", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet")


def duckdb() -> Any:
    """Returns the package duckdb. Raises `ArchiveNotInstalled`."""
    return _imported("duckdb")


def _imported(*names: str) -> Any:
    """Imports modules. Returns the first one."""
    try:
        first, *_ = [import_module(name) for name in names]
    except ImportError:
        raise ArchiveNotInstalled from None
    return first
