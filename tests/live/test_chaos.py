"""Two servers, two workers, a PostgreSQL, a Valkey and their clients, of which one part after the other comes to grief.

The same for longer, and with more clients: ``python -m tests.live.chaos``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.chaos.faults import faults, forgetting
from tests.live.chaos.world import Fault, World

EVERY, MAX_AGE = 0.5, 9.0
"""Seconds. With the library's own a server that dies is noticed ten times later, and all else is the same."""

ON_CORE = [*faults(EVERY, MAX_AGE), forgetting(MAX_AGE)]
ON_PUBSUB = [fault for fault in faults(EVERY, MAX_AGE) if fault.name in ("kill -9 of a server", "restart of Valkey")]
ROUNDS_OF = {"core": ON_CORE, "pubsub": ON_PUBSUB}
ROUNDS = [(layer, fault) for layer, of_layer in ROUNDS_OF.items() for fault in of_layer]


class Worlds:
    """One at a time."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stack = ExitStack()
        self._current: World | None = None

    def of(self, layer: str) -> World:
        if self._current is None or self._current.layer != layer:
            self.end()
            world = World(self._home / layer, layer=layer, sockets=40, seed=6, every=EVERY, max_age=MAX_AGE)
            self._current = self._stack.enter_context(world.running())
        return self._current

    def end(self) -> None:
        self._stack.close()
        self._current = None


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    worlds = Worlds(tmp_path_factory.mktemp("chaos"))
    yield worlds
    worlds.end()


@pytest.mark.parametrize(("layer", "fault"), ROUNDS, ids=[f"{layer}-{fault.name}" for layer, fault in ROUNDS])
def test_all_is_right_again_after(worlds: Worlds, layer: str, fault: Fault) -> None:
    """Each fault meets what those before it have left. After the last everybody stops when asked."""
    world = worlds.of(layer)
    assert not world.failed, "what came before was not overcome"
    world.round(fault)
    if fault is ROUNDS_OF[layer][-1]:
        world.stop()
