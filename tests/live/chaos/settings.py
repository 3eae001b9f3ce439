"""The settings of the servers and workers under test. Environment variables set what differs between runs."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.live.chaos.urls"
INSTALLED_APPS.append("tests.live.chaos.receivers.ChaosConfig")  # noqa: F405
# Channels runs all synchronous consumers of a process in one thread, so this keeps a single connection open.
DATABASES["default"]["CONN_MAX_AGE"] = None  # noqa: F405
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # noqa: F405
# The socket timeout of redis-py 8 is 5 seconds by default, and the layer waits as long for a message, so consumers
# would end when no message arrives. With any timeout, Python 3.11 also loses cancellations, and consumers outlive their
# sockets.
_HOST = {"address": os.environ.get("PRESENCE_CHAOS_VALKEY", ""), "socket_timeout": None}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": os.environ.get("PRESENCE_CHAOS_LAYER", "channels.layers.InMemoryChannelLayer"),
        "CONFIG": {"hosts": [_HOST], "capacity": 10_000},
    }
}
CHANNELS_PRESENCE_SIGNALS = "worker"
CHANNELS_PRESENCE_MAX_AGE = float(os.environ.get("PRESENCE_MAX_AGE", "60"))
CHANNELS_PRESENCE_RECORD_TIMEOUT = float(os.environ.get("PRESENCE_RECORD_TIMEOUT", "30"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "tests.live.chaos.receivers.OneLine"}},
    "handlers": {"line": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["line"], "level": "WARNING"},
    "loggers": {
        name: {"handlers": [], "level": "WARNING", "propagate": True}
        for name in ("asyncio", "daphne", "django", "django.server", "uvicorn", "uvicorn.error")
    },
}
