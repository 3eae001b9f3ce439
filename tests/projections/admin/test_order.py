"""The order of the models on the index of the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from projections.admin.timeline.admin import TimelineAdmin
from projections.models import DeadLetter, Room, Timeline

pytestmark = pytest.mark.django_db


def names(apps: list[dict[str, Any]], app_label: str) -> list[str]:
    return [model["object_name"] for app in apps if app["app_label"] == app_label for model in app["models"]]


def test_the_timeline_is_first_and_what_operators_need_is_last(admin_client: Client) -> None:
    for page in (reverse("admin:index"), reverse("admin:app_list", args=["projections"])):
        found = names(admin_client.get(page).context["app_list"], "projections")
        assert found[:4] == ["Timeline", "Room", "Presence", "PresenceSession"]
        assert found[-2:] == ["Process", "DeadLetter"]
    log = names(admin_client.get(reverse("admin:index")).context["app_list"], "presence_events")
    assert log[0] == "PresenceEvent"
    assert log[-2:] == ["Segment", "Checkpoint"]


def test_other_apps_keep_their_order(admin_client: Client) -> None:
    assert names(admin_client.get(reverse("admin:index")).context["app_list"], "auth")[:1] == ["Group"]


class Alphabetical(AdminSite):
    """A site that says itself in which order its models are."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        return super().get_app_list(request, app_label)


@pytest.mark.parametrize(
    ("site", "expected"),
    [(AdminSite(), ["Timeline", "Room", "DeadLetter"]), (Alphabetical(), ["DeadLetter", "Room", "Timeline"])],
)
def test_a_site_with_an_order_of_its_own_keeps_it(
    site: AdminSite, expected: list[str], rf: RequestFactory, admin_user: Any
) -> None:
    site.register([DeadLetter, Room])
    site.register(Timeline, TimelineAdmin)
    request = rf.get("/")
    request.user = admin_user
    assert names(site.get_app_list(request), "projections") == expected
