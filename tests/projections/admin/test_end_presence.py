"""Operators make connections leave."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.test import Client
from django.urls import reverse

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.admin import end_presence
from projections.admin.end_presence import leave_url
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db

LIST = "/admin/projections/presence/"
LEAVE = "/admin/projections/presence/leave/"
PERMISSIONS = ("projections.view_presence", "projections.end_presence")


@pytest.fixture(autouse=True)
def present(user: Any) -> None:
    for room, channel, who in [("a", "1", user), ("a", "2", None), ("b", "1", user)]:
        Room.objects.add(room, channel, who)


def number(room: str, channel: str) -> int:
    return Presence.objects.get(room=room, channel_name=channel).pk


def present_now() -> list[tuple[str, str]]:
    return list(Presence.objects.order_by("id").values_list("room_id", "channel_name"))


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def hidden(response: Any) -> dict[str, list[str]]:
    """The form that the confirmation page sends."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', response.content.decode()):
        fields.setdefault(name, []).append(value.replace("&amp;", "&"))
    return fields


def test_the_page_of_a_presence_links_to_the_confirmation(admin_client: Client) -> None:
    url = leave_url(number("a", "1"))
    page = admin_client.get(f"{LIST}{number('a', '1')}/change/").content.decode()
    assert f'<a href="{url}">Make this connection leave</a>' in page
    page = admin_client.get(url).content.decode()
    assert "<bdi>ada</bdi>" in page
    assert "/admin/projections/room/a/change/" in page
    assert "csrfmiddlewaretoken" in page
    assert len(present_now()) == 3


def test_a_leave_is_recorded_with_the_operator_and_the_reason(operator: Callable[..., Client]) -> None:
    client = operator(*PERMISSIONS)
    session = number("a", "1")
    response = client.post(LEAVE, {"session": session, "reason": "spam"}, follow=True)
    assert messages(response) == ["1 connection left."]
    assert present_now() == [("a", "2"), ("b", "1")]
    event = PresenceEvent.objects.latest("id")
    person: Any = response.context["user"]
    assert (event.kind, event.session) == ("leave", session)
    assert event.data == {"reason": "spam", "by": person.username, "by_user": str(person.pk)}


def test_the_reason_is_optional(admin_client: Client, admin_user: Any) -> None:
    admin_client.post(LEAVE, {"session": number("a", "1")})
    assert PresenceEvent.objects.latest("id").data == {"by": "admin", "by_user": str(admin_user.pk)}


def test_an_action_on_the_list_makes_several_leave_and_returns_to_the_filtered_list(admin_client: Client) -> None:
    selected = [number("a", "1"), number("a", "2")]
    data = {"action": "make_leave", "_selected_action": selected, "index": "0"}
    confirmation = admin_client.post(f"{LIST}?room=a", data)
    assert confirmation.status_code == 200
    assert len(present_now()) == 3
    sent = hidden(confirmation)
    assert sorted(sent["session"]) == sorted(map(str, selected))
    response = admin_client.post(LEAVE, {**sent, "reason": ""}, follow=True)
    assert response.redirect_chain == [(f"{LIST}?room=a", 302)]
    assert messages(response) == ["2 connections left."]
    assert present_now() == [("b", "1")]


@pytest.mark.django_db(transaction=True)
def test_groups_and_signals_follow(admin_client: Client, signals: list[dict[str, Any]]) -> None:
    session = number("a", "1")
    layer: Any = get_channel_layer()
    assert set(layer.groups["a"]) == {"1", "2"}
    admin_client.post(LEAVE, {"session": session})
    assert set(layer.groups["a"]) == {"2"}
    assert [(each["removed"].pk, each["room"].channel_name) for each in signals] == [(session, "a")]


def test_a_stay_that_has_ended_is_not_ended_again(admin_client: Client) -> None:
    gone, here = number("a", "1"), number("a", "2")
    Room.objects.remove("a", "1")
    Room.objects.add("a", "1")
    response = admin_client.post(LEAVE, {"session": [gone, here]}, follow=True)
    assert messages(response) == ["1 connection left. 1 had already left its room."]
    assert ("a", "1") in present_now()


