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
