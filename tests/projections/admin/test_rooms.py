"""Rooms in the admin."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from projections.admin import rooms
from projections.models import Presence, Room
from projections.templatetags.presence_times import timestamp
from tests.time import age_presences

pytestmark = pytest.mark.django_db

LIST = "/admin/projections/room/"


@pytest.fixture
def present(user: Any) -> None:
    for room, channel, who in [("a", "1", user), ("a", "2", user), ("a", "3", None), ("b_c.d-e", "4", None)]:
        Room.objects.add(room, channel, who)


def shown(client: Client, room: str) -> list[tuple[str, str]]:
    """The people and their numbers of connections on the page of the room."""
    page = client.get(f"{LIST}{room}/change/").content.decode()
    return re.findall(r'<th scope="row">.*?<bdi>(.*?)</bdi>.*?</th>\s*<td><a [^>]*>(\d+)</a></td>', page)


@pytest.mark.usefixtures("present")
def test_rooms_show_their_people_and_connections(admin_client: Client) -> None:
    response = admin_client.get(LIST)
    found = {room.channel_name: (room.people, room.connections) for room in response.context["cl"].result_list}
    assert found == {"a": (1, 3), "b_c.d-e": (0, 1)}


@pytest.mark.usefixtures("present")
def test_a_room_links_to_its_presences_and_its_events(admin_client: Client) -> None:
    page = admin_client.get(LIST).content.decode()
    assert "/admin/projections/presence/?room=b_c.d-e" in page
    assert "/admin/projections/presencesession/?room=b_c.d-e" in page
    assert "/admin/presence_events/presenceevent/?room=a" in page
    assert "/admin/projections/timeline/?room=a" in page
    response = admin_client.get("/admin/projections/presence/?room=b_c.d-e")
    assert [presence.channel_name for presence in response.context["cl"].result_list] == ["4"]


@pytest.mark.usefixtures("present")
def test_rooms_are_found_by_a_part_of_their_name(admin_client: Client) -> None:
    response = admin_client.get(LIST, {"q": "c.d"})
    assert [room.channel_name for room in response.context["cl"].result_list] == ["b_c.d-e"]


def test_lookups_that_no_filter_offers_are_refused(admin_client: Client) -> None:
    assert admin_client.get(LIST, {"channel_name__regex": "["}).status_code == 400


def test_the_page_of_a_room_lists_each_person_once(admin_client: Client, user: Any, other_user: Any) -> None:
    for channel, who in [("1", user), ("2", None), ("3", other_user), ("4", user), ("5", None)]:
        Room.objects.add("a", channel, who)
    Room.objects.add("b", "1", other_user)
    assert shown(admin_client, "a") == [("ada", "2"), ("grace", "1"), ("anonymous", "1"), ("anonymous", "1")]
    assert admin_client.get(f"{LIST}a/change/").content.decode().count("All presences") == 0


def test_a_person_is_present_since_their_first_join_and_last_seen_in_any_connection(
    admin_client: Client, user: Any
) -> None:
    Room.objects.add("a", "1", user)
    Room.objects.add("a", "2", user)
    age_presences("1", seconds=3600)
    first, second = Presence.objects.order_by("id")
    page = admin_client.get(f"{LIST}a/change/").content.decode()
    for time in (first.joined_at, second.last_seen):
        assert f'<td class="time">{timestamp(time)}</td>' in page


def test_a_deleted_user_is_listed_with_a_link_to_their_connections(admin_client: Client, user: Any) -> None:
    Room.objects.add("a", "1", user)
    key = user.pk
    # Deleted with SQL: Django's delete would record leaves for the connections.
    type(user).objects.filter(pk=key)._raw_delete("default")
    assert shown(admin_client, "a") == [(f"deleted user {key}", "1")]
    page = admin_client.get(f"{LIST}a/change/").content.decode()
    assert f"/admin/projections/presence/?room=a&amp;user={key}" in page


def test_the_page_of_an_empty_room_states_that_it_is_empty(admin_client: Client) -> None:
    Room.objects.add("a", "1")
    Room.objects.remove("a", "1")
    assert "No connections." in admin_client.get(f"{LIST}a/change/").content.decode()


def test_a_full_room_lists_the_first_people_and_links_to_all_presences(
    admin_client: Client, user: Any, other_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "MAX_OCCUPANTS", 3)
    for channel, who in [("1", user), ("2", None), ("3", other_user)]:
        Room.objects.add("a", channel, who)
    assert "All presences" not in admin_client.get(f"{LIST}a/change/").content.decode()
    Room.objects.add("a", "4")
    assert shown(admin_client, "a") == [("ada", "1"), ("grace", "1"), ("anonymous", "1")]
    page = admin_client.get(f"{LIST}a/change/").content.decode()
    assert "Only the first 3 are listed." in page
    assert '<a href="/admin/projections/presence/?room=a">All presences</a>' in page
    monkeypatch.setattr(rooms, "MAX_OCCUPANTS", 1)
    assert shown(admin_client, "a") == [("ada", "1")]


def test_without_permission_to_view_presences_people_are_not_listed(operator: Callable[..., Client], user: Any) -> None:
    Room.objects.add("a", "1", user)
    assert shown(operator("projections.view_room"), "a") == []
    assert shown(operator("projections.view_room", "projections.view_presence"), "a") == [("ada", "1")]


@pytest.mark.usefixtures("content_types_known")
def test_the_page_of_a_room_makes_a_constant_number_of_queries(
    admin_client: Client, django_user_model: Any, django_assert_num_queries: Any
) -> None:
    Room.objects.add("a", "0", django_user_model.objects.create_user("somebody"))
    Room.objects.add("a", "00")
    for many in (1, 20):
        for number in range(1, many):
            Room.objects.add("a", f"{number}", django_user_model.objects.create_user(f"{number}"))
            Room.objects.add(f"room{number}", f"{number}")
        with django_assert_num_queries(6):
            admin_client.get(f"{LIST}a/change/")
        with django_assert_num_queries(4):
            admin_client.get(LIST)


def test_a_pruned_room_redirects_to_its_stays(admin_client: Client) -> None:
    Room.objects.add("a", "1")
    Room.objects.remove("a", "1")
    Room.objects.prune_rooms()
    response = admin_client.get(f"{LIST}a/change/", follow=True)
    assert response.redirect_chain == [("/admin/projections/presencesession/?room=a&last=week", 302)]
    assert "Room “a” does not exist now." in response.content.decode()
    assert [stay.channel_name for stay in response.context["cl"].result_list] == ["1"]


def test_a_pruned_room_redirects_to_the_index_without_permission_to_view_stays(
    operator: Callable[..., Client],
) -> None:
    response = operator("projections.view_room").get(f"{LIST}a/change/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_rooms_whose_name_no_address_can_hold_link_to_their_stays(admin_client: Client) -> None:
    Room.objects.add("..", "1")
    assert '<a href="/admin/projections/presencesession/?room=..">..</a>' in admin_client.get(LIST).content.decode()
