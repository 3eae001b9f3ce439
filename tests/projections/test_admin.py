"""Rooms and presences in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from projections.models import Presence, Room

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def present(user: Any) -> None:
    for room, channel, who in [("a", "1", user), ("a", "2", user), ("a", "3", None), ("b_c.d-e", "4", None)]:
        Room.objects.add(room, channel, who)


def test_rooms_say_how_many_are_there(admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:projections_room_changelist"))
    found = {room.channel_name: (room.people, room.connections) for room in response.context["cl"].result_list}
    assert found == {"a": (1, 3), "b_c.d-e": (0, 1)}


def test_a_room_leads_to_who_is_there_and_to_its_events(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:projections_room_changelist")).content.decode()
    assert "/admin/projections/presence/?room=b_c.d-e" in page
    assert "/admin/presence_events/presenceevent/?room=a" in page
    response = admin_client.get("/admin/projections/presence/?room=b_c.d-e")
    assert [presence.channel_name for presence in response.context["cl"].result_list] == ["4"]


def test_presences_say_who_it_is(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(10):
        page = admin_client.get(reverse("admin:projections_presence_changelist")).content.decode()
    assert "ada" in page
    assert "anonymous" in page


def test_nothing_can_be_added_changed_or_deleted(admin_client: Client) -> None:
    presence = Presence.objects.first()
    assert presence is not None
    for model, key in (("room", "a"), ("presence", presence.pk)):
        url = reverse(f"admin:projections_{model}_change", args=[key])
        assert admin_client.get(url).status_code == 200
        assert admin_client.post(url, {}).status_code == 403
        assert admin_client.get(reverse(f"admin:projections_{model}_add")).status_code == 403
        assert admin_client.post(reverse(f"admin:projections_{model}_delete", args=[key])).status_code == 403


def test_rooms_and_presences_are_found_by_name(admin_client: Client) -> None:
    response = admin_client.get("/admin/projections/room/?q=c.d")
    assert [room.channel_name for room in response.context["cl"].result_list] == ["b_c.d-e"]
    response = admin_client.get("/admin/projections/presence/?q=4")
    assert [presence.channel_name for presence in response.context["cl"].result_list] == ["4"]


@pytest.mark.parametrize("page", ["change", "history", "delete"])
@pytest.mark.parametrize("model", ["room", "presence"])
def test_what_is_none_is_not_found(model: str, page: str, admin_client: Client) -> None:
    assert admin_client.get(f"/admin/projections/{model}/%00/{page}/").status_code in (302, 403, 404)


@pytest.mark.parametrize("model", ["room", "presence"])
def test_lookups_that_no_filter_offers_are_refused(model: str, admin_client: Client) -> None:
    assert admin_client.get(f"/admin/projections/{model}/", {"channel_name__regex": "["}).status_code == 400
