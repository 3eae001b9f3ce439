"""What people are called, and how they are found."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from presence_events.exceptions import InvalidUser
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.users import find, who

pytestmark = pytest.mark.django_db


def a_key(user: Any) -> Any:
    """Of nobody."""
    return uuid.UUID(int=7) if isinstance(user.pk, uuid.UUID) else user.pk + 1_000_000


def test_people_are_called_by_their_name_while_they_have_one(user: Any) -> None:
    record([Draft("join", "a", "1", user), Draft("join", "a", "2")])
    named, anonymous = PresenceEvent.objects.order_by("id")
    assert (who(named), who(anonymous)) == ("ada", "anonymous")
    key = user.pk
    user.delete()
    assert who(PresenceEvent.objects.prefetch_related("user").order_by("id")[0]) == f"deleted user {key}"


def test_somebody_is_found_by_name_and_by_key(user: Any) -> None:
    assert find("ada") == user.pk
    assert find(str(user.pk)) == user.pk


def test_a_name_goes_before_the_key_of_somebody_else(user: Any, django_user_model: Any) -> None:
    impostor = django_user_model.objects.create_user(str(user.pk))
    assert find(str(user.pk)) == impostor.pk


def test_a_key_need_not_be_that_of_anybody(user: Any) -> None:
    key = a_key(user)
    assert find(str(key)) == key


@pytest.mark.parametrize("text", ["nobody", "\x00", "ada\x00", "9" * 40, "-", "<script>", "\u202eada"])
def test_what_is_neither_is_refused(text: str, user: Any) -> None:
    with pytest.raises(InvalidUser):
        find(text)
