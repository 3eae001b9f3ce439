"""Acts on several databases, of which each may be unavailable without an effect on the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, TypeVar

__all__ = ["aon_each", "on_each"]

_Result = TypeVar("_Result")


def on_each(aliases: Collection[str], function: Callable[[str], _Result]) -> list[_Result]:
    """Calls ``function`` with each of ``aliases``, also after an error. Returns the results.

    Raises the first error after the last call. Its notes name the database, and the errors of the others.
    """
    results, errors = [], dict[str, BaseException]()
    for alias in aliases:
        try:
            results.append(function(alias))
        except Exception as error:
            errors[alias] = error
    _raise_first(errors, len(aliases))
    return results


async def aon_each(aliases: Collection[str], function: Callable[[str], Coroutine[Any, Any, _Result]]) -> list[_Result]:
    """Like `on_each`, at the same time for all ``aliases``."""
    if len(aliases) == 1:
        return [await function(alias) for alias in aliases]
    outcomes = await asyncio.gather(*map(function, aliases), return_exceptions=True)
    errors = {alias: one for alias, one in zip(aliases, outcomes, strict=True) if isinstance(one, BaseException)}
    _raise_first(errors, len(aliases))
    return [one for one in outcomes if not isinstance(one, BaseException)]


def _raise_first(errors: Mapping[str, BaseException], count: int) -> None:
    if not errors:
        return
    (alias, first), *others = errors.items()
    if count > 1:
        first.add_note(f"This was in the database {alias!r}. {count - len(errors)} of {count} databases had no error.")
        for other, error in others:
            first.add_note(f"In the database {other!r}: {type(error).__name__}: {error}")
    raise first
