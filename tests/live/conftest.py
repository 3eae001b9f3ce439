"""Fixtures for servers and the sockets that connect to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import servers
from tests.live.sockets import Crowd
from tests.waiting import wait_until


@pytest.fixture(scope="module", params=servers.KINDS)
def server_of_module(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[servers.Server]:
    """One process of each kind for all tests of a module."""
    server = servers.Server(request.param, tmp_path_factory.mktemp("server") / f"{request.param}.log")
    yield server
    server.stop()


@pytest.fixture
def server(server_of_module: servers.Server, transactional_db: None) -> Iterator[servers.Server]:
    """A running server at rest. What it writes meanwhile is shown if the test fails; a traceback is a failure."""
    already = len(server_of_module.output())
    yield server_of_module
    # The flush of the database comes next: nobody may be writing then.
    wait_until(lambda: server_of_module.open_sockets() == 0)
    output = server_of_module.output()[already:]
    print(output)
    assert "Traceback" not in output


@pytest.fixture
def crowd(server: servers.Server) -> Iterator[Crowd]:
    """Clients of ``server``."""
    crowd = Crowd(server.port)
    yield crowd
    crowd.disperse()
