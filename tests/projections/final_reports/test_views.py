"""The page on which people see their own attendance."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from presence_events.models import Segment
from projections.attendance import own
from projections.attendance.own import own_attendance
from projections.final_reports.making import make_due_reports
from projections.final_reports.scheduling import schedule_report
from projections.models import Room
from tests.backdating import Stay, write
from tests.projections.final_reports.conftest import AN_HOUR, NINE

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(client: Client) -> str:
    response = client.get("/me/attendance/")
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_without_a_login_the_page_asks_for_one(client: Client, settings: Any) -> None:
    response = client.get("/me/attendance/")
    assert response.status_code == 302
    assert response["Location"].startswith(settings.LOGIN_URL)


def test_the_page_shows_the_own_attendance_and_nothing_of_others(client: Client, user: Any, other_user: Any) -> None:
    now = timezone.now()
    write(
        Stay("planning", "ada-1", user, now - AN_HOUR * 3, now - AN_HOUR * 2),
        Stay("planning", "ada-2", user, now - AN_HOUR * 2.5, now - AN_HOUR, "prune", now - AN_HOUR * 1.5),
        Stay("secret", "bob", other_user, now - AN_HOUR, now - AN_HOUR / 2),
        Stay("lobby", "ada-3", user, now - AN_HOUR * 4),
    )
    schedule_report("planning", "Weekly", now - AN_HOUR * 3, now - AN_HOUR, expected=[user, other_user])
    schedule_report("secret", "Secret meeting", now - AN_HOUR * 3, now - AN_HOUR)
    schedule_report("elsewhere", "Missed", now - AN_HOUR * 3, now - AN_HOUR, expected=[user])
    make_due_reports("default")
    client.force_login(user)
    text = text_of(client)
    assert re.search(r"planning \S+ \S+ \S+ \S+ 1:30:00 to 2:00:00 2 ", text)
    assert re.search(r"lobby \S+ \S+ still present 0:00:00 to 4:00:0\d 1 ", text)
    assert re.search(r"Weekly planning \S+ \S+ \S+ \S+ 1:30:00 to 2:00:00", text)
    assert re.search(r"Missed elsewhere \S+ \S+ \S+ \S+ missing", text)
    assert "ecret" not in text
    assert other_user.get_username() not in text


def test_a_person_who_was_in_no_room_is_told_so(client: Client, user: Any) -> None:
    client.force_login(user)
    assert "You were in no room." in text_of(client)


def test_the_page_says_if_it_does_not_have_everything(
    client: Client, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(user)
    assert "Not all of the time is shown" not in text_of(client)
    removed = Segment.objects.create(name="earlier", part="stays", state="removed", last_at=timezone.now() - AN_HOUR)
    try:
        assert "Not all of the time is shown" in text_of(client)
    finally:
        removed.delete()
    monkeypatch.setattr(own, "MAX_STAYS", 1)
    Room.objects.add("a", "1", user)
    Room.objects.add("b", "2", user)
    assert "Not all of the time is shown" in text_of(client)


def test_visits_are_cut_to_the_span(user: Any) -> None:
    write(
        Stay("planning", "ada", user, NINE - AN_HOUR, NINE + AN_HOUR * 2),
        Stay("lobby", "ada", user, NINE + AN_HOUR / 2, NINE + AN_HOUR / 2 + timedelta(seconds=1)),
    )
    (lobby, planning), is_complete = own_attendance(user.pk, NINE, NINE + AN_HOUR)
    assert is_complete
    assert (lobby.room, planning.room) == ("lobby", "planning")
    assert (planning.first_in, planning.last_out, planning.certain) == (NINE, NINE + AN_HOUR, AN_HOUR)
    assert (planning.possible, planning.stays) == (AN_HOUR, 1)
