"""System checks of the settings that the projections depend on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from channels.layers import channel_layers
from django.apps import AppConfig, apps
from django.core import checks

from presence_events import validation
from presence_events.exceptions import InvalidAge
from projections import conf


def check_configuration(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Checks the settings without a query."""
    installed = [config.name for config in apps.get_app_configs()]
    if installed.index("projections") < installed.index("presence_events"):
        yield checks.Error(
            "'projections' comes before 'presence_events' in INSTALLED_APPS.",
            hint="Move it after 'presence_events'. The log must come before the projections in start-up, checks and "
            "flushes.",
            id="projections.E002",
        )
    try:
        validation.age(conf.max_age())
    except InvalidAge as error:
        yield checks.Error(
            f"CHANNELS_PRESENCE_MAX_AGE is not valid. {error}",
            hint="Set it to a number of seconds, for example 60, or remove it.",
            id="projections.E003",
        )
    if conf.signals() not in ("inline", "worker"):
        yield checks.Error(
            f"CHANNELS_PRESENCE_SIGNALS is {conf.signals()!r}, which is neither 'inline' nor 'worker'.",
            hint='Set it to "worker" if manage.py run_projector sends the signals, or remove it.',
            id="projections.E004",
        )
    if not channel_layers.configs:
        yield checks.Warning(
            "There is no channel layer: presence is recorded, but connections are not added to groups.",
            hint="Set CHANNEL_LAYERS: channels_redis in production, channels.layers.InMemoryChannelLayer for a "
            "single process.",
            id="projections.W001",
        )
