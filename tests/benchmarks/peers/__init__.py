"""The peers that are compared. Each does the same with the same connections, as its own documentation recommends."""

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
    """Returns the peer of that name. The active settings must be those of the peer."""
    peer: Peer = import_module(f"tests.benchmarks.peers.{name}").peer()
    return peer
