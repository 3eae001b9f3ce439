"""Loops that are closed without ``shutdown_asyncgens()`` leave no thread and no database connection behind."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from django.db import connections

from presence_events import recorder
from presence_events._recording import loop_watcher
from presence_events._recording.group_commit import GroupCommit
from presence_events.recorder import Draft, arecord
from projections.models import Presence
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def backends() -> list[int]:
    """Returns the other sessions of this database."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [pid for (pid,) in cursor.fetchall()]


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("presence-")]


@pytest.fixture(autouse=True)
def _production(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections stay open while they are used, as outside of tests."""
    wait_until(lambda: not threads())
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", None)
    monkeypatch.setattr("presence_events._recording.group_commit.is_test_database", lambda connection: False)


def run_and_close(*, joins: int = 1) -> asyncio.AbstractEventLoop:
    """Records in a new event loop, and only closes the loop."""
    loop = asyncio.new_event_loop()
    for number in range(joins):
        loop.run_until_complete(arecord([Draft("join", "room", f"{id(loop)}-{number}")]))
    loop.close()
    return loop


def test_the_thread_and_the_database_connection_of_a_closed_loop_are_released() -> None:
    loops = [run_and_close() for _ in range(3)]
    assert len(backends()) == 3
    wait_until(lambda: not backends() and not threads())
    assert not any(loop in recorder._group_commits for loop in loops)
    assert Presence.objects.count() == 3


def test_a_loop_that_runs_on_keeps_them() -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(arecord([Draft("join", "room", "one")]))
    run_and_close()
    wait_until(lambda: len(backends()) == 1)
    assert loop.run_until_complete(arecord([Draft("join", "room", "two")]))
    assert len(backends()) == 1
    loop.close()
    wait_until(lambda: not backends() and not threads())


def test_the_watching_thread_ends_with_the_last_loop() -> None:
    async def main() -> None:
        await arecord([Draft("join", "room", "one")])
        assert any(thread.name == "presence-loop-watcher" for thread in threads())

    for _ in range(2):
        asyncio.run(main())
        wait_until(lambda: not threads())


def test_a_loop_that_is_closed_while_the_interpreter_ends_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> Any:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    groups: list[GroupCommit] = []

    async def main() -> None:
        await arecord([Draft("join", "room", "one")])
        groups.append(recorder._group_commit("default"))

    asyncio.run(main())
    monkeypatch.setattr(groups[0]._executor, "submit", refuse)
    groups[0]._abandon()


def test_a_forked_process_leaves_the_loops_of_its_parent_alone() -> None:
    called: list[bool] = []
    loop = asyncio.new_event_loop()
    parent = loop_watcher._watcher
    loop_watcher.watch("key", loop, lambda: called.append(True))
    try:
        loop_watcher._forget_loops_of_parent()
        assert loop_watcher._watcher is not parent
        assert not loop_watcher._watcher._watched
    finally:
        loop_watcher._watcher = parent
        loop_watcher._of_parents.remove(parent)
    loop.close()
    wait_until(lambda: called)
