from __future__ import annotations

from tests.benchmarks.settings import *  # noqa: F403

INSTALLED_APPS.append("tests.benchmarks.projector.apps.ListeningConfig")  # noqa: F405
CHANNELS_PRESENCE_SIGNALS = "worker"
