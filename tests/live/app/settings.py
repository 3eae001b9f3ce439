"""The settings of the tests, for a server process."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.live.app.urls"
# Channels runs all consumers of a process in one thread, so this is one database connection.
DATABASES["default"]["CONN_MAX_AGE"] = None  # noqa: F405
# The layer drops nothing, because the tests count the messages.
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 10_000, "expiry": 3600}}
}
if "PRESENCE_VALKEY" in os.environ:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": os.environ["PRESENCE_LAYER"],
            # Without a timeout, as for any layer of redis-py 8.
            "CONFIG": {
                "hosts": [
                    {"address": address, "socket_timeout": None} for address in os.environ["PRESENCE_VALKEY"].split()
                ],
                "prefix": os.environ.get("PRESENCE_LAYER_PREFIX", "asgi"),
            },
        }
    }
CHANNELS_PRESENCE_SIGNALS = os.environ.get("PRESENCE_SIGNALS", "inline")
CHANNELS_PRESENCE_MAX_AGE = float(os.environ.get("PRESENCE_MAX_AGE", "60"))
CHANNELS_PRESENCE_PRUNE_IN_SERVER = "PRESENCE_PRUNE_IN_SERVER" in os.environ
