"""Validation of what enters the log."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, models, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from presence_events import exceptions, validation
from presence_events.recorder import Draft, record
from presence_events.schema.json_data import TolerantDecoder, UnreadableData, shape_of

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


@pytest.mark.parametrize("people", [0, -1, True, 1.5, "3", 2**31])
def test_a_capacity_that_is_no_number_of_people_is_refused(people: Any) -> None:
    with pytest.raises(exceptions.InvalidCapacity):
        validation.capacity(people)


@pytest.mark.parametrize("people", [None, 1, 2**31 - 1])
def test_a_number_of_people_is_a_capacity(people: int | None) -> None:
    assert validation.capacity(people) == people


@pytest.mark.parametrize("which", ["", "first", True, 1, ["newest"]])
def test_an_unknown_choice_between_connections_is_refused(which: Any) -> None:
    with pytest.raises(exceptions.InvalidExclusive):
        validation.exclusive(which)


@pytest.mark.parametrize("which", [None, "newest", "oldest"])
def test_a_choice_between_connections_is_valid(which: str | None) -> None:
    assert validation.exclusive(which) == which


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


def _nest(levels: int, value: Any = None) -> Any:
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_nest(65), "nested in up to 65 lists and objects; the limit is 64"),
        ({"a": _nest(64)}, "nested in up to 65"),
        (10**309, "larger than a floating-point number"),
        (-(10**309), "larger than a floating-point number"),
        (int(sys.float_info.max), "larger than a floating-point number"),
        ([1e308] * 30, "bytes as JSON; the limit is 8192"),
        (10**5000, "digits"),
    ],
    ids=["lists", "list in object", "large", "small", "a digit too large", "long when written", "thousands of digits"],
)
def test_data_beyond_the_limits_is_refused(data: Any, message: str) -> None:
    with pytest.raises(exceptions.InvalidData, match=message):
        validation.json_text(data)


@pytest.mark.parametrize(
    "data", [_nest(64), _nest(63, {"a": 1}), 10**308, -(10**308), sys.float_info.max, [1e308] * 26]
)
def test_data_at_the_limits_is_accepted(data: Any) -> None:
    assert validation.json_text(data) is not None


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128])
def test_a_name_is_limited_whatever_the_layer_accepts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = InMemoryChannelLayer()
    monkeypatch.setattr(layer, "require_valid_group_name", lambda name: True)
    monkeypatch.setattr(layer, "require_valid_channel_name", lambda name: True)
    monkeypatch.setattr(validation, "_layer", lambda: layer)
    assert validation.room_name("x" * 255) == validation.channel_name("x" * 255)
    for check in (validation.room_name, validation.channel_name):
        with pytest.raises(exceptions.PresenceError):
            check(name)
        with pytest.raises(exceptions.PresenceError):
            check("")


def _is_accepted_by_the_database(text: str | None) -> bool:
    """Joins with ``text`` as the data, by SQL alone, and rolls back."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO presence_event (kind, room, channel_name, data) VALUES ('join', 'r', 'c', %s::jsonb)",
                [text],
            )
            transaction.set_rollback(True)
    except IntegrityError:
        return False
    return True


ANY_NUMBER = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [10**307, 10**308, 2 * 10**308, 10**309, -(10**309), 1e308, 5e-324, -0.0, int(sys.float_info.max)]
    )
)
ANY_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
SMALL_DATA = st.recursive(
    st.none() | st.booleans() | ANY_NUMBER | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
ANY_DATA = (
    SMALL_DATA
    | st.builds(_nest, st.integers(60, 66), SMALL_DATA)
    | st.builds(lambda count, value: [value] * count, st.integers(0, 3000), st.none() | ANY_NUMBER)
    | st.builds("x".__mul__, st.integers(8180, 8200))
)


@pytest.mark.django_db
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(ANY_DATA)
def test_python_and_the_database_accept_the_same_data(data: Any) -> None:
    """The sizes are compared as well: a text is seldom at the limit."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT (%s::jsonb)::text", [text])
        (stored,) = cursor.fetchone()
    assert shape_of(text).size == len(stored.encode())
    try:
        accepted = validation.json_text(data)
    except exceptions.InvalidData:
        assert not _is_accepted_by_the_database(text)
    else:
        assert accepted == (None if data is None else text)
        assert _is_accepted_by_the_database(accepted)
        assert json.loads(stored, parse_int=float) == json.loads(text, parse_int=float)
        assert not isinstance(json.loads(stored, cls=TolerantDecoder), UnreadableData)


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["room", "channel_name"])
@pytest.mark.parametrize(("name", "accepted"), [("", False), ("x" * 255, True), ("x" * 256, False), ("é" * 128, False)])
def test_the_database_limits_names(column: str, name: str, accepted: bool) -> None:
    names = {"room": "r", "channel_name": "c"} | {column: name}
    insert = "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, %s, %s)"
    with connection.cursor() as cursor:
        if accepted:
            cursor.execute(insert, ["join", *names.values()])
            return
        with pytest.raises(IntegrityError, match=f"a join is refused: {column} has to be"), transaction.atomic():
            cursor.execute(insert, ["join", *names.values()])
        cursor.execute(insert, ["leave", *names.values()])  # it changes nothing, so nothing is checked


@pytest.mark.django_db
def test_the_database_limits_the_name_of_a_process() -> None:
    insert = "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'r', 'c', %s)"
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="process has to be"):
        cursor.execute(insert, ["x" * 1025])


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["join", "touch", "leave", "prune"])
@pytest.mark.parametrize(
    "text", ["1e5000", "-1e309", "[" * 3000 + "]" * 3000, '{"a":' * 65 + "1" + "}" * 65, json.dumps("x" * 8192)]
)
def test_the_database_refuses_data_beyond_the_limits_of_every_kind(kind: str, text: str) -> None:
    record([Draft("join", "r", "c")])
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match=f"a {kind} is refused: .*data"):
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, data) VALUES (%s, 'r', 'c', %s::jsonb)", [kind, text]
        )


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
    assert validation.user_id(employee) == validation.user_parameter(2)


def test_a_key_is_prepared_as_its_field_prepares_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "get_user_model", lambda: Person)
    key = validation.user_parameter(7)
    assert validation.user_id(Person(number=str(key))) == key
