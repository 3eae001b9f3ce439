"""The log in the admin, with links to the rooms, people and stays of its events."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.models import Room
from projections.times import url_value

pytestmark = pytest.mark.django_db

LIST = "/admin/presence_events/presenceevent/"


def test_an_event_links_to_its_stay_and_to_its_moment_in_the_timeline(admin_client: Client, user: Any) -> None:
    record([Draft("join", "a", "1", user)])
    [event] = record([Draft("leave", "a", "1")])
    moment = url_value(event.at).replace(":", "%3A")
    before = url_value(event.at - timedelta(minutes=5)).replace(":", "%3A")
    for page in (
        admin_client.get(LIST).content.decode(),
        admin_client.get(f"{LIST}{event.id}/change/").content.decode(),
    ):
        at = url_value(event.since).replace(":", "%3A")
        assert f"/admin/projections/presencesession/{event.session}/change/?room=a&amp;at={at}" in page
        assert f"/admin/projections/timeline/?room=a&amp;from={before}" in page
        assert f"moment={moment}&amp;stay={event.session}" in page
        assert f"/admin/projections/timeline/?user={user.pk}&amp;from={before}" in page
        assert "/admin/projections/room/a/change/" in page


def test_the_page_of_a_join_shows_its_limits(admin_client: Client, user: Any) -> None:
    Room.objects.add("a", "1", user, capacity=30, exclusive="newest")
    Room.objects.add("a", "2", user)
    shown = []
    for event in PresenceEvent.objects.order_by("id"):
        page = admin_client.get(f"{LIST}{event.id}/change/").content.decode()
        for name in ("capacity", "exclusive"):
            (value,) = re.findall(rf'field-{name}">.*?class="readonly">(.*?)</div>', page, re.DOTALL)
            shown.append(value)
    assert shown == ["30", "Yes", "-", "-"]


def test_the_prune_of_a_room_has_no_person_and_no_stay(admin_client: Client) -> None:
    record([Draft("join", "a", "1")])
    record([Draft("leave", "a", "1")])
    [event] = record([Draft("prune", "a", None)])
    page = admin_client.get(f"{LIST}{event.id}/change/").content.decode()
    assert "anonymous" not in page
    assert "presencesession/" not in page.split('id="content-main"')[1]
    assert admin_client.get(LIST, {"kind": "prune"}).status_code == 200


@pytest.mark.usefixtures("content_types_known")
def test_the_number_of_queries_does_not_depend_on_the_number_of_events(
    admin_client: Client, django_user_model: Any, django_assert_num_queries: Any
) -> None:
    record([Draft("join", "a", "0", django_user_model.objects.create_user("somebody"))])
    for many in (1, 20):
        for number in range(1, many):
            record([Draft("join", "a", f"{number}", django_user_model.objects.create_user(f"user{number}"))])
        with django_assert_num_queries(11):
            admin_client.get(LIST)
    event = PresenceEvent.objects.earliest("id")
    with django_assert_num_queries(4):
        admin_client.get(f"{LIST}{event.id}/change/")
