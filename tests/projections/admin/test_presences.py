"""Presences in the admin."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.test import Client
from django.urls import clear_url_caches, set_urlconf

from projections.admin import PresenceAdmin
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db

LIST = "/admin/projections/presence/"


def channels(client: Client, **query: Any) -> list[str]:
    return [presence.channel_name for presence in client.get(LIST, query).context["cl"].result_list]


@pytest.fixture(autouse=True)
def present(user: Any) -> None:
    for room, channel, who in [("a", "1", user), ("a", "2", user), ("a", "3", None), ("b_c.d-e", "4", None)]:
        Room.objects.add(room, channel, who)


def page_of(client: Client, channel: str) -> str:
    return client.get(f"{LIST}{Presence.objects.get(channel_name=channel).pk}/change/").content.decode()


def test_presences_show_who_they_are(admin_client: Client) -> None:
    page = admin_client.get(LIST).content.decode()
    assert "<bdi>ada</bdi>" in page
    assert "<bdi>anonymous</bdi>" in page


@pytest.mark.parametrize(("exclusive", "shown"), [("newest", "Yes"), (None, "No")])
def test_the_page_shows_whether_a_presence_is_exclusive(
    admin_client: Client, other_user: Any, exclusive: Any, shown: str
) -> None:
    Room.objects.add("a", "5", other_user, exclusive=exclusive)
    page = re.sub(r"\s+", " ", page_of(admin_client, "5"))
    assert f'<label>Exclusive:</label> <div class="readonly">{shown}</div>' in page


@pytest.mark.usefixtures("content_types_known")
def test_the_number_of_queries_does_not_depend_on_the_number_of_presences(
    admin_client: Client, django_user_model: Any, django_assert_num_queries: Any
) -> None:
    for many in (1, 20):
        for number in range(1, many):
            Room.objects.add("a", f"c{number}", django_user_model.objects.create_user(f"{number}"))
        with django_assert_num_queries(5):
            admin_client.get(LIST)
    key = Presence.objects.earliest("id").pk
    with django_assert_num_queries(4):
        admin_client.get(f"{LIST}{key}/change/")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["4", "3", "2", "1"]),
        ({"room": "a"}, ["3", "2", "1"]),
        ({"room": "nowhere"}, []),
        ({"user": "ada"}, ["2", "1"]),
        ({"user": "ada", "room": "b_c.d-e"}, []),
        ({"user": "nobody"}, []),
        ({"q": "4"}, ["4"]),
    ],
)
def test_filters(query: dict[str, str], found: list[str], admin_client: Client) -> None:
    assert channels(admin_client, **query) == found


def test_a_user_is_also_found_by_key(admin_client: Client, user: Any) -> None:
    assert channels(admin_client, user=user.pk) == ["2", "1"]


def test_lookups_that_no_filter_offers_are_refused(admin_client: Client) -> None:
    assert admin_client.get(LIST, {"channel_name__regex": "["}).status_code == 400


def test_a_presence_links_to_its_stay_its_room_and_its_part_of_the_timeline(admin_client: Client, user: Any) -> None:
    presence = Presence.objects.get(channel_name="1")
    for page in (page_of(admin_client, "1"), admin_client.get(LIST, {"room": "a"}).content.decode()):
        assert f"/admin/projections/presencesession/{presence.pk}/change/?room=a&amp;at=" in page
        assert "/admin/presence_events/presenceevent/?room=a" in page
        assert "/admin/projections/room/a/change/" in page
        assert f"/admin/projections/timeline/?user={user.pk}" in page
        assert f"stay={presence.pk}" in page


@pytest.fixture
def users_in_the_admin() -> Any:
    """A custom user model may have no pages in the admin."""
    model = get_user_model()
    added = not admin.site.is_registered(model)
    if added:
        admin.site.register(model, UserAdmin)
        _forget_urls()
    yield
    if added:
        admin.site.unregister(model)
        _forget_urls()


def _forget_urls() -> None:
    from importlib import reload

    from tests import urls

    reload(urls)
    clear_url_caches()
    set_urlconf(None)


@pytest.mark.usefixtures("users_in_the_admin")
def test_a_presence_links_to_its_user_with_permission_to_view_users(
    admin_client: Client, operator: Callable[..., Client], user: Any
) -> None:
    opts = type(user)._meta
    url = f"/admin/{opts.app_label}/{opts.model_name}/{user.pk}/change/"
    viewer = operator("projections.view_presence")
    users_too = operator("projections.view_presence", f"{opts.app_label}.view_{opts.model_name}")
    assert url in page_of(admin_client, "1")
    assert url in page_of(users_too, "1")
    assert url not in page_of(viewer, "1")
    assert f"/admin/{opts.app_label}/{opts.model_name}/" not in page_of(users_too, "3").split('id="content-main"')[1]
    # Deleted with SQL: Django's delete would record leaves for the connections.
    type(user).objects.filter(pk=user.pk)._raw_delete("default")
    assert url not in page_of(users_too, "1")


def test_a_presence_has_no_link_to_its_user_if_users_have_no_pages(
    admin_client: Client, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = admin.AdminSite()
    request: Any = admin_client.get(LIST).wsgi_request
    presences = PresenceAdmin(Presence, site)
    assert "User" not in [text for _, text in presences.object_links(request, Presence.objects.earliest("id"))]
