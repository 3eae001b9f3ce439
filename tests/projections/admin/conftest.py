"""Operators with chosen permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from presence_events.models import PresenceEvent
from projections.models import Presence, PresenceSession, Room


@pytest.fixture
def operator(django_user_model: Any) -> Callable[..., Client]:
    """Returns a function that logs a staff user in who has only the given permissions, ``app_label.codename``."""

    def logged_in(*permissions: str) -> Client:
        person = django_user_model.objects.create_user(f"operator{django_user_model.objects.count()}", is_staff=True)
        for permission in permissions:
            app_label, codename = permission.split(".")
            person.user_permissions.add(
                *Permission.objects.filter(content_type__app_label=app_label, codename=codename)
            )
        client = Client()
        client.force_login(person)
        return client

    return logged_in


@pytest.fixture
def content_types_known() -> None:
    """Fills the cache of content types: the page of an object queries the one of its model once per process."""
    ContentType.objects.get_for_models(Presence, PresenceEvent, PresenceSession, Room)


@pytest.fixture
def unchanged() -> Any:
    """Asserts that the test recorded nothing."""
    before = list(PresenceEvent.objects.values())
    yield
    assert list(PresenceEvent.objects.values()) == before
