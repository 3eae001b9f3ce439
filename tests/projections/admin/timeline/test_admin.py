"""The timeline's page, its data and its file, without a browser."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import override

from presence_events.models import PresenceEvent
from presence_events.seals.sealing import seal
from projections.admin.timeline import drawing, table
from projections.admin.timeline.admin import REGIONS_HEADER
from projections.models import PresenceSession, Room
from tests.backdating import Stay, write

pytestmark = pytest.mark.django_db

VIEWS = ["presence_timeline", "presence_timeline_data", "presence_timeline_csv"]
SPAN = {"from": "2026-03-02T08:00:00Z", "until": "2026-03-02T13:00:00Z"}


@pytest.fixture(autouse=True)
def _in_utc() -> Iterator[None]:
    with override(UTC):
        yield


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


def url(view: str = "presence_timeline") -> str:
    return reverse(f"admin:{view}")


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


@pytest.fixture
def past(user: Any, other_user: Any) -> None:
    write(
        Stay("lobby", "tab", user, at(9), at(10)),
        Stay("lobby", "phone", user, at(9, 30), at(11), "prune", last_seen=at(10, 59), reason={"why": "silent"}),
        Stay("lobby", "desk", other_user, at(9, 45), at(12)),
        Stay("lobby", "guest", None, at(9, 10), at(9, 20)),
        Stay("attic", "desk", other_user, at(11), None),
    )


@pytest.fixture
def staff(django_user_model: Any, client: Client) -> Any:
    someone = django_user_model.objects.create_user("staff", password="staff", is_staff=True)
    client.force_login(someone)
    return someone


# Permissions


@pytest.mark.parametrize("view", VIEWS)
def test_visitors_are_redirected_to_the_login(view: str, client: Client) -> None:
    response = client.get(url(view), {"room": "lobby"})
    assert response.status_code == 302
    assert "/login/" in response.headers["Location"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.usefixtures("staff")
def test_staff_needs_the_permission_to_view_sessions(view: str, client: Client) -> None:
    assert client.get(url(view), {"room": "lobby"}).status_code == 403


@pytest.mark.parametrize("view", VIEWS)
def test_the_permission_to_view_sessions_is_enough(view: str, client: Client, staff: Any) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="view_presencesession"))
    response = client.get(url(view), {"room": "lobby", **SPAN})
    assert response.status_code == 200
    assert "add/" not in text(client.get("/admin/"))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_reading_methods_are_allowed(method: str, view: str, admin_client: Client) -> None:
    assert getattr(admin_client, method)(url(view)).status_code == 405


def test_the_index_links_to_the_timeline(admin_client: Client, client: Client, staff: Any) -> None:
    assert f'href="{url()}"' in admin_client.get("/admin/").content.decode()
    assert url() not in client.get("/admin/").content.decode()


# Criteria


def test_without_criteria_it_offers_rooms(admin_client: Client, user: Any) -> None:
    Room.objects.add("lobby", "1", user)
    Room.objects.add("attic", "2")
    Room.objects.remove("attic", "2")
    response = admin_client.get(url())
    assert response.status_code == 200
    assert [room for room, _ in response.context["rooms"]] == [("lobby", 1, 1), ("attic", 0, 0)]
    assert f'href="{url()}?room=lobby"' in response.content.decode()


def test_without_rooms_it_states_that_there_are_none(admin_client: Client) -> None:
    assert "There are no rooms yet" in text(admin_client.get(url()))


@pytest.mark.parametrize(
    "query",
    [
        {"room": "lobby"},
        {"room": "lobby", "last": "hour"},
        {"room": "lobby", "from": "2026-03-02T09:00", "until": "2026-03-02T10:00", "username": "", "stay": ""},
        {"room": "lobby", "junk": "junk", **SPAN},
        {"username": "ada"},
    ],
)
@pytest.mark.usefixtures("past")
def test_every_address_redirects_to_its_canonical_form(query: dict[str, str], admin_client: Client) -> None:
    response = admin_client.get(url(), query)
    assert response.status_code == 302
    found = parse_qs(urlsplit(response.headers["Location"]).query)
    assert {"from", "until"} < set(found)
    assert all(found[name][0].endswith("Z") for name in ("from", "until"))
    assert admin_client.get(url() + response.headers["Location"]).status_code == 200


JUNK = [
    {"room": "x" * 256},
    {"room": "lobby\x00"},
    {"room": "x" * 1000},
    {"room": "lobby", "from": "yesterday"},
    {"room": "lobby", "from": "0001-01-01T00:00:00Z"},
    {"room": "lobby", "until": "9999-12-31T23:59:59-12:00"},
    {"room": "lobby", "from": SPAN["until"], "until": SPAN["from"]},
    {"room": "lobby", "from": "2999-01-01"},
    {"room": "lobby", "moment": "2035-01-01"},
    {"room": "lobby", "moment": "\x00"},
    {"room": "lobby", "last": "year"},
    {"room": "lobby", "stay": "-1"},
    {"room": "lobby", "stay": "9" * 30},
    {"user": "<script>"},
    {"user": "\x00"},
    {"username": "<script>alert(1)</script>"},
    {"username": "\x00"},
    {"username": "x" * 5000},
]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("query", JUNK, ids=lambda query: " ".join(query)[:30])
def test_invalid_criteria_are_refused_and_explained(query: dict[str, str], view: str, admin_client: Client) -> None:
    response = admin_client.get(url(view), query)
    assert response.status_code == 400
    content = response.content.decode()
    assert "<script>" not in content.replace("<script src=", "") or response.headers["Content-Type"].startswith(
        "text/plain"
    )
    assert len(text(response).strip()) > 10


@pytest.mark.parametrize("view", VIEWS[1:])
def test_without_criteria_there_is_no_data(view: str, admin_client: Client) -> None:
    response = admin_client.get(url(view))
    assert response.status_code == 400
    assert "Choose a room or a user." in response.content.decode()


@pytest.mark.parametrize("page", ["0", "-3", "x", "99999999999999999999", "\x00"])
@pytest.mark.usefixtures("past")
def test_an_invalid_page_number_gives_the_nearest_page(page: str, admin_client: Client) -> None:
    response = admin_client.get(url(), {"room": "lobby", **SPAN, "page": page})
    assert response.status_code == 200
    assert response.context["page"].number == 1


# Content


@pytest.mark.usefixtures("past")
def test_the_table_has_one_row_for_each_stay(admin_client: Client) -> None:
    response = admin_client.get(url(), {"room": "lobby", **SPAN})
    rows = response.context["rows"]
    assert [(row.stay.channel_name, row.person.name, row.duration) for row in rows] == [
        ("tab", "ada", "1:00:00"),
        ("guest", "anonymous", "0:10:00"),
        ("phone", "ada", "1:30:00"),
        ("desk", "grace", "2:15:00"),
    ]
    content = text(response)
    assert "between 2026-03-02 10:59:00 (last seen) and 2026-03-02 11:00:00 (pruned)" in content
    assert "2026-03-02 10:00:00, left" in content
    assert "(UTC)" in content


@pytest.mark.usefixtures("past")
def test_times_are_in_the_current_time_zone(admin_client: Client) -> None:
    with override(ZoneInfo("Asia/Kolkata")):
        response = admin_client.get(url(), {"room": "lobby", **SPAN})
    content = text(response)
    assert "2026-03-02 13:30:00 to 2026-03-02 18:30:00 (Asia/Kolkata)" in content
    assert "Times are in Asia/Kolkata" in content
    assert 'data-time-zone="Asia/Kolkata"' in response.content.decode()


@pytest.mark.usefixtures("past")
def test_it_lists_who_was_present_at_the_moment(admin_client: Client) -> None:
    response = admin_client.get(url(), {"room": "lobby", **SPAN, "moment": "2026-03-02T09:50:00Z"})
    here = [(one.person.name, len(one.stays)) for one, _, _ in response.context["listed"]]
    assert here == [("ada", 2), ("grace", 1)]
    assert "At 2026-03-02 09:50:00 (UTC): 3 connections, 2 users." in text(response)


@pytest.mark.usefixtures("past")
def test_the_default_moment_is_the_end_of_the_span(admin_client: Client) -> None:
    response = admin_client.get(url(), {"room": "attic", **SPAN})
    assert response.context["moment"] == at(13)
    assert [one.person.name for one, _, _ in response.context["listed"]] == ["grace"]
    assert "No connections." in text(admin_client.get(url(), {"room": "lobby", **SPAN}))


@pytest.mark.usefixtures("past")
def test_the_selected_stay_is_shown_in_detail(admin_client: Client) -> None:
    phone = PresenceSession.objects.get(channel_name="phone")
    response = admin_client.get(url(), {"room": "lobby", **SPAN, "stay": str(phone.session)})
    details = response.context["details"]
    assert [event.kind for event, _ in details.events] == ["join", "touch", "prune"]
    content = text(response)
    assert f"Stay {phone.session}" in content
    assert "silent" in content
    for _, link in details.links:
        assert admin_client.get(link, follow=True).status_code == 200, link


@pytest.mark.usefixtures("past")
def test_a_stay_that_goes_on_leads_to_its_presence(admin_client: Client) -> None:
    desk = PresenceSession.objects.get(channel_name="desk", room="attic")
    response = admin_client.get(url(), {"room": "attic", **SPAN, "stay": str(desk.session)})
    links = dict(response.context["details"].links)
    assert links["Presence"] == reverse("admin:projections_presence_change", args=[desk.session])
    assert admin_client.get(links["Presence"]).status_code == 200
    assert "still present" in text(response)


def test_an_open_stay_is_shown_in_detail_without_time_zones(admin_client: Client, user: Any, settings: Any) -> None:
    Room.objects.add("lobby", "tab", user)
    settings.USE_TZ = False
    number = PresenceSession.objects.get().session
    for query in ({"room": "lobby"}, {"user": str(user.pk)}):
        response = admin_client.get(url(), {**query, "last": "hour", "stay": str(number)}, follow=True)
        assert "still present" in text(response)
        assert response.context["present"].connections == 1
        data = admin_client.get(url("presence_timeline_data"), {**query, "last": "hour"}).json()
        assert data["from"] < data["stays"][0][3] <= data["now"] + 1_000_000


@pytest.mark.usefixtures("past")
def test_events_need_the_permission_to_view_the_log(operator: Callable[..., Client]) -> None:
    number = PresenceSession.objects.get(channel_name="phone").session
    asked = {"room": "lobby", **SPAN, "stay": str(number)}
    without = operator("projections.view_presencesession").get(url(), asked)
    assert "Events of the stay" not in text(without)
    assert "Events of the room" not in text(without)
    assert f"Stay {number}" in text(without)
    with_them = operator("projections.view_presencesession", "presence_events.view_presenceevent").get(url(), asked)
    assert "Events of the stay" in text(with_them)


def test_offered_rooms_need_the_permissions_to_view_rooms_and_presences(operator: Callable[..., Client]) -> None:
    Room.objects.add("lobby", "tab")
    few = ["projections.view_presencesession", "projections.view_room"]
    assert "lobby" not in text(operator(*few).get(url()))
    assert "lobby" in text(operator(*few, "projections.view_presence").get(url()))


@pytest.mark.usefixtures("past")
def test_a_user_in_a_room_is_named_with_the_room(admin_client: Client, user: Any) -> None:
    asked = {"room": "lobby", "user": str(user.pk), **SPAN, "moment": "2026-03-02T09:50:00Z"}
    response = admin_client.get(url(), asked)
    assert "ada · lobby | Timeline" in text(response)
    assert "Where this person was" in text(response)
    assert "Who was there" not in text(response)
    name = admin_client.get(response.context["csv_url"]).headers["Content-Disposition"]
    assert f"stays-lobby-{user.pk}-2026" in name


@pytest.mark.usefixtures("past")
def test_if_only_the_moment_changed_other_regions_are_omitted(admin_client: Client, user: Any) -> None:
    asked = {"user": str(user.pk), **SPAN, "moment": "2026-03-02T09:50:00Z"}
    with CaptureQueriesContext(connection) as queries:
        response = admin_client.get(url(), asked, headers={REGIONS_HEADER: "moment"})
    found = set(re.findall('data-region="([a-z]+)"', response.content.decode()))
    assert found == {"criteria", "controls", "moment"}
    assert len(queries) <= 8


@pytest.mark.usefixtures("past")
def test_a_stay_outside_of_the_span_is_not_shown(admin_client: Client) -> None:
    assert "This span has no stay with this number." in text(
        admin_client.get(url(), {"room": "lobby", **SPAN, "stay": "424242"})
    )


@pytest.mark.usefixtures("past")
def test_a_users_timeline_goes_across_rooms(admin_client: Client, other_user: Any) -> None:
    response = admin_client.get(url(), {"user": str(other_user.pk), **SPAN, "moment": "2026-03-02T11:30:00Z"})
    assert [row.stay.room for row in response.context["rows"]] == ["lobby", "attic"]
    assert [one.stays[0].room for one, _, _ in response.context["listed"]] == ["lobby", "attic"]
    companions = [(who.name, together) for who, _, together in response.context["company"]["companions"]]
    assert companions == [("ada", "1:15:00")]
    assert 'value="grace"' in response.content.decode()


@pytest.mark.usefixtures("past")
def test_the_timeline_of_a_deleted_user_is_shown(admin_client: Client, user: Any) -> None:
    key = user.pk
    user.delete()
    response = admin_client.get(url(), {"user": str(key), **SPAN})
    assert f"deleted user {key}" in text(response)
    assert f'value="{key}"' in response.content.decode()
    in_room = admin_client.get(url(), {"room": "lobby", **SPAN})
    assert (
        in_room.context["rows"][0].person_url
        == f"{url()}?user={key}&from=2026-03-02T08%3A00%3A00Z&until=2026-03-02T13%3A00%3A00Z"
    )


@pytest.mark.usefixtures("past")
def test_the_form_contains_the_user_of_the_page(admin_client: Client, user: Any, django_user_model: Any) -> None:
    """The key of the deleted user is the name of another user."""
    key = user.pk
    user.delete()
    django_user_model.objects.create_user(str(key))
    page = admin_client.get(url(), {"user": str(key), **SPAN}).content.decode()
    form = page[page.index('data-region="criteria"') :]
    inputs = re.findall(r"<input [^>]*>", form[: form.index("</form>")])
    fields = [dict(re.findall(r'([a-z]+)="([^"]*)"', each)) for each in inputs]
    submitted = {field["name"]: field.get("value", "") for field in fields if "name" in field}
    assert submitted["username"] == str(key)
    response = admin_client.get(url(), submitted, follow=True)
    assert response.context["criteria"].user == key
    assert response.context["criteria"].start == at(8)


@pytest.mark.parametrize("room", ["nowhere", "Lobby", " lobby"])
def test_a_room_that_nobody_ever_joined_is_said_to_be_unknown(
    admin_client: Client, past: None, user: Any, room: str
) -> None:
    content = text(admin_client.get(url(), {"room": room, **SPAN}))
    assert "The log has no matching stay at any time. The name of a room has to be exact." in content
    assert "There were no stays in this span." not in content


def test_an_unknown_key_of_a_user_is_said_to_be_unknown(admin_client: Client, past: None, user: Any) -> None:
    user.delete()
    other = type(user).objects.create_user("newcomer")
    content = text(admin_client.get(url(), {"user": str(other.pk), **SPAN}))
    assert "The log has no matching stay at any time." in content
    assert "The name of a room" not in content


def test_an_empty_span_states_that_it_is_empty(admin_client: Client, user: Any) -> None:
    write(Stay("hall", "c", user, at(2), at(3)))
    assert "There were no stays in this span." in text(admin_client.get(url(), {"room": "hall", **SPAN}))
    content = text(admin_client.get(url(), {"user": str(user.pk), **SPAN}))
    assert "No other user was in the same room at the same time." in content


@pytest.mark.usefixtures("past")
def test_more_stays_than_can_be_drawn_are_neither_listed_nor_downloaded(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "MAX_DRAWN_STAYS", 2)
    monkeypatch.setattr(drawing, "MAX_DRAWN_STAYS", 2)
    response = admin_client.get(url(), {"room": "lobby", **SPAN})
    assert response.context["rows"] == []
    assert "Choose a shorter span" in text(response)
    assert admin_client.get(url("presence_timeline_csv"), {"room": "lobby", **SPAN}).status_code == 400
    data = admin_client.get(url("presence_timeline_data"), {"room": "lobby", **SPAN}).json()
    assert (data["complete"], data["stays"], len(data["counts"])) == (False, [], 240)


@pytest.mark.usefixtures("past")
def test_pages_of_the_table_link_to_each_other(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "PER_PAGE", 3)
    response = admin_client.get(url(), {"room": "lobby", **SPAN})
    assert "1 to 3 of 4." in text(response)
    ((_, _), (number, query)) = response.context["pages"]
    assert number == 2
    assert "4 to 4 of 4." in text(admin_client.get(f"{url()}?{query}"))


@pytest.mark.usefixtures("past")
def test_all_links_can_be_opened(admin_client: Client, other_user: Any) -> None:
    for query in ({"room": "lobby", "moment": "2026-03-02T09:15:00Z"}, {"user": str(other_user.pk)}):
        page = admin_client.get(url(), {**query, **SPAN}).content.decode()
        content = page[page.index('id="content-main"') :]
        links = {link.replace("&amp;", "&") for link in re.findall(r'href="([^"#]+)"', content)}
        assert len(links) > 10
        for link in links:
            target = url() + link if link.startswith("?") else link
            assert admin_client.get(target, follow=True).status_code == 200, link


@pytest.mark.usefixtures("past")
def test_the_number_of_queries_does_not_depend_on_what_is_shown(admin_client: Client, user: Any) -> None:
    def used(query: dict[str, str]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(url(), {**query, **SPAN}).status_code == 200
        return len(queries)

    number = str(PresenceSession.objects.get(channel_name="phone").session)

    def used_for_all() -> list[int]:
        queries = [{"room": "lobby", "moment": "2026-03-02T09:50:00Z"}, {"user": str(user.pk)}]
        return [used(query) for query in queries] + [used({**query, "stay": number}) - 16 for query in queries]

    few = used_for_all()
    for more in range(30):
        write(Stay("lobby", f"many-{more}", user if more % 2 else None, at(9), at(10)))
    assert used_for_all() == few
    assert max(few) <= 18


# The data and the file


@pytest.mark.usefixtures("past")
def test_the_data_contains_the_drawing(admin_client: Client, user: Any) -> None:
    data = admin_client.get(url("presence_timeline_data"), {"room": "lobby", **SPAN}).json()
    assert (data["from"], data["until"]) == (1772438400000000, 1772456400000000)
    assert (data["complete"], data["by"], data["counts"], data["max_age"]) == (True, "person", [], 60)
    assert [(lane["name"], lane["kind"]) for lane in data["lanes"]] == [
        ("ada", "user"),
        ("anonymous", "anonymous"),
        ("grace", "user"),
    ]
    assert data["lanes"][1]["url"] is None
    assert admin_client.get(data["lanes"][0]["url"]).context["criteria"].user == user.pk
    number = PresenceSession.objects.get(channel_name="phone").session
    hour = 3_600_000_000
    assert data["stays"][2] == [
        number, 0, "phone", data["from"] + hour * 3 // 2, data["from"] + 3 * hour,
        data["from"] + 3 * hour - hour // 60, "prune", "lobby", '{"why": "silent"}',
    ]  # fmt: skip


@pytest.mark.usefixtures("past")
def test_the_data_of_a_user_has_one_lane_for_each_room(admin_client: Client, other_user: Any) -> None:
    data = admin_client.get(url("presence_timeline_data"), {"user": str(other_user.pk), **SPAN}).json()
    assert data["by"] == "room"
    assert [lane["name"] for lane in data["lanes"]] == ["lobby", "attic"]
    assert admin_client.get(data["lanes"][1]["url"]).context["criteria"].room == "attic"
    assert data["stays"][1][4] is None
    assert abs(data["now"] / 1e6 - datetime.now(UTC).timestamp()) < timedelta(minutes=1).total_seconds()


@pytest.mark.usefixtures("past")
def test_the_file_contains_the_shown_stays(admin_client: Client) -> None:
    page = admin_client.get(url(), {"room": "lobby", **SPAN, "moment": "2026-03-02T09:50:00Z"})
    response = admin_client.get(page.context["csv_url"])
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="stays-lobby-2026-03-02T080000Z.csv"'
    lines = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [line["channel_name"] for line in lines] == [row.stay.channel_name for row in page.context["rows"]]


HOSTILE = ["<img src=x onerror=alert(1)>", "\u202egnp.exe", '"><script>alert(1)</script>', "x" * 150, "{{ 7|add:7 }}"]


@pytest.mark.parametrize("name", HOSTILE, ids=["markup", "rtl", "script", "long", "template"])
@pytest.mark.usefixtures("past")
def test_hostile_names_are_only_shown(name: str, admin_client: Client, user: Any) -> None:
    type(user).objects.filter(pk=user.pk).update(**{user.USERNAME_FIELD: name})
    for query in ({"room": "lobby", "moment": "2026-03-02T09:50:00Z"}, {"user": str(user.pk)}):
        page = admin_client.get(url(), {**query, **SPAN}).content.decode()
        assert "<img src=x" not in page
        assert "<script>alert" not in page
        assert "<bdi>" in page
    data = admin_client.get(url("presence_timeline_data"), {"room": "lobby", **SPAN}).json()
    assert data["lanes"][0]["name"] == name


# Seals


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("past")
def test_the_head_states_up_to_when_the_log_is_sealed(admin_client: Client) -> None:
    assert "sealed" not in text(admin_client.get(url(), {"room": "lobby", **SPAN}))
    seal("default")
    assert "All events of this span are sealed." in text(admin_client.get(url(), {"room": "lobby", **SPAN}))
    last = PresenceEvent.objects.latest("id").at
    Room.objects.add("lobby", "later")
    assert "All events of this span are sealed." in text(admin_client.get(url(), {"room": "lobby", **SPAN}))
    until_now = {"room": "lobby", "last": "hour"}
    shown = f"The log is sealed up to {last:%Y-%m-%d %H:%M:%S} (UTC)."
    assert shown in text(admin_client.get(url(), until_now, follow=True))
    german = text(admin_client.get(url(), until_now, follow=True, headers={"accept-language": "de"}))
    assert f"Das Protokoll ist bis {last:%Y-%m-%d %H:%M:%S} (UTC) versiegelt." in german
