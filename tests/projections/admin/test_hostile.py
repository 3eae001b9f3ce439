"""Hostile names and addresses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from presence_events.models import PresenceEvent
from projections.admin.end_presence import leave_url
from projections.admin.links import room_url, stay_url, timeline_url
from projections.models import Presence, PresenceSession
from tests import unreadable
from tests.backdating import Stay, write
from tests.projections.admin.test_access import MODELS

pytestmark = pytest.mark.django_db

NAMES = [
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>&amp;",
    "\u202eevil\u2066\u200f",
    "'; DROP TABLE presence; --",
    "a/b?c#d%00_5F%2e",
    "n" * 150,
    "..",
    "",
    " ",
    "\n",
    "one\r\ntwo\x01",
]
LISTS = [
    "/admin/projections/room/",
    "/admin/projections/presence/",
    "/admin/projections/presencesession/",
    "/admin/presence_events/presenceevent/",
]
JUNK = ["\x00", "x", "-1", "9" * 40, "0001-01-01", "9999-12-31T23:59:59Z", "[", "\u202e", "é" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_shown_harmlessly(name: str, admin_client: Client, user: Any) -> None:
    user.username = name
    user.save()
    now = timezone.now()
    write(
        Stay(name, name, user, now - timedelta(minutes=5), data=name),
        Stay(name, name, user, now - timedelta(minutes=9), now - timedelta(minutes=8), reason={name: name}),
        Stay(name, f"{name}2", None, now - timedelta(minutes=7)),
    )
    sessions = list(PresenceSession.objects.all())
    events = PresenceEvent.objects.values_list("pk", flat=True)
    for url in (
        *LISTS,
        *(f"{url}?room=x" for url in LISTS[1:]),
        room_url(name),
        *(reverse("admin:projections_presence_change", args=[presence.pk]) for presence in Presence.objects.all()),
        *(stay_url(stay) for stay in sessions),
        *(reverse("admin:presence_events_presenceevent_change", args=[pk]) for pk in events),
        leave_url(*Presence.objects.values_list("pk", flat=True)),
    ):
        response = admin_client.get(url)
        assert response.status_code == 200, url
        page = response.content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    for url in LISTS[1:] if name else ():
        found = admin_client.get(url, {"room": name, "user": name}).context["cl"].result_list
        assert {row.user_id for row in found} == {user.pk}


@pytest.mark.parametrize("text", unreadable.DATA.values(), ids=list(unreadable.DATA))
def test_data_that_python_cannot_read_is_shown_as_a_placeholder(text: str, admin_client: Client) -> None:
    now = timezone.now()
    write(
        Stay("lobby", "a", None, now - timedelta(minutes=5), data=1),
        Stay("lobby", "b", None, now - timedelta(minutes=9), now - timedelta(minutes=8), reason=1),
    )
    unreadable.set_data(text)
    unreadable.set_data(text, table="presence_open_stay")
    stays = list(PresenceSession.objects.all())
    events = list(PresenceEvent.objects.all())
    shown = "Unreadable data of"
    for url, is_shown in (
        ("/admin/presence_events/presenceevent/?kind=all", True),
        ("/admin/projections/room/", False),
        ("/admin/projections/presence/", False),
        ("/admin/projections/presencesession/", False),
        (reverse("admin:projections_presence_change", args=[Presence.objects.get().pk]), True),
        *((reverse("admin:presence_events_presenceevent_change", args=[event.pk]), True) for event in events),
        *((stay_url(stay), True) for stay in stays),
        (timeline_url(room="lobby"), False),
        *((timeline_url(room="lobby", stay=stay.pk), True) for stay in stays),
    ):
        response = admin_client.get(url, follow=True)
        assert response.status_code == 200, url
        assert shown in response.content.decode() or not is_shown, url


@pytest.mark.parametrize("url", LISTS)
@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.usefixtures("unchanged")
def test_an_invalid_parameter_of_a_list_is_no_error(junk: str, url: str, admin_client: Client) -> None:
    for parameter in ("q", "room", "user", "kind", "ended", "last", "from", "until", "since", "p", "o", "e", "all"):
        assert admin_client.get(url, {parameter: junk}).status_code in (200, 302, 400)
        assert admin_client.post(url, {parameter: junk, "action": junk, "index": junk}).status_code in (200, 302)
    for parameter in (
        "_popup",
        "_to_field",
        "_facets",
        "_changelist_filters",
        "nonsense",
        "room__gte",
        "user__password",
    ):
        assert admin_client.get(url, {parameter: junk}).status_code in (200, 302, 400)


@pytest.mark.parametrize("junk", [*JUNK, "../../..", "1/../2"])
@pytest.mark.usefixtures("unchanged")
def test_an_invalid_key_is_no_error(junk: str, admin_client: Client) -> None:
    for model in MODELS:
        for page in ("change", "history", "delete"):
            url = reverse(f"admin:{model.replace('.', '_')}_{page}", args=[junk])
            assert admin_client.get(url).status_code in (302, 403, 404)
            assert admin_client.post(url, {"post": "yes"}).status_code in (302, 403, 404)


@pytest.mark.parametrize(
    ("room", "at"),
    [
        *((room, "2024-03-04T09:00:00") for room in ["lobby", *JUNK]),
        *(("lobby", at) for at in ["2024-03-04", "", *JUNK]),
    ],
)
def test_an_invalid_room_or_time_in_the_address_does_not_hide_a_stay(room: str, at: str, admin_client: Client) -> None:
    now = timezone.now()
    write(Stay("lobby", "1", None, now - timedelta(hours=2), now - timedelta(hours=1)))
    url = reverse("admin:projections_presencesession_change", args=[PresenceSession.objects.get().pk])
    assert admin_client.get(url, {"room": room, "at": at}).status_code == 200
