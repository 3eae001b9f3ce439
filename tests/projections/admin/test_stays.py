"""Stays in the admin."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.seals.sealing import seal
from projections.admin import stay_events
from projections.admin.links import stay_url
from projections.admin.stays import PresenceSessionAdmin
from projections.models import Presence, PresenceSession, Room
from projections.templatetags.presence_times import timestamp_exact
from tests.backdating import Stay, write

pytestmark = pytest.mark.django_db

LIST = "/admin/projections/presencesession/"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def history(now: datetime, user: Any, other_user: Any) -> None:
    write(
        Stay("b", "long-ago", user, now - 30 * DAY, now - 29 * DAY),
        Stay("b", "days-ago", user, now - 3 * DAY, now - 2 * DAY),
        Stay("a", "left", other_user, now - 4 * HOUR, now - 2 * HOUR),
        Stay("a", "pruned", None, now - 3 * HOUR, now - 30 * MINUTE, ended_by="prune", last_seen=now - HOUR),
        Stay("b", "here", user, now - 40 * DAY),
    )


def channels(client: Client, **query: Any) -> list[str]:
    response = client.get(LIST, query)
    assert response.status_code == 200, response
    return [stay.channel_name for stay in response.context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["pruned", "left", "here"]),
        ({"last": "hour"}, ["pruned", "here"]),
        ({"last": "day"}, ["pruned", "left", "here"]),
        ({"last": "week"}, ["pruned", "left", "days-ago", "here"]),
        ({"room": "a"}, ["pruned", "left"]),
        ({"room": "nowhere"}, []),
        ({"user": "ada", "last": "week"}, ["days-ago", "here"]),
        ({"user": "nobody"}, []),
        ({"ended": "open"}, ["here"]),
        ({"ended": "leave"}, ["left"]),
        ({"ended": "prune"}, ["pruned"]),
        ({"ended": "nonsense"}, []),
        ({"q": "le"}, ["left"]),
        ({"q": "left"}, ["left"]),
        ({"q": "eft"}, []),
        ({"q": "long-ago"}, []),
        ({"q": "pruned left"}, []),
    ],
)
@pytest.mark.usefixtures("history")
def test_the_list_is_newest_first_and_of_the_last_day_by_default(
    query: dict[str, str], found: list[str], admin_client: Client
) -> None:
    assert channels(admin_client, **query) == found


@pytest.mark.usefixtures("history")
def test_a_user_is_also_found_by_key(admin_client: Client, other_user: Any) -> None:
    assert channels(admin_client, user=other_user.pk) == ["left"]


@pytest.mark.usefixtures("history")
def test_a_span_can_be_entered(admin_client: Client, now: datetime) -> None:
    start, end = ((now - days * DAY).strftime("%Y-%m-%d %H:%M") for days in (31, 28))
    assert channels(admin_client, **{"from": start, "until": end}) == ["long-ago", "here"]
    assert channels(admin_client, **{"from": start, "until": end, "last": "hour"}) == ["long-ago", "here"]
    assert channels(admin_client, until=(now - 2.5 * DAY).isoformat()) == ["days-ago", "here"]
    since = (now - 3.5 * DAY).isoformat()
    assert channels(admin_client, **{"from": since}) == ["pruned", "left", "days-ago", "here"]


@pytest.mark.parametrize(("until", "found"), [("2024-03-04", ["1"]), ("2024-03-03", [])])
def test_a_day_as_the_end_of_a_span_is_that_whole_day(until: str, found: list[str], admin_client: Client) -> None:
    afternoon = datetime(2024, 3, 4, 15, tzinfo=UTC)
    write(Stay("a", "1", None, afternoon, afternoon + HOUR))
    assert channels(admin_client, **{"from": "2024-03-03", "until": until}) == found


@pytest.mark.usefixtures("history")
def test_a_connection_that_joined_this_second_is_listed(admin_client: Client) -> None:
    Room.objects.add("a", "1")
    assert channels(admin_client)[0] == "1"


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"until": "2024-13-45"},
        {"from": "2999-01-01"},
        {"from": "2024-01-02", "until": "2024-01-01"},
        {"until": "9999-12-31"},
        {"last": "century"},
        {"from": "\x00"},
        {"room": "\x00"},
    ],
)
def test_an_invalid_span_redirects_to_the_list(query: dict[str, str], admin_client: Client) -> None:
    response = admin_client.get(LIST, query)
    assert (response.status_code, response["Location"]) == (302, f"{LIST}?e=1")


def test_the_error_of_a_span_is_shown(admin_client: Client) -> None:
    response = admin_client.get(LIST, {"from": "2024-01-02", "until": "2024-01-01"}, follow=True)
    assert "The end must be after the start." in response.content.decode()


@pytest.mark.parametrize("lookup", ["nonsense", "channel_name__regex", "joined_at__gte", "user__username", "session"])
def test_lookups_that_no_filter_offers_are_refused(lookup: str, admin_client: Client) -> None:
    assert admin_client.get(LIST, {lookup: "["}).status_code == 400


@pytest.mark.usefixtures("history")
def test_the_list_states_its_span(admin_client: Client) -> None:
    page = admin_client.get(LIST, {"from": "2024-03-04 09:00", "until": "2024-03-04 10:00"}).content.decode()
    assert "Stays between 2024-03-04 09:00:00 and 2024-03-04 10:00:00 (America/Chicago)." in page
    assert 'value="2024-03-04 09:00"' in page


@pytest.mark.usefixtures("history")
def test_choosing_a_span_keeps_the_other_filters(admin_client: Client) -> None:
    page = admin_client.get(LIST, {"room": "a", "from": "2024-03-04", "until": "2024-03-05"}).content.decode()
    assert 'href="?last=hour&amp;room=a"' in page
    form = page.split('class="presence-input-filter"')[-1]
    assert '<input type="hidden" name="room" value="a">' in form
    assert 'name="last"' not in form
    page = admin_client.get(LIST, {"last": "week"}).content.decode()
    assert re.search(r'<li class="selected"><a href="\?last=week">', page)


@pytest.mark.usefixtures("history")
def test_the_list_of_a_room_or_a_user_links_to_the_same_timeline(admin_client: Client) -> None:
    page = admin_client.get(LIST, {"room": "a", "from": "2024-03-04 09:00", "until": "2024-03-04 10:00"})
    assert page.context["cl"].timeline == (
        "/admin/projections/timeline/?room=a&from=2024-03-04T15%3A00%3A00Z&until=2024-03-04T16%3A00%3A00Z"
    )
    response = admin_client.get(admin_client.get(LIST, {"user": "ada"}).context["cl"].timeline, follow=True)
    assert response.status_code == 200
    assert admin_client.get(LIST).context["cl"].timeline is None


@pytest.mark.usefixtures("history")
def test_rows_link_to_the_page_of_the_stay_and_to_its_part_of_the_timeline(
    admin_client: Client, other_user: Any
) -> None:
    page = admin_client.get(LIST, {"q": "left"}).content.decode()
    stay = PresenceSession.objects.get(channel_name="left")
    [url] = re.findall(rf'href="([^"]*/presencesession/{stay.pk}/change/[^"]*)"', page)
    assert admin_client.get(url.replace("&amp;", "&")).context["original"] == stay
    assert "room=a" in url
    assert stay_url(stay).split("&")[1] in url
    assert f"moment={stay_url(stay).split('at=')[1]}&amp;stay={stay.pk}" in page
    assert f"/admin/projections/timeline/?user={other_user.pk}&amp;from=" in page
    assert "/admin/projections/room/a/change/" in page
    assert "2:00:00" in page


def page_of(client: Client, channel: str) -> str:
    response = client.get(stay_url(PresenceSession.objects.get(channel_name=channel)))
    assert response.status_code == 200
    return response.content.decode()


def events(page: str) -> list[str]:
    return re.findall(r"presenceevent/\d+/change/\">(\w+)</a>", page)


@pytest.mark.usefixtures("history")
def test_the_page_of_a_stay_shows_its_events(admin_client: Client) -> None:
    assert events(page_of(admin_client, "pruned")) == ["Join", "Touch", "Prune"]
    assert events(page_of(admin_client, "here")) == ["Join"]
    assert "The stay may have more touches" not in page_of(admin_client, "pruned")


def test_the_page_of_a_stay_shows_the_data_of_its_events(admin_client: Client) -> None:
    record(
        [Draft("join", "a", "1", data={"status": "da & dort"}), Draft("leave", "a", "1", data={"reason": "<tired>"})]
    )
    page = page_of(admin_client, "1")
    assert "{&quot;status&quot;: &quot;da &amp; dort&quot;}" in page
    assert "{&quot;reason&quot;: &quot;&lt;tired&gt;&quot;}" in page


def test_the_page_of_a_stay_states_if_there_may_be_more_touches(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stay_events, "MAX_TOUCHES", 1)
    record([Draft("join", "a", "1"), Draft("touch", "a", "1"), Draft("touch", "a", "1")])
    page = page_of(admin_client, "1")
    assert events(page) == ["Join", "Touch"]
    assert "The stay may have more touches" in page


def sealed(page: str) -> str:
    """Returns what the page of a stay says about seals, or nothing."""
    found = re.search(r'field-sealed.*?<div class="readonly">(.*?)</div>', page, re.DOTALL)
    return found[1] if found else ""


@pytest.mark.django_db(transaction=True)
def test_the_page_of_a_stay_states_how_much_of_it_is_sealed(admin_client: Client) -> None:
    record([Draft("join", "a", "left")])
    record([Draft("leave", "a", "left")])
    assert sealed(page_of(admin_client, "left")) == ""
    record([Draft("join", "a", "stayed")])
    record([Draft("join", "a", "leaving")])
    seal("default")
    assert sealed(page_of(admin_client, "left")) == "All events are sealed."
    assert sealed(page_of(admin_client, "stayed")) == "All events so far are sealed."
    up_to = timestamp_exact(PresenceEvent.objects.latest("id").at)
    record([Draft("leave", "a", "leaving")])
    record([Draft("join", "a", "later")])
    assert sealed(page_of(admin_client, "left")) == "All events are sealed."
    for name in ("stayed", "leaving"):
        assert sealed(page_of(admin_client, name)) == f"Events up to {up_to} are sealed."
    assert sealed(page_of(admin_client, "later")) == "No event of this stay is sealed."


@pytest.mark.usefixtures("history")
def test_a_stay_that_goes_on_leads_to_its_presence(admin_client: Client) -> None:
    url = reverse("admin:projections_presence_change", args=[Presence.objects.get().pk])
    assert url in page_of(admin_client, "here")
    assert "Still present" in page_of(admin_client, "here")
    assert "/admin/projections/presence/" not in page_of(admin_client, "left").split('class="object-tools"')[1]


@pytest.mark.usefixtures("history")
def test_a_stay_is_found_by_its_number_alone(admin_client: Client) -> None:
    for stay in PresenceSession.objects.all():
        response = admin_client.get(f"{LIST}{stay.pk}/change/")
        assert response.context["original"] == stay


def test_a_stay_without_length_is_found_by_room_and_time(admin_client: Client, now: datetime) -> None:
    write(Stay("a", "1", None, now - HOUR, now - HOUR))
    with CaptureQueriesContext(connection) as captured:
        page_of(admin_client, "1")
    looked = [query["sql"] for query in captured.captured_queries if '"presence_session"."session" =' in query["sql"]]
    assert len(looked) == 1


@pytest.mark.parametrize("number", ["12345", "0", "x"])
def test_an_unknown_number_is_not_found(number: str, admin_client: Client) -> None:
    assert admin_client.get(f"{LIST}{number}/change/").status_code == 302


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("at", ["2024-13-45T25:00", "0001-01-01T00:00", "soon", ""])
def test_a_stay_is_found_although_the_time_in_its_address_is_invalid(at: str, admin_client: Client) -> None:
    stay = PresenceSession.objects.in_room("a").first()
    response = admin_client.get(f"{LIST}{stay.pk}/change/", {"room": "a", "at": at})
    assert response.context["original"] == stay


@pytest.mark.usefixtures("content_types_known")
def test_the_number_of_queries_does_not_depend_on_the_number_of_stays(
    admin_client: Client, django_user_model: Any, django_assert_num_queries: Any
) -> None:
    for many in (2, 20):
        for number in range(1, many):
            person = django_user_model.objects.create_user(f"user{many}-{number}")
            record([Draft("join", "a", f"{number}", person), Draft("touch", "a", f"{number}")])
            record([Draft("leave", "a", f"{number}")])
        with django_assert_num_queries(8):
            admin_client.get(LIST)
        stay = PresenceSession.objects.earliest("session")
        with django_assert_num_queries(23):
            admin_client.get(stay_url(stay))


def test_counting_stops_after_ten_pages(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PresenceSessionAdmin, "list_per_page", 2)
    record([Draft("join", "room", f"{number}") for number in range(30)])
    changelist = admin_client.get(LIST).context["cl"]
    assert changelist.result_count == 20
    assert len(changelist.result_list) == 2


def test_no_list_and_no_page_reads_all_stays(admin_client: Client, now: datetime, user: Any) -> None:
    """The last day is a small part of this log."""
    write(
        *(
            Stay(f"room{number % 20}", f"c{number}", user if number % 100 == 0 else None, then, then + MINUTE)
            for number in range(4000)
            for then in [now - number * HOUR / 2 - HOUR]
        )
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE presence_event")
    stay = PresenceSession.objects.get(channel_name="c3000")
    for url in (
        LIST,
        f"{LIST}?room=room7&last=week",
        f"{LIST}?user=ada&last=week",
        f"{LIST}?q=c1&ended=leave",
        f"{LIST}?ended=open",
        stay_url(stay),
    ):
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(url).status_code == 200
        asked = [query["sql"] for query in captured.captured_queries if '"presence_session"' in query["sql"]]
        assert asked
        with connection.cursor() as cursor:
            for query in asked:
                cursor.execute(f"EXPLAIN {query}")
                plan = "\n".join(line for (line,) in cursor.fetchall())
                assert "Seq Scan on presence_event" not in plan, plan


def test_the_events_of_a_stay_need_the_permission_to_view_the_log(operator: Callable[..., Client], user: Any) -> None:
    Room.objects.add("hall", "tab", user, {"secret": "yes"})
    page = reverse("admin:projections_presencesession_change", args=[PresenceSession.objects.get().session])
    assert "secret" not in operator("projections.view_presencesession").get(page).content.decode()
    may = ["projections.view_presencesession", "presence_events.view_presenceevent"]
    assert "secret" in operator(*may).get(page).content.decode()
