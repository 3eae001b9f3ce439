"""The settings of the simulation, of its worker and of its queries. BENCHMARK_MAX_AGE is the maximal age in seconds."""

from __future__ import annotations

import os

from tests.benchmarks.settings import *  # noqa: F403

DATABASES["default"]["CONN_MAX_AGE"] = None  # noqa: F405
CHANNELS_PRESENCE_MAX_AGE = int(os.environ["BENCHMARK_MAX_AGE"])
