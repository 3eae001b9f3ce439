"""Validation of what enters the log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.contrib.auth.models import AnonymousUser
from django.db import connection, models
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from presence_events import exceptions, validation

HOSTILE = [
    "",
    " ",
    "a b",
    "a/b",
    "a!b",
    "é",
    "٣",
    "a\n",
    "\x00",
    "a'; DROP TABLE presence; --",
    "<b>",
    "x" * 100,
    None,
    1,
    b"a",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_room_name_that_is_no_group_name_is_refused(name: Any) -> None:
    with pytest.raises(exceptions.InvalidRoomName):
        validation.room_name(name)


@pytest.mark.parametrize("name", [*[name for name in HOSTILE if name != "a!b"], "a!b!c", "!a", "a!é", "a!b\n"])
def test_a_channel_name_that_channels_would_not_make_is_refused(name: Any) -> None:
    with pytest.raises(exceptions.InvalidChannelName):
        validation.channel_name(name)


@pytest.mark.parametrize("name", ["a", "A.b-c_9", "x" * 99])
def test_a_group_name_is_a_room_name(name: str) -> None:
    assert validation.room_name(name) == name


@pytest.mark.parametrize("name", ["specific.abc!def", "inmemory!x", "a", "x" * 99])
def test_what_channels_makes_is_a_channel_name(name: str) -> None:
    assert validation.channel_name(name) == name


def test_the_rules_are_those_of_the_configured_layer(settings: Any) -> None:
    class Roomy(InMemoryChannelLayer):
        MAX_NAME_LENGTH = 200

    Roomy.__module__ = __name__
    globals()["Roomy"] = Roomy
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.Roomy"}}
    assert validation.room_name("x" * 150) == "x" * 150


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_layer_that_has_no_rules_gets_those_of_channels(is_coroutine: bool, settings: Any) -> None:
    """channels_redis.pubsub has no rules for names, and outside of coroutines none of its attributes can be read."""
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["unix:///nowhere"]},
        }
    }

    def name() -> str:
        return validation.room_name("lobby") + validation.channel_name("asgispecific.1")

    async def aname() -> str:
        return name()

    assert (asyncio.run(aname()) if is_coroutine else name()) == "lobbyasgispecific.1"
    with pytest.raises(exceptions.InvalidRoomName):
        validation.room_name("a room")


def test_without_a_layer_the_rules_are_those_of_channels(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    with pytest.raises(exceptions.InvalidRoomName):
        validation.room_name("x" * 150)


def test_a_message_shows_a_long_name_shortened() -> None:
    with pytest.raises(exceptions.InvalidRoomName) as caught:
        validation.room_name("x" * 10_000)
    assert "1 to 99 ASCII letters" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("user", [None, AnonymousUser()])
def test_none_and_anonymous_users_have_no_key(user: Any) -> None:
    assert validation.user_id(user) is None


@pytest.mark.parametrize("user", ["ada", 7, object()])
def test_what_is_no_user_is_refused(user: Any) -> None:
    with pytest.raises(exceptions.InvalidUser):
        validation.user_id(user)


def test_an_unsaved_user_is_refused(django_user_model: Any) -> None:
    user = django_user_model(username="ada", pk=None)
    with pytest.raises(exceptions.InvalidUser, match="save it first"):
        validation.user_id(user)


@pytest.mark.parametrize(
    ("data", "text"),
    [(None, None), ({"a": 1}, '{"a":1}'), ("é", '"é"'), ([1, 2.5, None, True], "[1,2.5,null,true]"), (0, "0")],
)
def test_data_becomes_json_text(data: Any, text: str | None) -> None:
    assert validation.json_text(data) == text


def _bottomless() -> list[Any]:
    nest: list[Any] = []
    for _ in range(100_000):
        nest = [nest]
    return nest


@pytest.mark.parametrize(
    "data",
    [
        object(),
        {1, 2},
        {(1, 2): 3},
        float("nan"),
        float("inf"),
        "\ud800",
        "\x00",
        {"a\x00": 1},
        "x" * 8191,
        _bottomless(),
    ],
    ids=["object", "set", "tuple key", "nan", "infinity", "surrogate", "nul", "nul in key", "large", "deep"],
)
def test_data_that_postgresql_could_not_store_is_refused(data: Any) -> None:
    with pytest.raises(exceptions.InvalidData):
        validation.json_text(data)


def test_the_largest_data_is_counted_in_bytes() -> None:
    assert validation.json_text("x" * 8190) is not None
    assert validation.json_text("é" * 4095) is not None
    with pytest.raises(exceptions.InvalidData, match="8194 bytes as JSON; the limit is 8192"):
        validation.json_text("é" * 4096)


def test_a_backslash_before_u0000_is_not_the_character_nul() -> None:
    assert validation.json_text("\\u0000") == '"\\\\u0000"'


@pytest.mark.django_db
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.recursive(st.none() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5))
def test_postgresql_stores_valid_data_unchanged(data: Any) -> None:
    try:
        text = validation.json_text(data)
    except exceptions.InvalidData:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT (%s::jsonb)::text", [text])
        (stored,) = cursor.fetchone()
    if text is None:
        assert stored is None
    else:
        assert json.loads(stored, parse_int=float) == json.loads(text, parse_int=float)


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("inf"), "60", None, True])
def test_an_invalid_age_is_refused(seconds: Any) -> None:
    with pytest.raises(exceptions.InvalidAge):
        validation.age(seconds)


@pytest.mark.parametrize(("seconds", "age"), [(0, 0.0), (60, 60.0), (0.5, 0.5), (10**30, 3162240000.0)])
def test_an_age_is_a_number_of_seconds_up_to_a_century(seconds: float, age: float) -> None:
    assert validation.age(seconds) == age


class Person(models.Model):
    """A user model whose key has another name than ``id``."""

    number = models.AutoField(primary_key=True)

    class Meta:
        app_label = "people"


class Employee(Person):
    """A child model with a key of its own."""

    person = models.OneToOneField(Person, on_delete=models.CASCADE, parent_link=True)
    badge = models.IntegerField(primary_key=True)

    class Meta:
        app_label = "people"


def test_the_key_of_a_child_is_that_of_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "get_user_model", lambda: Person)
    employee = Employee(number=2, person_id=2, badge=1)
    assert employee.pk == 1
    assert validation.user_id(employee) == 2


def test_a_key_is_prepared_as_its_field_prepares_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "get_user_model", lambda: Person)
    assert validation.user_id(Person(number="7")) == 7
