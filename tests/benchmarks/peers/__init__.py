"""What is compared: each peer does the same things to the same connections, as its own documentation would."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.peers.base import Peer

TITLES = {
    "ours": "ours",
    "fork": "fork",
    "audited": "fork + pghistory",
    "redis": "redis.asyncio",
}


def load(name: str) -> Peer:
    """The peer of that name. Its settings must be the ones that are in force."""
    peer: Peer = import_module(f"tests.benchmarks.peers.{name}").peer()
    return peer
