"""The fork, with django-pghistory on its Presence: what one would pick today for an audit trail."""

from __future__ import annotations

from tests.benchmarks.peers.fork import Fork

peer = Fork
