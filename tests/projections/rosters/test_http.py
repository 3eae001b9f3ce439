"""The roster of a room for one HTTP request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404, HttpRequest
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from projections.models import Room
from projections.rosters import Member, reading
from projections.rosters.http import RosterView
from tests.projections.rosters.pages import Names

pytestmark = pytest.mark.django_db(transaction=True)


class Hiding(Names):
    def view(self, scope: Any) -> Any:
        assert scope["type"] == "http"
        return scope["user"].pk

    def show(self, member: Member, view: Any) -> dict[str, Any] | None:
        return None if member.user_id == view else super().show(member, view)


class Open(RosterView):
    roster = Names(grace=0)

    def may_see(self, request: HttpRequest, room: str) -> bool:
        return room != "secret"


def get(view: type[RosterView], room: str = "lobby", user: Any = None, etag: str = "", **query: str) -> Any:
    request = RequestFactory().get("/", query, headers={"If-None-Match": etag} if etag else {})
    request.user = user
    return view.as_view()(request, room=room)


def people(response: Any) -> list[str]:
    return [member["info"]["name"] for member in json.loads(response.content)["members"]]


@pytest.mark.parametrize(("view", "room"), [(RosterView, "lobby"), (Open, "secret")])
def test_all_requests_are_refused_unless_the_project_allows_them(view: type[RosterView], room: str) -> None:
    with pytest.raises(PermissionDenied):
        get(view, room)


def test_it_shows_the_people_of_a_room(user: Any, other_user: Any) -> None:
    Room.objects.add("lobby", "1", user)
    with CaptureQueriesContext(connection) as of_one:
        get(Open)
    Room.objects.add("lobby", "2", other_user)
    with CaptureQueriesContext(connection) as of_two:
        response = get(Open)
    assert len(of_one) == len(of_two)
    assert people(response) == [user.get_username(), other_user.get_username()]
    assert (response["Cache-Control"], response["Vary"]) == ("private, no-cache", "Cookie")
    assert people(get(Open, "unknown")) == []


def test_what_is_the_same_is_not_sent_again(user: Any, other_user: Any) -> None:
    Room.objects.add("lobby", "1", user)
    first = get(Open)
    again = get(Open, etag=first["ETag"])
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert get(Open, etag=f"W/{first['ETag']}").status_code == 304  # as what compresses responses makes it
    Room.objects.add("lobby", "2", other_user)
    changed = get(Open, etag=first["ETag"])
    assert (changed.status_code, people(changed)) == (200, [user.get_username(), other_user.get_username()])


def test_with_a_mark_it_shows_what_has_changed(
    user: Any, django_user_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Room.objects.add("lobby", "1", user)
    for number in range(5):
        Room.objects.add("lobby", f"other-{number}", django_user_model.objects.create_user(f"other {number}"))
    mark = json.loads(get(Open).content)["mark"]
    Room.objects.remove("lobby", "1")
    diff = json.loads(get(Open, since=mark).content)
    assert (diff["type"], diff["before"], diff["left"]) == ("presence.diff", mark, [str(user.pk)])
    assert json.loads(get(Open, since="nonsense").content)["type"] == "presence.snapshot"
    monkeypatch.setattr(reading, "MAX_RANGE", 0)
    assert json.loads(get(Open, since=mark).content)["type"] == "presence.snapshot"


def test_a_viewer_sees_what_the_roster_shows(user: Any, other_user: Any) -> None:
    class Hidden(Open):
        roster = Hiding()

    Room.objects.add("lobby", "1", user)
    Room.objects.add("lobby", "2", other_user)
    assert people(get(Hidden, user=user)) == [other_user.get_username()]


def test_without_a_roster_it_shows_the_keys_of_users(user: Any) -> None:
    class Plain(Open):
        roster = None

    Room.objects.add("lobby", "1", user)
    (member,) = json.loads(get(Plain).content)["members"]
    assert (member["id"], "info" in member) == (str(user.pk), False)


def test_a_name_that_no_room_can_have_is_not_found() -> None:
    with pytest.raises(Http404):
        get(Open, "no room")


def test_other_methods_are_refused() -> None:
    assert Open.as_view()(RequestFactory().post("/"), room="lobby").status_code == 405
