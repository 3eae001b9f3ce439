"""Recovery of a whole deployment (servers, workers, PostgreSQL, Valkey, clients) from the failure of each part.

``python -m tests.live.chaos`` runs the same for longer and with more clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.chaos.deployment import Deployment, Fault
from tests.live.chaos.faults import faults, valkey_loses_data

EVERY, MAX_AGE = 0.5, 9.0
"""Seconds. With the defaults, a dead server is detected ten times later. Everything else is the same."""

ON_CORE = [*faults(EVERY, MAX_AGE), valkey_loses_data(MAX_AGE)]
ON_PUBSUB = [fault for fault in faults(EVERY, MAX_AGE) if fault.name in ("kill -9 of a server", "restart of Valkey")]
ROUNDS_OF = {"core": ON_CORE, "pubsub": ON_PUBSUB}
ROUNDS = [(layer, fault) for layer, of_layer in ROUNDS_OF.items() for fault in of_layer]


class Deployments:
    """Runs one deployment at a time, and replaces it after a failure."""

    def __init__(self, make_directory: Callable[[str], Path]) -> None:
        self._make_directory = make_directory
        self._stack = ExitStack()
        self._current: Deployment | None = None

    def of(self, layer: str) -> Deployment:
        if self._current is None or self._current.layer != layer or self._current.failed:
            self.end()
            home = self._make_directory(f"chaos-{layer}")
            # The machine may be busy with other things, so no duration is asserted.
            deployment = Deployment(home, layer=layer, sockets=40, seed=6, every=EVERY, max_age=MAX_AGE, limited=False)
            self._current = self._stack.enter_context(deployment.running())
        return self._current

    def end(self) -> None:
        self._stack.close()
        self._current = None


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    deployments = Deployments(tmp_path_factory.mktemp)
    yield deployments
    deployments.end()


@pytest.mark.parametrize(("layer", "fault"), ROUNDS, ids=[f"{layer}-{fault.name}" for layer, fault in ROUNDS])
def test_the_deployment_recovers_from(deployments: Deployments, layer: str, fault: Fault) -> None:
    """The faults of a layer hit the same deployment one after the other. After the last one it is stopped in order."""
    deployment = deployments.of(layer)
    deployment.round(fault)
    if fault is ROUNDS_OF[layer][-1]:
        deployment.stop()
        deployments.end()
