"""Recovery from a network between the servers and the database that delays, loses and interrupts.

``python -m tests.live.networks`` does the same with packets, for as long as an operator would wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.live.chaos.deployment import Deployment, Fault
from tests.live.databases import Cluster
from tests.live.networks import deployment as faults
from tests.live.networks.deployment import DistantDeployment, network_fault, partition, until_pruned
from tests.live.networks.relay import Relay

EVERY, MAX_AGE = 0.3, 9.0
"""Seconds. With the defaults, a dead server is detected 17 times later."""

TIMEOUTS = {"uvicorn": 30.0, "daphne": 1.0}
"""Seconds. The calls of one server wait for the end of an interruption, and those of the other fail during it."""


def latency_and_loss(deployment: Deployment) -> float:
    assert isinstance(deployment, DistantDeployment)
    deployment.network.delay = 0.01
    return faults.loss(deployment)


def replace_the_database(deployment: Deployment) -> float:
    """Lets the present connections hang for ever, until the servers' kernels end them."""
    assert isinstance(deployment, DistantDeployment)
    deployment.network.forget()
    until_pruned(deployment)
    deployment.network.time_out()
    return time.monotonic()


FAULTS = [
    network_fault("latency and loss", latency_and_loss, EVERY),
    network_fault("a partition", partition(until_pruned), EVERY),
    network_fault("a machine that fails over", replace_the_database, EVERY),
]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DistantDeployment]:
    home = tmp_path_factory.mktemp("networks")
    cluster = Cluster(home / "postgres")
    relay = Relay(cluster.home / ".s.PGSQL.5432")
    deployment = DistantDeployment(
        home, relay, timeouts=TIMEOUTS, options={"connect_timeout": 2},
        layer="core", sockets=30, seed=6, every=EVERY, max_age=MAX_AGE, limited=False, cluster=cluster, only_async=True,
    )  # fmt: skip
    try:
        with deployment.running():
            yield deployment
    finally:
        relay.close()


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_the_deployment_recovers_from(deployment: DistantDeployment, fault: Fault) -> None:
    """The faults hit the same deployment one after the other. After the last one the log is replayed."""
    deployment.round(fault)
    if fault is FAULTS[-1]:
        deployment.assert_log_replays()
