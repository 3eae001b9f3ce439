"""The settings of a measured server. BENCHMARK_WAY is how the list gets to the page."""

from __future__ import annotations

import os

from tests.benchmarks.settings import *  # noqa: F403

WAY = os.environ["BENCHMARK_WAY"]
WAITS = bool(os.environ.get("BENCHMARK_WAITS"))
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 100_000}},
}
CHANNELS_PRESENCE_PRUNE_IN_SERVER = False
