"""Instances for rows that are known already are like those of Django."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Model
from django.db.models.signals import post_init, pre_init

from presence_events.models import Hold, PresenceEvent
from presence_events.schema.instances import stored
from projections.models import Room

ROOM = {"channel_name": "lobby"}
HOLD = {"id": 1, "name": "case", "from_day": None}


@pytest.fixture(params=[(Room, ROOM), (Hold, HOLD)])
def pair(request: pytest.FixtureRequest) -> tuple[Model, Model]:
    """Two instances for one row: of `stored` and of Django."""
    model, values = request.param
    return stored(model, "other", values), model.from_db("other", list(values), list(values.values()))


def test_an_instance_is_like_one_of_django(pair: tuple[Model, Model]) -> None:
    made, expected = pair
    assert type(made) is type(expected)
    assert made == expected
    assert attributes(made) == attributes(expected)
    assert made.get_deferred_fields() == expected.get_deferred_fields() != set()


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy])
def test_an_instance_can_be_copied_like_one_of_django(pair: tuple[Model, Model], again: Any) -> None:
    made, expected = map(again, pair)
    assert attributes(made) == attributes(expected)


def test_a_relation_is_not_cached() -> None:
    made = stored(PresenceEvent, "default", {"id": 1, "user_id": None})
    assert made.user is None
    made.user_id = 7
    assert not PresenceEvent.user.is_cached(made)


@pytest.fixture(params=[pre_init, post_init])
def heard(request: pytest.FixtureRequest) -> Iterator[list[Any]]:
    """What a receiver of a signal about new instances receives."""
    received: list[Any] = []

    def receive(sender: Any, **kwargs: Any) -> None:
        received.append(sender)

    request.param.connect(receive, sender=Room)
    yield received
    request.param.disconnect(receive, sender=Room)


def test_receivers_hear_of_an_instance(heard: list[Any]) -> None:
    made = stored(Room, "other", ROOM)
    assert heard == [Room]
    assert (made.channel_name, made._state.db, made._state.adding) == ("lobby", "other", False)


def attributes(instance: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    own = vars(instance).copy()
    return own, vars(own.pop("_state"))
