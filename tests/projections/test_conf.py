"""The settings of the projections: their defaults, and that each is read when it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from projections import conf

SETTINGS = [
    ("CHANNELS_PRESENCE_MAX_AGE", conf.max_age, 60, 5.5),
    ("CHANNELS_PRESENCE_SIGNALS", conf.signals, "inline", "worker"),
    ("CHANNELS_PRESENCE_NOTIFY", conf.notify, False, True),
    ("CHANNELS_PRESENCE_PRUNE_IN_SERVER", conf.prune_in_server, True, False),  # the tests' layer is in memory
]


@pytest.mark.parametrize(("name", "read", "default", "value"), SETTINGS, ids=[name for name, *_ in SETTINGS])
def test_a_setting_has_a_default_and_is_read_at_each_call(
    name: str, read: Callable[[], Any], default: Any, value: Any, settings: Any
) -> None:
    if hasattr(settings, name):
        delattr(settings, name)
    assert read() == default
    setattr(settings, name, value)
    assert read() == value


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("in_memory", [True, False])
def test_a_server_prunes_in_development_and_if_only_it_reaches_its_sockets(
    debug: bool, in_memory: bool, settings: Any
) -> None:
    backend = "channels.layers.InMemoryChannelLayer" if in_memory else "channels_redis.core.RedisChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend}}
    settings.DEBUG = debug
    settings.CHANNELS_PRESENCE_PRUNE_IN_SERVER = None
    assert conf.layer_is_in_memory() == in_memory
    assert conf.prune_in_server() == (debug or in_memory)


def test_without_a_layer_nothing_is_in_memory(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    assert not conf.layer_is_in_memory()
    del settings.CHANNEL_LAYERS
    assert not conf.layer_is_in_memory()
