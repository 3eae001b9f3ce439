"""The names of users, and how users are found by name or key."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from presence_events import users
from presence_events.exceptions import InvalidUser
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.users import display_name, find_user_key

pytestmark = pytest.mark.django_db


def unused_key(user: Any) -> Any:
    """Returns a key that no user has."""
    return uuid.UUID(int=7) if isinstance(user.pk, uuid.UUID) else user.pk + 1_000_000


def test_the_display_name_is_the_user_name_while_the_user_exists(user: Any) -> None:
    record([Draft("join", "a", "1", user), Draft("join", "a", "2")])
    named, anonymous = PresenceEvent.objects.order_by("id")
    assert (display_name(named), display_name(anonymous)) == ("ada", "anonymous")
    key = user.pk
    user.delete()
    assert display_name(PresenceEvent.objects.prefetch_related("user").order_by("id")[0]) == f"deleted user {key}"


def shown_name(user: Any) -> str:
    return "" if user.username == "nameless" else f"{user.username.title()} Lovelace"


def test_the_setting_names_users(user: Any, django_user_model: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_DISPLAY_NAME = f"{__name__}.shown_name"
    record([Draft("join", "a", "1", user), Draft("join", "a", "2", django_user_model.objects.create_user("nameless"))])
    assert [display_name(event) for event in PresenceEvent.objects.order_by("id")] == ["Ada Lovelace", "nameless"]


def test_a_user_is_found_by_name_and_by_key(user: Any) -> None:
    assert find_user_key("ada") == user.pk
    assert find_user_key(str(user.pk)) == user.pk


def test_a_name_takes_precedence_over_the_key_of_another_user(user: Any, django_user_model: Any) -> None:
    impostor = django_user_model.objects.create_user(str(user.pk))
    assert find_user_key(str(user.pk)) == impostor.pk


def test_the_user_of_a_key_need_not_exist(user: Any) -> None:
    key = unused_key(user)
    assert find_user_key(str(key)) == key


@pytest.mark.parametrize("text", ["unknown", "\x00", "ada\x00", "9" * 40, "-", "<script>", "\u202eada"])
def test_other_text_is_refused(text: str, user: Any) -> None:
    with pytest.raises(InvalidUser):
        find_user_key(text)


@pytest.mark.parametrize(
    ("key", "widest"),
    [
        ("smallint", "bigint"),
        ("integer", "bigint"),
        ("bigint", "bigint"),
        ("varchar", "text"),
        ("char(32)", "text"),
        ("text", "text"),
        ("uuid", "uuid"),
    ],
)
def test_the_widest_type_has_all_keys_of_its_kind(monkeypatch: pytest.MonkeyPatch, key: str, widest: str) -> None:
    monkeypatch.setattr(users, "user_key_type", lambda using: key)
    assert users.widest_user_key_type("default") == widest