def test_a_stay_that_ends_in_the_meantime_is_not_touched(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    session = number("a", "1")

    def late(drafts: Any, **kwargs: Any) -> Any:
        Room.objects.remove("a", "1")
        Room.objects.add("a", "1")
        return record(drafts, **kwargs)

    monkeypatch.setattr(end_presence, "record", late)
    response = admin_client.post(LEAVE, {"session": session}, follow=True)
    assert messages(response) == ["0 connections left. 1 had already left its room."]
    assert ("a", "1") in present_now()


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_any_present_connection_there_is_no_confirmation(method: str, admin_client: Client) -> None:
    gone = number("a", "1")
    Room.objects.remove("a", "1")
    response = getattr(admin_client, method)(LEAVE, {"session": gone}, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert messages(response) == ["0 connections left. 1 had already left its room."]


def test_if_all_selected_connections_have_left_there_is_no_confirmation(admin_client: Client) -> None:
    gone = number("a", "1")
    Room.objects.remove("a", "1")
    data = {"action": "make_leave", "_selected_action": gone, "index": "0"}
    response = admin_client.post(f"{LIST}?room=a", data, follow=True)
    assert response.redirect_chain == [(f"{LIST}?room=a", 302)]
    assert messages(response) == ["0 connections left. 1 had already left its room."]


def test_the_maximal_number_of_connections_can_leave(admin_client: Client) -> None:
    record([Draft("join", "a", f"c{each}") for each in range(end_presence.MAX_CONNECTIONS - 3)])
    response = admin_client.get(leave_url(*Presence.objects.values_list("pk", flat=True)))
    response = admin_client.post(LEAVE, {**hidden(response), "reason": "x"}, follow=True)
    assert messages(response) == [f"{end_presence.MAX_CONNECTIONS} connections left."]


@pytest.mark.usefixtures("unchanged")
def test_the_length_of_a_reason_is_limited(admin_client: Client) -> None:
    for reason in ("x" * 501, "\x00"):
        response = admin_client.post(LEAVE, {"session": number("a", "1"), "reason": reason, "filters": "room=a"})
        assert response.status_code == 200
        assert "errorlist" in response.content.decode()
        assert hidden(response)["filters"] == ["room=a"]


def test_a_long_reason_in_any_script_is_recorded(admin_client: Client) -> None:
    reason = "\U0001f600" * 500
    admin_client.post(LEAVE, {"session": number("a", "1"), "reason": reason})
    data: Any = PresenceEvent.objects.latest("id").data
    assert data["reason"] == reason


@pytest.mark.usefixtures("unchanged")
def test_both_permissions_are_needed(operator: Callable[..., Client]) -> None:
    session = number("a", "1")
    viewer = operator("projections.view_presence")
    blind = operator("projections.end_presence")
    for client in (viewer, blind):
        assert client.get(leave_url(session)).status_code == 403
        assert client.post(LEAVE, {"session": session}).status_code == 403
    assert "leave/" not in viewer.get(f"{LIST}{session}/change/").content.decode()
    page = viewer.get(LIST).content.decode()
    assert "make_leave" not in page
    assert 'name="_selected_action"' not in page
    viewer.post(LIST, {"action": "make_leave", "_selected_action": session, "index": "0"})
    assert blind.post(LIST, {"action": "make_leave", "_selected_action": session}).status_code == 403


@pytest.mark.usefixtures("unchanged")
def test_visitors_are_asked_to_log_in(client: Client) -> None:
    for response in (client.get(LEAVE), client.post(LEAVE, {"session": number("a", "1")})):
        assert response.status_code == 302
        assert "/login/" in response["Location"]


@pytest.mark.usefixtures("unchanged")
def test_a_forged_request_is_refused(admin_user: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    session = number("a", "1")
    assert client.post(LEAVE, {"session": session}).status_code == 403
    data = {"action": "make_leave", "_selected_action": session, "index": "0"}
    assert client.post(LIST, data).status_code == 403


@pytest.mark.usefixtures("unchanged")
def test_only_the_confirmation_makes_connections_leave(admin_client: Client) -> None:
    session = number("a", "1")
    admin_client.get(leave_url(session), {"reason": "x"})
    assert admin_client.head(leave_url(session)).status_code == 200
    for method in (admin_client.put, admin_client.patch, admin_client.delete):
        assert method(leave_url(session)).status_code == 405


@pytest.mark.parametrize("junk", ["\x00", "x", "", "--1", "0", "9" * 40, "1.5", "٣x"])
@pytest.mark.usefixtures("unchanged")
def test_an_invalid_session_is_a_bad_request(junk: str, admin_client: Client) -> None:
    assert admin_client.get(LEAVE, {"session": junk}).status_code == 400
    assert admin_client.post(LEAVE, {"session": junk}).status_code == 400
    data = {"action": "make_leave", "_selected_action": junk, "index": "0"}
    assert admin_client.post(LIST, data).status_code == 400


@pytest.mark.parametrize("filters", ["\x00", "nonsense=1&&", "=", "room=%00", "//example.org", "\r\nX: y"])
def test_invalid_filters_are_no_error(filters: str, admin_client: Client) -> None:
    question = {"session": number("a", "1"), "filters": filters}
    assert admin_client.get(LEAVE, question).status_code == 200
    response = admin_client.post(LEAVE, question)
    assert response.status_code == 302
    assert response["Location"].startswith(LIST)


def test_the_number_of_connections_is_limited(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_presence, "MAX_CONNECTIONS", 2)
    sessions = list(Presence.objects.values_list("pk", flat=True))
    expected = ["At most 2 connections can be made to leave at once. No connection left."]
    everywhere = {"action": "make_leave", "_selected_action": sessions[:1], "select_across": "1", "index": "0"}
    assert messages(admin_client.post(LIST, everywhere, follow=True)) == expected
    assert messages(admin_client.post(LEAVE, {"session": sessions}, follow=True)) == expected
    assert len(present_now()) == 3
    assert messages(admin_client.post(LEAVE, {"session": sessions[:2]}, follow=True)) == ["2 connections left."]


@pytest.mark.usefixtures("unchanged")
def test_there_is_no_link_that_selects_all_pages(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.admin.PresenceAdmin.list_per_page", 1)
    page = admin_client.get(LIST).content.decode()
    assert "make_leave" in page
    assert "delete_selected" not in page
    assert "Select all 3" not in page


@pytest.mark.usefixtures("unchanged")
def test_a_name_that_the_channel_layer_has_no_group_for_is_an_answer_not_an_error(
    admin_client: Client, settings: Any
) -> None:
    session = number("a", "1")

    class Strict:
        def require_valid_group_name(self, name: str) -> None:
            raise TypeError

        require_valid_channel_name = require_valid_group_name

    import presence_events.validation

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(presence_events.validation, "_layer", Strict)
        response = admin_client.post(LEAVE, {"session": session})
    shown = messages(admin_client.get(response["Location"]))
    assert "group" in shown[0]


def test_the_confirmation_makes_a_constant_number_of_queries(
    admin_client: Client, django_user_model: Any, django_assert_num_queries: Any
) -> None:
    for many in (1, 30):
        for each in range(1, many):
            Room.objects.add("a", f"c{each}", django_user_model.objects.create_user(f"{each}"))
        url = leave_url(*Presence.objects.values_list("pk", flat=True))
        with django_assert_num_queries(4):
            admin_client.get(url)


def test_an_empty_selection_is_reported(admin_client: Client) -> None:
    for ask in (admin_client.get, admin_client.post):
        page = ask(reverse("admin:projections_presence_leave"), follow=True).content.decode()
        assert "No connection was selected." in page
