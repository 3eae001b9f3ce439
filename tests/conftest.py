"""Fixtures for every level of tests."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.db import connections
from django.utils import translation
from hypothesis import settings

from presence_events.models import PresenceEvent
from projections._delivery import groups
from projections._live import joined
from projections._live.heartbeat import Heartbeat
from projections._worker.log_maintenance import LogMaintenance
from projections.signals import presence_changed
from tests import postgres, truncation
from tests.sites import Site, new_site

# A shell starts background jobs with SIGINT ignored. The processes of the tests would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW = ("tests/live/", "tests/benchmarks/", "tests/properties/")

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("ci")


def pytest_report_header() -> str:
    return f"PostgreSQL: {postgres.description()}"


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    postgres.start()
    yield
    postgres.stop()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with truncation.fast_truncation(django_db_blocker):
        yield


@pytest.fixture(autouse=True)
def _language_of_the_project() -> Iterator[None]:
    """Django leaves the language of a request active in the thread of the test client."""
    yield
    translation.deactivate()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turns a skip into a failure in CI, where every test has to run."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        # Slow tests start first, so that the processes that share the tests finish at about the same time.
        items.sort(key=lambda item: not item.nodeid.startswith(SLOW))
    for item in items:
        if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            item.fixturenames.append("_async_connections_closed")


@pytest.fixture
async def _async_connections_closed() -> AsyncIterator[None]:
    """Closes the database connections of coroutines, which have a thread of their own.

    An open one would keep the test database from being dropped.
    """
    yield
    await sync_to_async(connections.close_all)()


@pytest.fixture(autouse=True)
def _fresh_channel_layer() -> None:
    channel_layers.backends.clear()
    groups._pending_discards.clear()
    joined._joined.clear()


@pytest.fixture(autouse=True)
def _comparisons_on_demand(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compares connections after a beat only when the test does (`tests.projections.live.mixed.beat`).

    With the fixture ``fast`` each beat is followed by a comparison, as usual.
    """
    if "fast" not in request.fixturenames:
        monkeypatch.setattr(Heartbeat, "_on_beat", lambda self: None)


@pytest.fixture(autouse=True)
def _no_log_maintenance(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers in the process of the tests leave the segments of the test database alone.

    Tests of the maintenance itself use the fixture ``maintained_log``.
    """
    if "maintained_log" not in request.fixturenames:
        monkeypatch.setattr(LogMaintenance, "run_if_due", lambda self: None)


@pytest.fixture
def maintained_log(transactional_db: None) -> None:
    """Lets workers in the process of the test divide the log into segments."""


@pytest.fixture
def fast(settings: Any) -> None:
    """Makes beats frequent."""
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.3


@pytest.fixture
def user(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("ada")


@pytest.fixture
def other_user(django_user_model: Any) -> Any:
    return django_user_model.objects.create_user("grace")


@pytest.fixture
def site(tmp_path: Path, django_db_modify_db_settings: None) -> Iterator[Site]:
    """A site of its own, with an empty database."""
    with new_site(tmp_path, postgres.settings()) as site:
        yield site


@pytest.fixture
def log() -> Callable[[], list[str]]:
    """Returns a function that reads the log: one line for each event, in log order, without those of processes."""
    return lambda: [str(event) for event in PresenceEvent.objects.of_rooms().order_by("id")]


@pytest.fixture
def signals() -> Iterator[list[dict[str, Any]]]:
    """Collects the arguments of every presence_changed, in order."""
    received: list[dict[str, Any]] = []

    def receive(sender: Any, signal: Any, **kwargs: Any) -> None:
        received.append(kwargs)

    presence_changed.connect(receive)
    yield received
    presence_changed.disconnect(receive)
