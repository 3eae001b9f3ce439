"""The pages of server processes and of their events."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.test import Client
from django.urls import reverse

from presence_events.admin import PresenceEventAdmin
from presence_events.models import PresenceEvent
from tests.leases import beat, end_lease

pytestmark = pytest.mark.django_db


def test_processes_are_shown(admin_client: Client) -> None:
    beat("host:1:a")
    page = reverse("admin:projections_process_change", args=[quote("host:1:a")])
    listed = admin_client.get(reverse("admin:projections_process_changelist")).content.decode()
    assert page in listed
    assert "host:1:a" in admin_client.get(page).content.decode()
    assert admin_client.post(page, {"name": "other"}).status_code == 403


def test_the_event_of_a_process_is_in_no_room_without_the_pages_of_the_projections() -> None:
    beat("host:1:a")
    page = PresenceEventAdmin(PresenceEvent, admin.site)
    event = PresenceEvent.objects.get()
    assert (page.in_room(event), page.who(event)) == ("-", "host:1:a")


def test_the_events_of_a_process_name_it_and_link_to_no_room(admin_client: Client) -> None:
    beat("host:1:a")
    end_lease("host:1:a")
    url = reverse("admin:presence_events_presenceevent_changelist")
    listed = admin_client.get(url, {"kind": "all"}).content.decode()
    assert listed.count("host:1:a") == 2
    assert "room=&" not in listed
    for event in PresenceEvent.objects.all():
        page = admin_client.get(reverse("admin:presence_events_presenceevent_change", args=[event.pk]))
        assert reverse("admin:projections_process_changelist") in page.content.decode()
