"""Acting on several databases, of which some fail."""

from __future__ import annotations

import asyncio

import pytest

from presence_events.databases.each import aon_each, on_each


def test_all_are_called_and_the_results_are_returned_in_order() -> None:
    assert on_each(["a", "b"], str.upper) == ["A", "B"]


async def test_coroutines_run_at_the_same_time() -> None:
    barrier = asyncio.Barrier(2)

    async def meet(alias: str) -> str:
        async with asyncio.timeout(30), barrier:
            return alias.upper()

    assert await aon_each(["a", "b"], meet) == ["A", "B"]


def fail_in_two(alias: str) -> str:
    called.append(alias)
    if alias in ("a", "c"):
        raise OSError(f"{alias} is unavailable")
    return alias


called: list[str] = []


async def afail_in_two(alias: str) -> str:
    return fail_in_two(alias)


NOTES = [
    "This was in the database 'a'. 1 of 3 databases had no error.",
    "In the database 'c': OSError: c is unavailable",
]


def test_an_error_is_raised_after_all_were_called() -> None:
    called.clear()
    with pytest.raises(OSError, match="a is unavailable") as raised:
        on_each(["a", "b", "c"], fail_in_two)
    assert called == ["a", "b", "c"]
    assert raised.value.__notes__ == NOTES


async def test_an_error_of_a_coroutine_is_raised_after_all_were_called() -> None:
    called.clear()
    with pytest.raises(OSError, match="a is unavailable") as raised:
        await aon_each(["a", "b", "c"], afail_in_two)
    assert called == ["a", "b", "c"]
    assert raised.value.__notes__ == NOTES


async def test_the_error_of_the_only_database_has_no_notes() -> None:
    for call in (lambda: on_each(["a"], fail_in_two), lambda: asyncio.run(aon_each(["a"], afail_in_two))):
        with pytest.raises(OSError, match="a is unavailable") as raised:
            await asyncio.to_thread(call)
        assert not hasattr(raised.value, "__notes__")
