"""The settings of the tests for a worker in a separate process."""

from __future__ import annotations

from tests.settings import *  # noqa: F403

INSTALLED_APPS.append("tests.live.worker_receivers.WorkerReceiversConfig")  # noqa: F405
CHANNELS_PRESENCE_SIGNALS = "worker"
