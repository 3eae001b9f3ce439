"""Scheduling reports in the admin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from projections.models import AttendanceReport, ScheduledReport
from tests.projections.admin.attendance.conftest import NINE, TEN

pytestmark = pytest.mark.django_db

ADD = reverse("admin:projections_scheduledreport_add")
LIST = reverse("admin:projections_scheduledreport_changelist")
FORM = {
    "title": "Weekly",
    "room": "planning",
    "starts_at_0": "2030-03-04",
    "starts_at_1": "09:00",
    "ends_at_0": "2030-03-04",
    "ends_at_1": "10:00",
    "expected": "",
}


def page_of(schedule: ScheduledReport) -> str:
    return reverse("admin:projections_scheduledreport_change", args=[schedule.pk])


def test_a_report_is_scheduled_with_names_and_keys(admin_client: Client, user: Any, other_user: Any) -> None:
    response = admin_client.post(ADD, {**FORM, "expected": f"ada\n\n {other_user.pk} \nada"})
    assert response.status_code == 302, response.context["adminform"].errors
    found = ScheduledReport.objects.get()
    assert (found.title, found.room, found.expected) == ("Weekly", "planning", [str(user.pk), str(other_user.pk)])
    assert timezone.localtime(found.starts_at).hour == 9
    page = admin_client.get(page_of(found)).content.decode()
    assert f"ada\n{other_user.get_username()}</textarea>" in unescape(page)


def test_without_names_there_is_no_list_of_expected_people(admin_client: Client) -> None:
    admin_client.post(ADD, FORM)
    assert ScheduledReport.objects.get().expected is None


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ends_at_1": "09:00"}, "The end must be after the start."),
        ({"ends_at_1": "x"}, "Enter a valid time."),
        ({"expected": "no such user"}, "No user has the name no such user"),
        ({"room": "x" * 300}, "No room can have this name."),
        ({"title": "x" * 201}, "Ensure this value has at most 200 characters"),
    ],
)
def test_a_wrong_form_says_what_is_wrong(admin_client: Client, changes: dict[str, str], text: str) -> None:
    response = admin_client.post(ADD, {**FORM, **changes})
    assert response.status_code == 200
    assert text in unescape(response.content.decode())
    assert not ScheduledReport.objects.exists()


def test_the_page_of_a_span_fills_the_form(admin_client: Client) -> None:
    page = admin_client.get(
        f"{ADD}?room=planning&starts_at=2024-03-04T09:00:00Z&ends_at=2024-03-04T10:00:00&expected=ada"
    ).content.decode()
    for value in ('value="planning"', 'value="2024-03-04"', 'value="03:00:00"', 'value="04:00:00"', "ada</textarea>"):
        assert value in page.replace("\nada", "ada")
    assert admin_client.get(f"{ADD}?starts_at=2024-99-99T00:00&ends_at=x").status_code == 200


def test_a_schedule_can_be_changed_and_deleted_until_its_report_is_made(
    admin_client: Client, report: AttendanceReport
) -> None:
    later = ScheduledReport.objects.create(room="a", title="Later", starts_at=NINE, ends_at=NINE + timedelta(days=9000))
    assert "Report" not in admin_client.get(page_of(later)).context["object_links"]
    assert admin_client.get(LIST).content.decode().count("Later") == 1
    assert admin_client.post(page_of(later), {**FORM, "title": "Changed"}).status_code == 302
    later.refresh_from_db()
    assert later.title == "Changed"
    delete = reverse("admin:projections_scheduledreport_delete", args=[later.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 302
    made = report.schedule
    assert admin_client.post(page_of(made), FORM).status_code == 403
    delete = reverse("admin:projections_scheduledreport_delete", args=[made.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    page = admin_client.get(page_of(made)).content.decode()
    target = reverse("admin:projections_attendancereport_change", args=[report.pk])
    assert target in page
    assert target in admin_client.get(LIST).content.decode()
    assert made.ends_at == TEN


def test_without_permissions_nothing_can_be_scheduled(operator: Callable[..., Client]) -> None:
    client = operator("projections.view_attendance", "projections.view_scheduledreport")
    assert client.get(LIST).status_code == 200
    assert client.post(ADD, FORM).status_code == 403
