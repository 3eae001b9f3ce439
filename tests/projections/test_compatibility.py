"""Calls and imports of code that was written for django-channels-presence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from channels.layers import channel_layers
from django.apps import AppConfig

from presence_events.exceptions import InvalidAge
from projections import models
from projections.apps import ProjectionsConfig, RoomsConfig
from projections.models import Presence, Room, channel_layer, get_channel_layer
from tests.time import age_presences

transactional = pytest.mark.django_db(transaction=True)

PRUNES_AFTER_30_SECONDS = {
    "age": lambda prune: prune(age=30),
    "the layer and the age": lambda prune: prune(None, 30),
    "a layer and the age": lambda prune: prune(get_channel_layer(), 30),
    "a layer and the age by name": lambda prune: prune(channel_layer=get_channel_layer(), age=30),
    "age_in_seconds": lambda prune: prune(age_in_seconds=30),
    "one number": lambda prune: prune(30),
}
PRUNES_AFTER_THE_MAXIMAL_AGE = {
    "nothing": lambda prune: prune(),
    "no layer": lambda prune: prune(None),
    "a layer": lambda prune: prune(get_channel_layer()),
    "a layer and no age": lambda prune: prune(get_channel_layer(), None),
    "a layer by name": lambda prune: prune(channel_layer=channel_layer),
}

Call = Callable[[Callable[..., Any]], Any]


@pytest.fixture
def silent() -> None:
    """Connections that were last seen 31 and 61 seconds ago."""
    Room.objects.add("room", "31")
    Room.objects.add("room", "61")
    age_presences("31", seconds=31)
    age_presences("61", seconds=61)


def present() -> set[str]:
    return set(Presence.objects.values_list("channel_name", flat=True))


@transactional
@pytest.mark.parametrize("call", PRUNES_AFTER_30_SECONDS.values(), ids=PRUNES_AFTER_30_SECONDS)
def test_prune_presences_takes_an_age_in_every_form(call: Call, silent: None) -> None:
    Room.objects.add("room", "live")
    call(Room.objects.prune_presences)
    assert present() == {"live"}


@transactional
@pytest.mark.parametrize("call", PRUNES_AFTER_THE_MAXIMAL_AGE.values(), ids=PRUNES_AFTER_THE_MAXIMAL_AGE)
def test_prune_presences_without_an_age_uses_the_maximal_age(call: Call, silent: None) -> None:
    call(Room.objects.prune_presences)
    assert present() == {"31"}


@transactional
async def test_the_coroutine_takes_the_same_arguments() -> None:
    await Room.objects.aadd("room", "channel")
    for call in (*PRUNES_AFTER_30_SECONDS.values(), *PRUNES_AFTER_THE_MAXIMAL_AGE.values()):
        assert await call(Room.objects.aprune_presences) == 0
    assert await Room.objects.aprune_presences(None, 0) == 1


def test_two_ages_are_refused() -> None:
    with pytest.raises(TypeError, match="one age"):
        Room.objects.prune_presences(10, 20)


def test_anything_else_than_an_age_or_a_layer_is_refused() -> None:
    with pytest.raises(InvalidAge):
        Room.objects.prune_presences("sixty")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "config"),
    [
        ("projections", ProjectionsConfig),
        ("projections.apps.RoomsConfig", RoomsConfig),
        ("projections.apps.ProjectionsConfig", ProjectionsConfig),
    ],
)
def test_the_app_can_be_installed_by_the_original_name_of_its_configuration(entry: str, config: type) -> None:
    assert type(AppConfig.create(entry)) is config


def test_the_channel_layer_of_the_models_is_always_the_current_one() -> None:
    for _ in range(2):
        channel_layers.backends.clear()
        assert channel_layer.group_send == get_channel_layer().group_send  # type: ignore[union-attr]
    assert models.channel_layer is channel_layer
