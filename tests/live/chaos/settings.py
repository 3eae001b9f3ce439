"""The settings of servers and workers under test. What differs from run to run comes from the environment."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.live.chaos.urls"
INSTALLED_APPS.append("tests.live.chaos.receivers.ChaosConfig")  # noqa: F405
# Channels runs all synchronous consumers of a process in one thread, so this is one connection.
DATABASES["default"]["CONN_MAX_AGE"] = None  # noqa: F405
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # noqa: F405
# redis-py 8 gives up after 5 seconds by default, which is for how long the layer waits for a message: who waits would
# end when it is quiet. With any such time Python 3.11 loses cancellations too, and consumers outlive their sockets.
_HOST = {"address": os.environ.get("PRESENCE_CHAOS_VALKEY", ""), "socket_timeout": None}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": os.environ.get("PRESENCE_CHAOS_LAYER", "channels.layers.InMemoryChannelLayer"),
        "CONFIG": {"hosts": [_HOST], "capacity": 10_000},
    }
}
CHANNELS_PRESENCE_SIGNALS = "worker"
CHANNELS_PRESENCE_MAX_AGE = float(os.environ.get("PRESENCE_MAX_AGE", "60"))
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
