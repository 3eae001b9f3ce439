"""The pages of attendance: of any span, and of final reports."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.http import urlencode

from presence_events.models import Segment
from presence_events.seals import sealing
from projections.admin.links import attendance_url
from projections.models import AttendanceReport, ReportAnnotation
from tests.backdating import Stay, write
from tests.projections.admin.attendance.conftest import NINE, SPAN_QUERY, TEN, minutes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("meeting")]

SPAN = reverse("admin:presence_attendance")
ADDRESS = f"{SPAN}?room=planning&{SPAN_QUERY}"


def text_of(response: Any) -> str:
    """The visible text of the main part of a page."""
    main = response.content.decode().partition('id="content-main"')[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def rows(response: Any) -> list[str]:
    table = response.content.decode().partition('id="attendance-people"')[2].partition("</table>")[0]
    found = re.findall(r"<tr id.*?</tr>", table, re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in found]


def page_of(report: AttendanceReport) -> str:
    return reverse("admin:projections_attendancereport_change", args=[report.pk])


# The attendance of a span


def test_without_a_room_the_page_asks_for_one(admin_client: Client) -> None:
    response = admin_client.get(SPAN)
    assert response.status_code == 200
    assert "Room:" in text_of(response)
    assert rows(response) == []


def test_the_page_shows_each_person_with_certain_and_possible_figures(admin_client: Client, other_user: Any) -> None:
    response = admin_client.get(ADDRESS)
    name = other_user.get_username()
    assert rows(response) == [
        "ada 03:00:00 present at the end 1:00:00 100 % 1",
        f"{name} 03:15:00 03:30:00 0:05:00 to 0:15:00 8 % to 25 % 1 0:15:00 0:30:00",
        "anonymous 03:00:00 03:10:00 0:10:00 17 % 1 0:50:00",
    ]
    assert "America/Chicago" in text_of(response)


def test_the_page_shows_activity_if_it_is_asked_for(admin_client: Client, django_user_model: Any) -> None:
    eve = django_user_model.objects.create_user("eve")
    write(Stay("planning", "eve", eve, NINE, TEN, changes=[(minutes(20), {"activity": "idle"})]))
    (without,) = (row for row in rows(admin_client.get(ADDRESS)) if row.startswith("eve"))
    response = admin_client.get(f"{ADDRESS}&activity=on")
    (shown,) = (row for row in rows(response) if row.startswith("eve"))
    assert shown == f"{without} 0:20:00"
    assert "Left early Active" in text_of(response)
    assert "Active" not in text_of(admin_client.get(ADDRESS))
    people = json.loads(admin_client.get(ADDRESS.replace("/span/", "/span/json/") + "&activity=on").content)["people"]
    assert {one["name"]: one["active"] for one in people}["eve"] == 1200


def test_the_page_lists_who_is_missing(admin_client: Client, django_user_model: Any) -> None:
    django_user_model.objects.create_user("zoe")
    response = admin_client.get(f"{ADDRESS}&{urlencode({'expected': chr(10).join(['ada', 'zoe'])})}")
    assert "Expected 2 Missing 1" in text_of(response)
    assert "zoe missing" in rows(response)
    assert any("not expected" in row for row in rows(response))


@pytest.mark.parametrize("query", ["", "&expected=ada%0D%0A%0D%0Azoe%0D%0A", "&last="])
def test_other_addresses_of_the_same_question_redirect_to_one(admin_client: Client, query: str, user: Any) -> None:
    type(user).objects.create_user("zoe")
    response = admin_client.get(f"{SPAN}?room=planning&from=2024-03-04+03:00&until=2024-03-04+04:00{query}")
    assert response.status_code == 302
    assert f"room=planning&{SPAN_QUERY}" in response["Location"]
    assert admin_client.get(f"{SPAN}{response['Location']}").status_code == 200


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("room=planning&from=2024-03-04&until=2024-03-03", "The end must be after the start."),
        ("room=planning&from=x", "Enter a valid date/time."),
        (f"room=planning&{SPAN_QUERY}&expected=no+such+user", "No user has the name no such user"),
        (f"room=planning&{SPAN_QUERY}&expected=a%00b", "Null characters are not allowed."),
        ("room=" + "x" * 300, "No room can have this name."),
    ],
)
def test_a_wrong_address_says_what_is_wrong(admin_client: Client, query: str, text: str) -> None:
    response = admin_client.get(f"{SPAN}?{query}")
    assert response.status_code == 400
    assert text in text_of(response)
    download = admin_client.get(f"{reverse('admin:presence_attendance_file', args=['csv'])}?{query}")
    assert download.status_code == 400
    assert text in download.content.decode()


def test_a_form_with_an_error_keeps_the_span(admin_client: Client) -> None:
    page = admin_client.get(f"{ADDRESS}&expected=no+such+user").content.decode()
    assert 'name="from" value="2024-03-04T03:00:00"' in page
    assert 'name="until" value="2024-03-04T04:00:00"' in page
    wrong = admin_client.get(f"{SPAN}?room=planning&from=2024-99-01T00:00&until=x").content.decode()
    assert 'value="2024-99-01T00:00"' in wrong


def test_a_file_needs_a_room_and_a_known_format(admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:presence_attendance_file", args=["csv"]))
    assert (response.status_code, response.content) == (400, b"Choose a room.")
    url = reverse("admin:presence_attendance_file", args=["pdf"])
    assert admin_client.get(f"{url}?room=planning&{SPAN_QUERY}").status_code == 404


def test_a_span_before_the_horizon_is_refused_with_the_horizon(admin_client: Client) -> None:
    Segment.objects.create(name="earlier", part="stays", state="removed", last_at=minutes(30))
    response = admin_client.get(ADDRESS)
    assert response.status_code == 400
    assert "Events before 2024-03-04 03:30:00.000000 (America/Chicago) were removed." in text_of(response)
    download = admin_client.get(ADDRESS.replace("span/", "span/csv/"))
    assert download.status_code == 400
    assert b"horizon" in download.content


def test_a_span_that_goes_on_says_where_its_figures_end(admin_client: Client) -> None:
    response = admin_client.get(attendance_url(NINE, TEN + timedelta(days=4000), room="planning"))
    assert "The span is not over." in text_of(response)


def test_an_empty_room_has_no_chart(admin_client: Client) -> None:
    response = admin_client.get(f"{SPAN}?room=nowhere&{SPAN_QUERY}")
    assert "There were no stays in this span." in text_of(response)
    assert b"<figure" not in response.content


def test_the_files_have_the_rows_of_the_page(admin_client: Client) -> None:
    page = admin_client.get(ADDRESS).content.decode()
    for form in ("csv", "xlsx", "json"):
        url = f"{reverse('admin:presence_attendance_file', args=[form])}?room=planning&{SPAN_QUERY}"
        assert url.replace("&", "&amp;") in page
        response = admin_client.get(url)
        assert response["Content-Disposition"] == (
            f'attachment; filename="attendance-planning-2024-03-04T09-00-00Z.{form}"'
        )
        assert response.status_code == 200
    read = list(csv.DictReader(io.StringIO(admin_client.get(ADDRESS.replace("span/", "span/csv/")).content.decode())))
    assert [row["status"] for row in read] == ["present", "present", "anonymous"]


def test_without_the_extra_package_a_spreadsheet_says_what_to_install(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    response = admin_client.get(ADDRESS.replace("span/", "span/xlsx/"))
    assert response.status_code == 501
    assert b"django-presence-events[xlsx]" in response.content


def test_many_people_are_on_several_pages(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, django_user_model: Any
) -> None:
    monkeypatch.setattr("projections.admin.attendance.page.PER_PAGE", 2)
    first = admin_client.get(ADDRESS)
    second = admin_client.get(f"{ADDRESS}&page=2")
    assert [len(rows(first)), len(rows(second))] == [2, 1]
    assert "page=2" in first.content.decode()
    assert 'id="row-2"' in second.content.decode()


def test_the_number_of_queries_does_not_depend_on_the_number_of_people(
    admin_client: Client, django_user_model: Any
) -> None:
    admin_client.get(ADDRESS)
    with CaptureQueriesContext(
        connection,
    ) as few:
        admin_client.get(ADDRESS)
    people = [django_user_model.objects.create_user(f"person {number}") for number in range(30)]
    write(*(Stay("planning", f"tab-{number}", person, minutes(1), minutes(9)) for number, person in enumerate(people)))
    with CaptureQueriesContext(connection) as many:
        assert len(rows(admin_client.get(ADDRESS))) == 33
    assert len(many) == len(few) <= 14


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_pages_of_a_span_only_answer_to_reading(admin_client: Client, method: str) -> None:
    for url in (ADDRESS, ADDRESS.replace("span/", "span/csv/")):
        assert getattr(admin_client, method)(url).status_code == 405


def test_hostile_names_are_only_names(admin_client: Client, user: Any) -> None:
    user.username = "<script>alert(1)</script>"
    user.save()
    response = admin_client.get(ADDRESS)
    assert b"<script>alert" not in response.content
    assert rows(response)[0].startswith("<script>alert(1)</script>")


# Links


def test_rooms_and_timelines_link_to_attendance(admin_client: Client) -> None:
    from projections.models import Room

    Room.objects.add("planning", "now")
    url = attendance_url(room="planning").replace("&", "&amp;")
    assert url in admin_client.get(reverse("admin:projections_room_changelist")).content.decode()
    assert url in admin_client.get(reverse("admin:projections_room_change", args=["planning"])).content.decode()
    timeline = admin_client.get(f"{reverse('admin:presence_timeline')}?room=planning&{SPAN_QUERY}").content.decode()
    assert attendance_url(NINE, TEN, room="planning").replace("&", "&amp;") in timeline


# Final reports


def test_the_list_of_reports_leads_to_a_report(admin_client: Client, report: AttendanceReport) -> None:
    response = admin_client.get(reverse("admin:projections_attendancereport_changelist"))
    page = response.content.decode()
    assert page_of(report) in page
    assert SPAN in page
    assert reverse("admin:projections_scheduledreport_changelist") in page
    with CaptureQueriesContext(connection) as found:
        admin_client.get(reverse("admin:projections_attendancereport_changelist"))
    assert not any('"rows"' in query["sql"] for query in found)


def test_a_report_names_what_it_is_based_on(admin_client: Client, report: AttendanceReport) -> None:
    response = admin_client.get(page_of(report))
    text = text_of(response)
    assert f"from the log up to position {report.position}" in text
    assert "No seal covers it yet." in text
    assert "People 2 Expected 2 Missing 1" in text
    assert len(rows(response)) == 4
    sealing.seal("default")
    assert "Seal 1 covers it." in text_of(admin_client.get(page_of(report)))
    listed = admin_client.get(reverse("admin:projections_attendancereport_changelist")).content.decode()
    assert '<td class="field-sealed">1</td>' in listed


def test_a_report_shows_what_it_does_not_know(admin_client: Client, report: AttendanceReport, user: Any) -> None:
    from projections.final_reports.making import make_due_reports
    from projections.final_reports.scheduling import schedule_report

    Segment.objects.create(name="earlier", part="stays", state="removed", last_at=minutes(30))
    schedule = schedule_report("planning", "Half", NINE, TEN)
    make_due_reports("default")
    response = admin_client.get(page_of(schedule.report))
    assert "Events before 2024-03-04 03:30:00.000000 (America/Chicago) had been removed." in text_of(response)
    assert b'class="unknown" x="0" width="50.000%"' in response.content


def test_a_report_can_be_saved_as_a_file(admin_client: Client, report: AttendanceReport) -> None:
    url = reverse("admin:presence_attendance_report_file", args=[report.pk, "json"])
    found = json.loads(admin_client.get(url).content)
    assert (found["title"], found["position"]) == ("Weekly", report.position)
    assert [person["status"] for person in found["people"]] == ["present", "present", "missing", "anonymous"]
    missing = reverse("admin:presence_attendance_report_file", args=[report.pk + 1, "json"])
    assert admin_client.get(missing).status_code == 302


def test_a_report_that_does_not_exist_leads_back(admin_client: Client, report: AttendanceReport) -> None:
    url = reverse("admin:projections_attendancereport_change", args=[report.pk + 1])
    assert admin_client.get(url).status_code == 302


def test_an_annotation_names_its_author_and_the_report_stays(
    admin_client: Client, report: AttendanceReport, admin_user: Any
) -> None:
    response = admin_client.post(
        page_of(report), {"row": "1", "correction": "He was there from nine on.", "reason": "His phone was off."}
    )
    assert response.status_code == 302
    note = ReportAnnotation.objects.get()
    assert (note.row, note.author, note.author_name) == (1, str(admin_user.pk), "admin")
    text = text_of(admin_client.get(page_of(report)))
    assert "He was there from nine on." in text
    assert "The annotation was added." in admin_client.get(page_of(report)).content.decode() or "admin" in text
    again = AttendanceReport.objects.get(pk=report.pk)
    assert again.rows == report.rows


def test_a_row_of_a_later_page_can_be_annotated(
    admin_client: Client, report: AttendanceReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.admin.attendance.page.PER_PAGE", 2)
    second = f"{page_of(report)}?page=2"
    assert '<option value="2">zoe</option>' in admin_client.get(second).content.decode()
    note = {"row": "2", "correction": "She was there.", "reason": "I saw her."}
    assert admin_client.post(page_of(report), note).status_code == 400
    assert admin_client.post(second, note).status_code == 302
    assert ReportAnnotation.objects.get().row == 2


def test_an_erased_author_has_no_name(admin_client: Client, report: AttendanceReport, admin_user: Any) -> None:
    from projections.final_reports.erasing import erase

    admin_client.post(page_of(report), {"row": "", "correction": "One.", "reason": "Two."})
    erase(admin_user.pk, -5, using="default")
    assert "erased person the whole report One. Two." in text_of(admin_client.get(page_of(report)))


def test_an_annotation_without_a_reason_is_refused(admin_client: Client, report: AttendanceReport) -> None:
    response = admin_client.post(page_of(report), {"row": "", "correction": "Something", "reason": " "})
    assert response.status_code == 400
    assert "This field is required." in text_of(response)
    assert not ReportAnnotation.objects.exists()


# Permissions


def test_without_the_permission_no_page_opens(operator: Callable[..., Client], report: AttendanceReport) -> None:
    client = operator("projections.view_presencesession", "projections.view_room")
    urls = [
        ADDRESS,
        ADDRESS.replace("span/", "span/csv/"),
        page_of(report),
        reverse("admin:presence_attendance_report_file", args=[report.pk, "csv"]),
        reverse("admin:projections_attendancereport_changelist"),
        reverse("admin:projections_attendancereport_add"),
    ]
    assert [client.get(url).status_code for url in urls] == [403] * len(urls)


def test_the_permission_to_view_does_not_let_annotate(
    operator: Callable[..., Client], report: AttendanceReport
) -> None:
    client = operator("projections.view_attendance")
    page = client.get(page_of(report))
    assert page.status_code == 200
    assert b"Add the annotation" not in page.content
    assert client.post(page_of(report), {"correction": "a", "reason": "b"}).status_code == 403
    assert not ReportAnnotation.objects.exists()
    assert b"Schedule a final report" not in client.get(ADDRESS).content
    assert (
        b"Schedule a final report"
        in operator("projections.view_attendance", "projections.add_scheduledreport").get(ADDRESS).content
    )


@pytest.mark.usefixtures("only_ada")
def test_the_setting_limits_whose_attendance_is_shown(
    operator: Callable[..., Client], report: AttendanceReport, admin_client: Client
) -> None:
    admin_client.post(page_of(report), {"row": "", "correction": "About all", "reason": "x"})
    client = operator("projections.view_attendance", "projections.add_reportannotation")
    for url in (ADDRESS, page_of(report)):
        response = client.get(url)
        assert [row.split()[0] for row in rows(response)] == ["ada"]
        assert "You see only people whose attendance you may see." in text_of(response)
    assert "About all" not in text_of(client.get(page_of(report)))
    assert b"Add the annotation" not in client.get(page_of(report)).content
    for url in (ADDRESS.replace("span/", "span/csv/"), f"{page_of(report)[:-7]}file/csv/"):
        read = list(csv.DictReader(io.StringIO(client.get(url).content.decode())))
        assert [row["name"] for row in read] == ["ada"]
