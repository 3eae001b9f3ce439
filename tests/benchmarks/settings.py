"""The settings of a measured process.

BENCHMARK_PEER names the installed peer, and BENCHMARK_DATABASE the URL of its database. The rest is the same for all
peers.
"""

from __future__ import annotations

import os
from urllib.parse import parse_qsl, unquote, urlsplit

_APPS = {
    "ours": ["pgtrigger", "presence_events", "projections"],
    "fork": ["channels_presence"],
    "audited": ["channels_presence", "pgtrigger", "pghistory", "tests.benchmarks.audited"],
    "redis": [],
}

_url = urlsplit(os.environ["BENCHMARK_DATABASE"])

SECRET_KEY = "only for benchmarks"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.benchmarks.endtoend.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "channels",
    *_APPS[os.environ["BENCHMARK_PEER"]],
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(_url.path[1:]),
        "USER": unquote(_url.username or ""),
        "HOST": dict(parse_qsl(_url.query))["host"],
        "CONN_MAX_AGE": 600,
    }
}
# As in production, where the layer is not in memory.
CHANNELS_PRESENCE_PRUNE_IN_SERVER = False
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
# Low enough for several heartbeats in every phase that is measured.
CHANNELS_PRESENCE_MAX_AGE = 15
