"""A deployment whose servers reach the database over a network, and the faults of that network."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from tests.live.chaos.deployment import Deployment, Fault
from tests.live.chaos.faults import CHECKS_UNTIL_PRUNED, DATABASE, MARGIN, RECONNECT_TIME
from tests.waiting import wait_until

NOT_RECORDED = (
    *DATABASE,
    r"ERROR (uvicorn\.error|daphne\.server): Exception in.*\bNotRecordedInTime: ",
    r"WARNING daphne\.server: Application instance .* took too long to shut down and was killed\.$",
    r"ERROR projections\.connection: \S+ could not leave its rooms\. It will be pruned\..*\bNotRecordedInTime: ",
)
"""Lines that servers may log while the network is interrupted for longer than CHANNELS_PRESENCE_RECORD_TIMEOUT."""


class Network(Protocol):
    """What is between the servers and the database. ``delay`` is in seconds, ``loss`` is a share of the packets."""

    host: str
    port: int
    delay: float
    loss: float

    def interrupted(self) -> AbstractContextManager[None]: ...


class DistantDeployment(Deployment):
    """A deployment whose servers connect to the database over ``network``. The workers are beside the database.

    With ``distant_leader`` the first worker is where the servers are. ``options`` are parameters of libpq.
    ``timeouts`` is the setting CHANNELS_PRESENCE_RECORD_TIMEOUT, in seconds, of the kinds of servers.
    """

    def __init__(
        self,
        home: Path,
        network: Network,
        *,
        timeouts: dict[str, float],
        options: dict[str, Any] | None = None,
        distant_leader: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__(home, **arguments)
        self.network = network
        self._timeouts = timeouts
        self._options = options or {}
        self._distant_leader = distant_leader

    def assert_log_replays(self) -> None:
        """Asserts that a replay of the log gives the tables, while the servers send beats."""
        self.cluster.run("-m", "django", "replay_presence", "--check", "--verbosity", "0")

    def _server_environment(self, kind: str) -> dict[str, str]:
        return {**self._distant_environment(), "PRESENCE_RECORD_TIMEOUT": str(self._timeouts[kind])}

    def _worker_environment(self) -> dict[str, str]:
        is_distant = self._distant_leader and not self.workers
        return self._distant_environment() if is_distant else self._environment()

    def _distant_environment(self) -> dict[str, str]:
        address = f"{self.network.host}:{self.network.port}"
        url = f"postgresql://postgres@{address}/{self.cluster.database}?{urlencode(self._options)}"
        return {**self._environment(), "DATABASE_URL": url}


def latency(deployment: Deployment) -> float:
    """Delays each direction by 10 ms from now on, and waits for a few answers from each client."""
    _network(deployment).delay = 0.01
    return _under_load(deployment)


def loss(deployment: Deployment) -> float:
    """Loses 2 % of the packets from now on, and waits for a few answers from each client."""
    _network(deployment).loss = 0.02
    return _under_load(deployment)


def partition(until: Callable[[DistantDeployment], None]) -> Callable[[Deployment], float]:
    """Returns a fault that interrupts the network until the function ``until`` returns."""

    def interrupt(deployment: Deployment) -> float:
        assert isinstance(deployment, DistantDeployment)
        with deployment.network.interrupted():
            until(deployment)
        return time.monotonic()

    return interrupt


def until_pruned(deployment: DistantDeployment) -> None:
    """Waits until the worker has pruned the connections of all servers."""
    wait_until(lambda: deployment.cluster.query("SELECT count(*) FROM presence") == [(0,)])


def network_fault(name: str, inject: Callable[[Deployment], float], every: float) -> Fault:
    """Returns a fault of the network. ``every`` is that of the deployment."""
    return Fault(name, inject, RECONNECT_TIME + MARGIN + every * CHECKS_UNTIL_PRUNED, NOT_RECORDED)


def _under_load(deployment: Deployment) -> float:
    deployment.wait_for_answers(3 * len(deployment.crowd.clients))
    return time.monotonic()


def _network(deployment: Deployment) -> Network:
    assert isinstance(deployment, DistantDeployment)
    return deployment.network
