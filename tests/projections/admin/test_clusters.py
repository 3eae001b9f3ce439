"""The admin with rooms in several databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from presence_events.models import PresenceEvent
from projections.admin.links import stay_url
from projections.models import DeadLetter, Presence, PresenceSession, Room
from tests import clusters
from tests.clusters import CLUSTERS, ROOMS

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = ["projections_room", "projections_presence", "projections_presencesession", "presence_events_presenceevent"]


@pytest.fixture
def page(transactional_db: None, settings: Any, client: Client, admin_user: Any) -> Iterator[Any]:
    """Returns a function that gets a page. ada is in a room of each cluster."""
    client.force_login(admin_user)

    def get(url: str, **parameters: Any) -> str:
        response = client.get(url, parameters, follow=True)
        assert response.status_code == 200, url
        return response.content.decode()

    with clusters.databases(settings):
        for room in ROOMS:
            Room.objects.add(room, f"tab-of-{room}", admin_user)
        yield get


def rooms_on(text: str) -> list[str]:
    return [room for room in ROOMS if f"tab-of-{room}" in text or f">{room}<" in text]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_shows_one_database_and_offers_the_others(page: Any, name: str) -> None:
    url = reverse(f"admin:{name}_changelist")
    assert rooms_on(page(url)) == ["lobby"]
    for alias, room in zip(CLUSTERS, ROOMS, strict=True):
        text = page(url, database=alias)
        assert rooms_on(text) == [room]
        for other in CLUSTERS:
            assert f"?database={other}" in text


def test_without_several_databases_there_is_no_choice(client: Client, admin_user: Any) -> None:
    client.force_login(admin_user)
    text = client.get(reverse("admin:projections_room_changelist")).content.decode()
    assert "database=" not in text
    assert client.get(reverse("admin:projections_room_changelist"), {"database": "default"}).status_code == 400


@pytest.mark.parametrize("name", LISTS[1:])
def test_a_list_that_is_filtered_by_a_room_shows_its_database(page: Any, name: str) -> None:
    url = reverse(f"admin:{name}_changelist")
    assert rooms_on(page(url, room="acme-1")) == ["acme-1"]
    assert rooms_on(page(url, room="acme-1", database="blue")) == []
    assert rooms_on(page(url, room="a" * 256)) == []


def test_the_page_of_a_room_is_that_of_its_database(page: Any) -> None:
    text = page(reverse("admin:projections_room_change", args=["acme-1"]))
    assert "acme-1" in text
    assert reverse("admin:projections_presence_changelist") + "?room=acme-1" in text


def test_pages_of_rows_are_found_from_lists_and_links(page: Any, admin_user: Any) -> None:
    presence = Presence.objects.using("acme").get()
    join = PresenceEvent.objects.using("acme").get(kind="join")
    presence_page = reverse("admin:projections_presence_change", args=[presence.pk])
    for filters in ("database=acme", "room=acme-1"):
        assert "tab-of-acme-1" in page(presence_page, _changelist_filters=filters)
    event_page = reverse("admin:presence_events_presenceevent_change", args=[join.pk])
    assert "tab-of-acme-1" in page(event_page, database="acme")
    stay_page = page(stay_url(PresenceSession.objects.using("acme").get()))
    assert "tab-of-acme-1" in stay_page
    assert f"{presence_page}?database=acme" in stay_page
    assert "database=acme" in page(reverse("admin:projections_presence_changelist"), database="acme")
    Room.objects.add("acme-1", "guest")
    guest = Presence.objects.using("acme").get(user=None)
    guest_page = reverse("admin:projections_presence_change", args=[guest.pk])
    assert f"{guest_page}?database=acme" in page(reverse("admin:projections_room_change", args=["acme-1"]))


def test_a_dead_letter_leads_to_the_event_of_its_database(page: Any) -> None:
    DeadLetter.objects.using("blue").create(worker="main", receiver="a", first=1, last=2, tries=3, error="e")
    text = page(reverse("admin:projections_deadletter_changelist"), database="blue")
    assert reverse("admin:presence_events_presenceevent_change", args=[1]) + "?database=blue" in text


def test_connections_are_made_to_leave_in_their_database(page: Any, client: Client) -> None:
    presence = Presence.objects.using("acme").get()
    shown = page(reverse("admin:projections_presence_change", args=[presence.pk]), database="acme")
    leave = reverse("admin:projections_presence_leave")
    assert f"{leave}?session={presence.pk}&amp;filters=database%3Dacme" in shown
    form = page(leave, session=presence.pk, filters="database=acme")
    assert "tab-of-acme-1" in form
    assert 'name="filters" value="database=acme"' in form
    client.post(leave, {"session": presence.pk, "filters": "database=acme", "reason": "left a tab open"})
    assert not Presence.objects.using("acme").exists()
    assert Presence.objects.exists()
    (end,) = PresenceEvent.objects.using("acme").filter(kind="leave")
    assert end.data["reason"] == "left a tab open"


def test_the_timeline_of_a_room_shows_its_database(page: Any) -> None:
    url = reverse("admin:presence_timeline")
    assert rooms_on(page(url)) == [*ROOMS]
    for room in ROOMS:
        (drawn,) = json.loads(page(reverse("admin:presence_timeline_data"), room=room))["stays"]
        assert f"tab-of-{room}" in drawn
    stay = PresenceSession.objects.using("blue").get()
    text = page(url, room="blue-1", stay=stay.pk)
    assert f"{reverse('admin:projections_presence_change', args=[stay.pk])}?database=blue" in text
