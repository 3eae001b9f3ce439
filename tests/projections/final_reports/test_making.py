"""Reports are made once, when their span is over, and announced once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from presence_events import sql
from presence_events.models import PresenceEvent, Segment
from projections.attendance import reading
from projections.attendance.rows import Status
from projections.attendance.sheets import sheet_of
from projections.final_reports import making
from projections.final_reports.annotating import annotate
from projections.final_reports.making import make_due_reports
from projections.final_reports.reading import stored_sheet
from projections.final_reports.scheduling import schedule_report
from projections.models import AttendanceReport, Room, ScheduledReport
from projections.signals import attendance_report_made
from tests.backdating import Stay, write
from tests.projections.final_reports.conftest import AN_HOUR, NINE

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., AttendanceReport]


@pytest.fixture
def announced() -> Iterator[list[int]]:
    """The keys of the reports that receivers were told of."""
    found: list[int] = []

    def receiver(report: AttendanceReport, **kwargs: Any) -> None:
        found.append(report.pk)

    attendance_report_made.connect(receiver)
    yield found
    attendance_report_made.disconnect(receiver)


def schedule(title: str = "Weekly", room: str = "planning", **options: Any) -> ScheduledReport:
    return schedule_report(room, title, NINE, NINE + AN_HOUR, **options)


def shown_name(user: Any) -> str:
    return f"Dr. {user.get_username()}"


def test_a_report_has_the_names_of_the_hook(make: Make, meeting: None, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_DISPLAY_NAME = f"{__name__}.shown_name"
    assert stored_sheet(make()).rows[0].name == "Dr. ada"


def test_a_report_has_the_activity_that_clients_reported(make: Make, user: Any, other_user: Any) -> None:
    idle = [(NINE + AN_HOUR / 4, {"activity": "idle"})]
    write(
        Stay("planning", "a", user, NINE, NINE + AN_HOUR, data={"activity": "active"}, changes=idle),
        Stay("planning", "b", other_user, NINE + AN_HOUR / 10, NINE + AN_HOUR),
    )
    ada, other = stored_sheet(make()).rows
    assert (ada.active, ada.certain) == (AN_HOUR / 4, AN_HOUR)
    assert other.active is None


def test_without_a_join_with_an_activity_a_report_does_not_read_the_touches(make: Make, user: Any) -> None:
    idle = [(NINE + AN_HOUR / 4, {"activity": "idle"})]
    write(
        Stay("planning", "a", user, NINE, NINE + AN_HOUR, changes=idle),
        Stay("lobby", "b", user, NINE, NINE + AN_HOUR, data={"activity": "active"}),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "active_times", None)
        (ada,) = stored_sheet(make()).rows
    assert ada.active is None


@pytest.mark.usefixtures("meeting")
def test_a_report_has_the_figures_of_its_span(make: Make, user: Any, other_user: Any, django_user_model: Any) -> None:
    absent = django_user_model.objects.create_user("zoe")
    report = make(expected=[user, absent])
    assert (report.room, report.title) == ("planning", "Weekly")
    assert report.position == PresenceEvent.objects.order_by("id").values_list("id", flat=True).last()
    assert report.complete_from is None
    ada, bob, zoe, guest = stored_sheet(report).rows
    assert (ada.status, ada.user_id, ada.name, ada.is_expected, ada.stays) == (
        Status.PRESENT,
        str(user.pk),
        "ada",
        True,
        2,
    )
    assert (ada.certain, ada.late) == (AN_HOUR, None)
    assert (bob.name, bob.is_expected) == (other_user.get_username(), False)
    assert (bob.certain, bob.possible, bob.late) == (AN_HOUR / 12, AN_HOUR / 4, AN_HOUR / 4)
    assert (zoe.status, zoe.name, zoe.is_expected, zoe.possible) == (Status.MISSING, "zoe", True, timedelta())
    assert (guest.status, guest.user_id, guest.certain) == (Status.ANONYMOUS, None, AN_HOUR / 6)


@pytest.mark.usefixtures("meeting")
def test_a_stored_report_equals_a_sheet_of_the_same_span(make: Make) -> None:
    stored = stored_sheet(make())
    fresh = sheet_of("planning", NINE, NINE + AN_HOUR)
    assert stored.rows == fresh.rows
    assert (stored.start, stored.end, stored.until, stored.length) == (fresh.start, fresh.end, fresh.until, AN_HOUR)


def test_a_report_is_not_made_before_its_connections_are_known_to_be_there_or_lost(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 3600
    now = timezone.now()
    schedule_report("planning", "Later", now, now + AN_HOUR)
    schedule_report("planning", "Just over", now - AN_HOUR, now - AN_HOUR / 2)
    assert make_due_reports("default") == 0
    assert not AttendanceReport.objects.exists()


def test_a_report_waits_for_transactions_that_append(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule()

    def settled(using: str) -> int:
        raise OperationalError("A transaction that has appended to the presence log stays open")

    monkeypatch.setattr(making, "settled_position", settled)
    with pytest.raises(OperationalError):
        make_due_reports("default")
    assert not AttendanceReport.objects.exists()


def test_a_report_is_made_and_announced_once(announced: list[int]) -> None:
    first = schedule()
    assert [make_due_reports("default") for _ in range(3)] == [1, 0, 0]
    assert announced == [first.pk]
    first.refresh_from_db()
    assert first.announced_at is not None


def test_two_workers_make_and_announce_each_report_once(announced: list[int]) -> None:
    keys = [schedule(f"Number {number}").pk for number in range(20)]
    start = threading.Barrier(2)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            start.wait(30)
            make_due_reports("default")
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    make_due_reports("default")
    assert sorted(announced) == keys
    assert AttendanceReport.objects.count() == 20


class _Killed(BaseException):
    """Ends a worker where it is, as a signal does."""


def test_after_a_kill_before_the_announcement_is_recorded_it_is_repeated(user: Any) -> None:
    """What the receiver wrote was rolled back, so it is there once in the end."""
    schedule()
    deaths = [True]

    def receiver(report: AttendanceReport, **kwargs: Any) -> None:
        get_user_model().objects.create_user(f"told of {report.title}")
        if deaths:
            deaths.pop()
            raise _Killed

    attendance_report_made.connect(receiver)
    try:
        with pytest.raises(_Killed):
            make_due_reports("default")
        assert AttendanceReport.objects.count() == 1
        assert not get_user_model().objects.filter(username="told of Weekly").exists()
        assert make_due_reports("default") == 0
        assert make_due_reports("default") == 0
    finally:
        attendance_report_made.disconnect(receiver)
    assert get_user_model().objects.filter(username="told of Weekly").count() == 1


def test_a_connection_that_is_lost_in_a_receiver_leaves_the_report_to_the_next_run() -> None:
    """As if the process had died: PostgreSQL rolls back."""
    schedule()
    losses = [True]

    def receiver(report: AttendanceReport, **kwargs: Any) -> None:
        get_user_model().objects.create_user("told")
        if losses:
            losses.pop()
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    attendance_report_made.connect(receiver)
    try:
        with pytest.raises((OperationalError, InterfaceError)):
            make_due_reports("default")
        connection.close()
        assert not get_user_model().objects.exists()
        make_due_reports("default")
        make_due_reports("default")
    finally:
        attendance_report_made.disconnect(receiver)
    assert get_user_model().objects.filter(username="told").count() == 1
    assert AttendanceReport.objects.count() == 1


def test_the_role_of_the_application_makes_and_announces_reports(announced: list[int], user: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE appender")
        try:
            for package in ("presence_events", "projections"):
                cursor.execute(sql.read(package, "grants/app").replace(':"role"', "appender"))
            table = connection.ops.quote_name(get_user_model()._meta.db_table)
            cursor.execute(f"GRANT SELECT ON {table} TO appender")
            cursor.execute("SET ROLE appender")
            made = schedule(expected=[user])
            assert make_due_reports("default") == 1
            annotate(made.report, user, "She was there.", "I saw her.")
            cursor.execute("RESET ROLE")
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY appender")
            cursor.execute("DROP ROLE appender")
    assert announced == [made.pk]


def test_after_a_kill_while_a_report_is_made_it_is_made_again(
    monkeypatch: pytest.MonkeyPatch, announced: list[int]
) -> None:
    schedule()

    def killed(*args: Any, **kwargs: Any) -> Any:
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(making.assembling, "rows", killed)
        with pytest.raises(_Killed):
            make_due_reports("default")
    assert not AttendanceReport.objects.exists()
    assert make_due_reports("default") == 1
    assert len(announced) == 1


def test_a_receiver_that_raises_stops_no_other_and_leaves_nothing(
    announced: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    schedule()

    def broken(report: AttendanceReport, **kwargs: Any) -> None:
        get_user_model().objects.create_user("written before the error")
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column")

    attendance_report_made.connect(broken)
    try:
        with caplog.at_level(logging.ERROR, "projections.final_reports"):
            assert make_due_reports("default") == 1
    finally:
        attendance_report_made.disconnect(broken)
    assert "broken of attendance_report_made raised" in caplog.text
    assert len(announced) == 1
    assert not get_user_model().objects.filter(username="written before the error").exists()
    assert make_due_reports("default") == 0


def test_a_receiver_may_be_a_coroutine_function() -> None:
    found = []

    async def receiver(report: AttendanceReport, **kwargs: Any) -> None:
        found.append(report.title)

    schedule()
    attendance_report_made.connect(receiver)
    try:
        make_due_reports("default")
    finally:
        attendance_report_made.disconnect(receiver)
    assert found == ["Weekly"]


def test_one_report_that_fails_delays_no_other(announced: list[int]) -> None:
    bad = schedule("Bad", expected=[])
    ScheduledReport.objects.filter(pk=bad.pk).update(expected=["not a key of a user"])
    good = schedule("Good")
    with pytest.raises(ValueError, match="is not the primary key of a user"):
        make_due_reports("default")
    assert list(AttendanceReport.objects.values_list("title", flat=True)) == ["Good"]
    assert announced == [good.pk]


@pytest.mark.usefixtures("meeting")
def test_of_a_span_before_the_horizon_there_is_what_is_left(make: Make, other_user: Any) -> None:
    removed = Segment.objects.create(name="earlier", part="stays", state="removed", last_at=NINE + AN_HOUR / 5)
    try:
        report = make()
        assert report.complete_from == NINE + AN_HOUR / 5
        ada, bob = stored_sheet(report).rows
        assert ada.certain == AN_HOUR * 4 / 5
        assert (ada.late, bob.late) == (None, None)
        assert bob.certain == AN_HOUR / 12
    finally:
        removed.delete()


@pytest.mark.usefixtures("meeting")
def test_of_a_span_that_was_removed_there_is_nothing(make: Make) -> None:
    removed = Segment.objects.create(name="earlier", part="stays", state="removed", last_at=NINE + AN_HOUR)
    try:
        report = make()
        assert (report.complete_from, report.rows) == (NINE + AN_HOUR, [])
    finally:
        removed.delete()


@pytest.mark.usefixtures("meeting")
def test_later_events_change_no_report(make: Make, user: Any) -> None:
    report = make()
    write(Stay("planning", "late", user, datetime(2024, 3, 5, tzinfo=UTC)))
    Room.objects.remove("planning", "late")
    again = AttendanceReport.objects.get(pk=report.pk)
    assert again.rows == report.rows


def test_a_second_report_of_a_schedule_is_refused_by_the_database() -> None:
    first = schedule()
    make_due_reports("default")
    report = AttendanceReport.objects.get(schedule=first)
    with pytest.raises(IntegrityError):
        AttendanceReport(
            schedule=first,
            room="x",
            title="x",
            starts_at=report.starts_at,
            ends_at=report.ends_at,
            position=0,
            rows=[],
        ).save(force_insert=True)
