"""Fixtures: servers, and the sockets that connect to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Browser

from presence_events.test_databases import is_test_database
from tests import segments, truncation
from tests.live import servers
from tests.live.browser import launched
from tests.live.operators import Operators, operating
from tests.live.sockets import Crowd
from tests.waiting import wait_until


@pytest.fixture(scope="module", params=servers.KINDS)
def server_of_module(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[servers.Server]:
    """Runs one process of each kind for all tests of a module."""
    server = servers.Server(request.param, tmp_path_factory.mktemp("server") / f"{request.param}.log")
    yield server
    server.stop()


@pytest.fixture
def server(server_of_module: servers.Server, transactional_db: None) -> Iterator[servers.Server]:
    """A running server without sockets. Its output is shown if the test fails, and a traceback fails the test."""
    before = len(server_of_module.output())
    yield server_of_module
    # The tables are truncated next, so no handler may still be writing.
    wait_until(lambda: server_of_module.open_sockets() == 0)
    output = server_of_module.output()[before:]
    print(output)
    assert "Traceback" not in output


@pytest.fixture
def crowd(server: servers.Server) -> Iterator[Crowd]:
    """Clients of ``server``."""
    crowd = Crowd(server.port)
    yield crowd
    crowd.disperse()


@pytest.fixture(scope="module", autouse=True)
def _no_beats_remain(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Empties the tables after the servers and workers of the module have stopped, which send beats until then.

    Fixtures of a module are torn down in reverse order, and this one is set up first.
    """
    yield
    with django_db_blocker.unblock():
        truncation.truncate()
        if is_test_database(connection) and segments.is_divided():
            segments.reset()
        connection.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright runs an event loop in this thread. Django refuses queries in such a thread.
    with pytest.MonkeyPatch.context() as patch, launched() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield browser


@pytest.fixture
def operators(
    browser: Browser, transactional_db: None, live_server: Any, django_user_model: Any
) -> Iterator[Operators]:
    """An operator of the admin of the test's database. Errors in the browser fail the test."""
    with operating(Operators, browser, live_server, django_user_model) as operators:
        yield operators
