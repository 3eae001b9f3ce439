"""The fork with django-pghistory on its Presence: a common choice for an audit trail today."""

from __future__ import annotations

from tests.benchmarks.peers.fork import Fork

peer = Fork
