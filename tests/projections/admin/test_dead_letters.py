"""Dead letters and checkpoints in the admin."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from presence_events.checkpoints import Reader
from presence_events.models import PresenceEvent
from projections.models import DeadLetter, Room

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dead_letter_links_to_its_events(admin_client: Client) -> None:
    Room.objects.add("room", "channel")
    event = PresenceEvent.objects.get()
    letter = DeadLetter.objects.create(
        worker="projector", receiver="a.b", first=event.id, last=event.id, tries=3, error="<script>"
    )
    for page in (
        reverse("admin:projections_deadletter_changelist"),
        reverse("admin:projections_deadletter_change", args=[letter.pk]),
    ):
        content = admin_client.get(page).content.decode()
        assert reverse("admin:presence_events_presenceevent_change", args=[event.id]) in content
        assert "a.b" in content
        assert "<script>" not in content.replace("<script src", "")


def test_checkpoints_are_shown(admin_client: Client) -> None:
    Reader("mine", using="default")
    assert "mine" in admin_client.get(reverse("admin:presence_events_checkpoint_changelist")).content.decode()
    page = reverse("admin:presence_events_checkpoint_change", args=["mine"])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"name": "other"}).status_code == 403
