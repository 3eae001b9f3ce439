"""Permissions, and that viewing changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from presence_events.models import PresenceEvent
from projections.admin.end_presence import leave_url
from projections.models import Presence, Room
from tests.csp import POLICY

pytestmark = pytest.mark.django_db

MODELS = {
    "projections.room": "projections.view_room",
    "projections.presence": "projections.view_presence",
    "projections.presencesession": "projections.view_presencesession",
    "presence_events.presenceevent": "presence_events.view_presenceevent",
}
PAGES = [(model, page) for model in MODELS for page in ("changelist", "change", "history", "delete", "add")]


@pytest.fixture(autouse=True)
def present(user: Any) -> None:
    Room.objects.add("lobby", "1", user)


def url_of(model: str, page: str) -> str:
    keys: dict[str, Callable[[], Any]] = {
        "projections.room": lambda: "lobby",
        "projections.presence": lambda: Presence.objects.get().pk,
        "projections.presencesession": lambda: Presence.objects.get().pk,
        "presence_events.presenceevent": lambda: PresenceEvent.objects.get().pk,
    }
    arguments = [] if page in ("changelist", "add") else [keys[model]()]
    return reverse(f"admin:{model.replace('.', '_')}_{page}", args=arguments)


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_visitors_are_asked_to_log_in(model: str, page: str, client: Client) -> None:
    for method in (client.get, client.post):
        response = method(url_of(model, page))
        assert response.status_code == 302
        assert "/login/" in response["Location"]


@pytest.mark.parametrize(("model", "page"), PAGES)
@pytest.mark.usefixtures("unchanged")
def test_the_staff_sees_nothing_without_permission(model: str, page: str, operator: Callable[..., Client]) -> None:
    client = operator(*(permission for each, permission in MODELS.items() if each != model), "projections.end_presence")
    assert client.get(url_of(model, page)).status_code == 403
    assert client.post(url_of(model, page), {"room": "x"}).status_code == 403


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("everything", [True, False])
@pytest.mark.usefixtures("unchanged")
def test_view_permission_allows_viewing_and_nothing_else(
    everything: bool, model: str, operator: Callable[..., Client], admin_client: Client
) -> None:
    client = admin_client if everything else operator(MODELS[model])
    for page in ("changelist", "change", "history"):
        assert client.get(url_of(model, page)).status_code == 200
    for page in ("add", "delete"):
        assert client.get(url_of(model, page)).status_code == 403
    for page in ("change", "add", "delete"):
        assert client.post(url_of(model, page), {"post": "yes", "channel_name": "x"}).status_code == 403
    assert client.post(url_of(model, "changelist"), {"_save": "yes", "action": "delete_selected"}).status_code == 200


def test_the_pages_link_to_each_other(admin_client: Client, user: Any) -> None:
    pages = {model: admin_client.get(url_of(model, "change")).content.decode() for model in MODELS}
    room, presence, session, event = pages.values()
    number = Presence.objects.get().pk
    a_session = f"/admin/projections/presencesession/{number}/change/?room=lobby&amp;at="
    assert "/admin/projections/presence/?room=lobby" in room
    assert "/admin/projections/presencesession/?room=lobby" in room
    assert a_session in presence
    assert a_session in event
    assert f"/admin/projections/presence/{number}/change/" in session
    assert f"/admin/presence_events/presenceevent/{PresenceEvent.objects.get().pk}/change/" in session
    for page in (presence, session, event):
        assert "/admin/projections/room/lobby/change/" in page
    for page in (room, presence, session, event):
        assert "/admin/presence_events/presenceevent/?room=lobby" in page
        assert f"/admin/projections/timeline/?user={user.pk}" in page
        assert "/admin/projections/timeline/?room=lobby" in page


@pytest.mark.parametrize("model", MODELS)
def test_every_row_of_a_list_links_to_the_room_and_the_timeline(model: str, admin_client: Client) -> None:
    page = admin_client.get(url_of(model, "changelist")).content.decode()
    assert "/admin/projections/room/lobby/change/" in page
    assert "/admin/projections/timeline/?room=lobby" in page


@pytest.mark.parametrize(("model", "page"), [each for each in PAGES if each[1] in ("changelist", "change")])
def test_nothing_is_inline(model: str, page: str, admin_client: Client) -> None:
    response = admin_client.get(url_of(model, page))
    content = response.content.decode()
    assert response["Content-Security-Policy"] == POLICY
    assert " style=" not in content
    assert "<style" not in content
    assert " onclick=" not in content
    assert "presence_events/admin.css" in content
    leaving = admin_client.get(leave_url(Presence.objects.get().pk)).content.decode()
    assert " style=" not in leaving
    assert "presence_events/admin.css" in leaving
