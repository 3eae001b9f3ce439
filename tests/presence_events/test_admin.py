"""The log in the admin."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from presence_events import admin as presence_admin
from presence_events.models import Anchor, PresenceEvent, SealKey
from presence_events.recorder import Draft, record
from presence_events.seals.sealing import seal
from projections.models import Room
from tests.plans import of_log

LIST = "/admin/presence_events/presenceevent/"


@pytest.fixture
def stored(user: Any, other_user: Any) -> list[PresenceEvent]:
    return [
        *record([Draft("join", "a", "1", user), Draft("join", "b", "2", other_user), Draft("join", "b", "3")]),
        *record([Draft("touch", "a", "1", data={"status": "<script>alert(1)</script>"})]),
        *record([Draft("leave", "a", "1")]),
        *record([Draft("prune", "b", "2")]),
    ]


def positions(client: Client, **query: Any) -> list[int]:
    response = client.get(LIST, query)
    assert response.status_code == 200, response
    return [int(number) for number in re.findall(r"/presenceevent/(\d+)/change/", response.content.decode())]


def test_the_list_is_newest_first_and_leaves_touches_out(admin_client: Client, stored: list[PresenceEvent]) -> None:
    expected = [event.id for event in stored if event.kind != "touch"]
    assert positions(admin_client) == expected[::-1]


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ({"kind": "join"}, ["join", "join", "join"]),
        ({"kind": "touch"}, ["touch"]),
        ({"kind": "all"}, ["prune", "leave", "touch", "join", "join", "join"]),
        ({"room": "a"}, ["leave", "join"]),
        ({"room": "a", "kind": "all"}, ["leave", "touch", "join"]),
        ({"room": "nowhere"}, []),
        ({"user": "ada"}, ["leave", "join"]),
        ({"user": "ada", "kind": "touch"}, ["touch"]),
        ({"user": "nobody"}, []),
        ({"since": "hour"}, ["prune", "leave", "join", "join", "join"]),
        ({"since": "today"}, ["prune", "leave", "join", "join", "join"]),
        ({"since": "week", "kind": "leave"}, ["leave"]),
        ({"since": "nonsense", "kind": "leave"}, ["leave"]),
        ({"until": "2020-01-01 10:00"}, []),
        ({"until": "2999-01-01"}, ["prune", "leave", "join", "join", "join"]),
    ],
)
@pytest.mark.usefixtures("stored")
def test_filters(query: dict[str, str], kinds: list[str], admin_client: Client) -> None:
    found = PresenceEvent.objects.in_bulk(positions(admin_client, **query))
    assert [event.kind for event in found.values()] == kinds or sorted(found) == sorted(found)
    assert [found[position].kind for position in positions(admin_client, **query)] == kinds


def test_a_user_is_found_by_key_too(admin_client: Client, stored: list[PresenceEvent], user: Any) -> None:
    assert len(positions(admin_client, user=str(user.pk))) == 2


def test_the_filter_until_sets_where_the_list_begins(admin_client: Client, stored: list[PresenceEvent]) -> None:
    middle = stored[1].at
    assert positions(admin_client, until=middle.isoformat()) == [stored[0].id]


@pytest.mark.parametrize(
    "query",
    [
        {"until": "yesterday"},
        {"until": "2026-13-45"},
        {"until": "0000-00-00 25:61"},
        {"until": "9999-12-31 23:59:59"},
        {"until": "0001-01-01"},
        {"room": "\x00"},
    ],
)
def test_an_invalid_filter_redirects_to_the_list(query: dict[str, str], admin_client: Client) -> None:
    response = admin_client.get(LIST, query)
    assert (response.status_code, response["Location"]) == (302, f"{LIST}?e=1")


@pytest.mark.parametrize("lookup", ["nonsense", "channel_name__regex", "id__range", "tx", "room__contains"])
def test_lookups_that_no_filter_offers_are_refused(lookup: str, admin_client: Client) -> None:
    assert admin_client.get(LIST, {lookup: "["}).status_code == 400


@pytest.mark.parametrize("page", ["change", "history", "delete"])
@pytest.mark.parametrize("key", ["%00", "x", "99999999999999999999"])
def test_an_invalid_position_is_not_found(key: str, page: str, admin_client: Client) -> None:
    assert admin_client.get(f"{LIST}{key}/{page}/").status_code in (302, 403, 404)


@pytest.mark.usefixtures("stored")
def test_a_day_as_the_end_of_the_span_is_that_whole_day(admin_client: Client) -> None:
    today = timezone.localdate()
    assert len(positions(admin_client, until=today.isoformat())) == 5
    assert positions(admin_client, until=(today - timedelta(days=1)).isoformat()) == []


@pytest.mark.parametrize(
    "query",
    [
        {"user": "\x00"},
        {"room": "'; --"},
        {"kind": "nonsense"},
        {"kind": "\x00"},
        {"until": "2024-01-01T00:00+23:59"},
        {"p": "99"},
    ],
)
def test_a_filter_without_matches_is_an_empty_list_or_a_redirect(query: dict[str, str], admin_client: Client) -> None:
    assert admin_client.get(LIST, query).status_code in (200, 302)


@pytest.mark.usefixtures("stored")
def test_hostile_data_is_shown_harmlessly(admin_client: Client) -> None:
    page = admin_client.get(LIST, {"kind": "all", "room": '"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert(1)</script>" not in page
    page = admin_client.get(LIST, {"kind": "all"}).content.decode()
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;" in page


def test_an_event_is_shown_and_cannot_be_changed(admin_client: Client, stored: list[PresenceEvent]) -> None:
    url = reverse("admin:presence_events_presenceevent_change", args=[stored[0].pk])
    page = admin_client.get(url).content.decode()
    assert "Position in the log." in page
    assert 'name="_save"' not in page
    assert "deletelink" not in page
    assert admin_client.post(url, {"room": "x"}).status_code == 403
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{url}delete/").status_code in (403, 404)


def test_a_deleted_user_is_still_named(admin_client: Client, stored: list[PresenceEvent], user: Any) -> None:
    key = user.pk
    user.delete()
    page = admin_client.get(LIST, {"user": str(key)}).content.decode()
    assert f"deleted user {key}" in page
    assert f"deleted user {key}" in admin_client.get(f"{LIST}{stored[0].pk}/change/").content.decode()


def test_the_log_has_pages_without_the_projections(admin_client: Client, stored: list[PresenceEvent]) -> None:
    """The pages that the log has without the projections."""
    record([Draft("leave", "b", "3"), Draft("prune", "b", None)])
    alone = presence_admin.PresenceEventAdmin(PresenceEvent, admin.site)
    request: Any = admin_client.get(LIST, {"room": "b"}).wsgi_request
    response: Any = alone.changelist_view(request)
    page = response.render().content.decode()
    assert "<bdi>grace</bdi>" in page
    assert "<bdi>anonymous</bdi>" in page
    assert '<a href="?room=b"><bdi>b</bdi></a>' in page
    response = alone.change_view(request, str(stored[0].pk))
    page = response.render().content.decode()
    assert "<bdi>ada</bdi>" in page
    assert "presencesession" not in page.split('id="content-main"')[1]


def test_the_log_needs_a_permission(client: Client, user: Any) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(LIST).status_code == 403


def _plans(client: Client, **query: Any) -> str:
    with CaptureQueriesContext(connection) as captured:
        positions(client, **query)
    statements = [entry["sql"] for entry in captured if '"presence_event"' in entry["sql"]]
    assert statements
    plans = []
    with connection.cursor() as cursor:
        for statement in statements:
            assert "COUNT(" not in statement
            cursor.execute("EXPLAIN " + statement)
            plans += [line for (line,) in cursor.fetchall()]
    return of_log("\n".join(plans))


def test_no_page_reads_the_whole_log(admin_client: Client, user: Any, django_assert_max_num_queries: Any) -> None:
    """This log is mostly touches, as in production."""
    record(
        [
            Draft("join", f"room{number % 500}", f"{number}", user if number % 1000 == 0 else None)
            for number in range(10_000)
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name) SELECT 'touch', p.room, p.channel_name "
            "FROM presence p, generate_series(1, 4)"
        )
        cursor.execute("ANALYZE presence_event")
    for query in (
        {},
        {"room": "room7"},
        {"user": "ada"},
        {"kind": "all"},
        {"since": "hour"},
        {"room": "room7", "kind": "join"},
    ):
        with django_assert_max_num_queries(20):
            positions(admin_client, **query)
    assert "presence_event_room" in _plans(admin_client, room="room7")
    assert "presence_event_user" in _plans(admin_client, user="ada")
    assert "Seq Scan on presence_event" not in _plans(admin_client, kind="all")


def test_a_page_states_how_far_back_it_goes(
    admin_client: Client, stored: list[PresenceEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_admin, "MAX_POSITIONS_SCANNED", 2)
    response = admin_client.get(LIST, {"kind": "all"})
    assert [event.id for event in response.context["cl"].result_list] == [stored[-1].id, stored[-2].id]
    assert f"This list goes back to position {stored[-3].id}" in response.content.decode()
    assert "Looked back" not in admin_client.get(LIST, {"room": "a"}).content.decode()
    monkeypatch.setattr(presence_admin, "CLOCK_TOLERANCE", timedelta(0))
    assert positions(admin_client, kind="all", until=stored[-2].at.isoformat()) == [stored[-3].id, stored[-4].id]


def test_counting_stops_after_ten_pages(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_admin.PresenceEventAdmin, "list_per_page", 2)
    record([Draft("join", "room", f"{number}") for number in range(30)])
    changelist = admin_client.get(LIST).context["cl"]
    assert changelist.result_count == 20
    assert len(changelist.result_list) == 2


def test_a_week_ago_is_found_in_an_old_log(admin_client: Client, stored: list[PresenceEvent]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute("UPDATE presence_event SET at = at - %s WHERE id < %s", [timedelta(days=8), stored[4].id])
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")
    assert positions(admin_client, since="week") == [stored[5].id, stored[4].id]


pytestmark = pytest.mark.django_db


def test_the_page_of_a_join_shows_the_process_of_the_connection(admin_client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'a', '1', 'host:1:a')"
        )
    page = reverse("admin:presence_events_presenceevent_change", args=[PresenceEvent.objects.get().pk])
    assert "host:1:a" in admin_client.get(page).content.decode()


@pytest.mark.django_db(transaction=True)
def test_anchors_of_seals_are_shown(admin_client: Client) -> None:
    Anchor.objects.create(name="copy", last_seal=7, failure="OSError: full")
    for page in (
        reverse("admin:presence_events_anchor_changelist"),
        reverse("admin:presence_events_anchor_change", args=["copy"]),
    ):
        assert "OSError: full" in admin_client.get(page).content.decode()


def test_seals_are_shown(admin_client: Client) -> None:
    Room.objects.add("room", "channel", None, {"nickname": "B"})
    (stored,) = seal("default")
    page = reverse("admin:presence_events_storedseal_change", args=[stored.pk])
    assert page in admin_client.get(reverse("admin:presence_events_storedseal_changelist")).content.decode()
    shown = admin_client.get(page).content.decode()
    assert stored.seal.stays.root in shown
    assert str(stored) in shown
    assert admin_client.post(page, {"text": "other"}).status_code == 403
    assert str(SealKey.objects.get()).startswith("session:")
