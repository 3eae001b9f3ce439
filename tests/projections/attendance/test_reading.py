"""Attendance reports. tests/properties/test_attendance.py compares their figures with a definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group
from django.db import connection
from django.db.models import JSONField, Value
from django.test.utils import CaptureQueriesContext

from presence_events.exceptions import InvalidMoment, InvalidRoomName, InvalidUser
from presence_events.models import PresenceEvent
from projections.attendance import Attendance, Attendee, aattendance, attendance
from projections.attendance.text import text
from projections.models import PresenceSession, Room
from tests import clusters
from tests.backdating import Stay, write
from tests.time import age_presences

pytestmark = pytest.mark.django_db

ZERO, INSTANT, MINUTE, HOUR = timedelta(), timedelta(microseconds=1), timedelta(minutes=1), timedelta(hours=1)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = NINE + HOUR


def one(report: Attendance) -> Attendee:
    (attendee,) = report.people
    return attendee


def test_tabs_are_merged_and_cut_to_the_span(user: Any) -> None:
    write(
        Stay("lobby", "a", user, NINE - 5 * MINUTE, NINE + 20 * MINUTE),
        Stay("lobby", "b", user, NINE + 10 * MINUTE, NINE + 30 * MINUTE),
        Stay("lobby", "c", user, NINE + 45 * MINUTE, TEN + 5 * MINUTE),
        Stay("hall", "d", user, NINE + 30 * MINUTE, NINE + 45 * MINUTE),
    )
    report = attendance("lobby", NINE, TEN)
    assert (report.room, report.start, report.end, report.until) == ("lobby", NINE, TEN, TEN)
    assert one(report) == Attendee(
        user_id=user.pk,
        first_in=NINE,
        last_out=None,
        last_seen=TEN,
        certain=45 * MINUTE,
        possible=45 * MINUTE,
        stays=3,
        longest_absence=15 * MINUTE,
        late=None,
        left_early=None,
        percent_certain=75.0,
        percent_possible=75.0,
    )


def test_a_pruned_stay_is_certain_until_it_was_last_seen(user: Any) -> None:
    write(Stay("lobby", "a", user, NINE + 5 * MINUTE, NINE + 40 * MINUTE, "prune", NINE + 35 * MINUTE))
    ada = one(attendance("lobby", NINE, TEN))
    assert (ada.certain, ada.possible) == (30 * MINUTE, 35 * MINUTE)
    assert (ada.percent_certain, ada.percent_possible) == (50.0, pytest.approx(100 * 35 / 60))
    assert (ada.last_seen, ada.last_out) == (NINE + 35 * MINUTE, NINE + 40 * MINUTE)
    assert (ada.late, ada.left_early) == (5 * MINUTE, 20 * MINUTE)


def test_who_was_last_seen_before_the_span_was_perhaps_there(user: Any) -> None:
    write(Stay("lobby", "a", user, NINE - HOUR, NINE + MINUTE, "prune", NINE - MINUTE))
    report = attendance("lobby", NINE, TEN, expected=[user])
    assert not one(report).is_certain
    assert (one(report).last_seen, one(report).certain, one(report).possible) == (None, ZERO, MINUTE)
    assert report.missing == ()


def test_a_leave_with_a_reason_is_no_sign_of_life(user: Any) -> None:
    """Others have made it. The connection may have been lost before."""
    reason = {"reason": "The lesson was moved"}
    write(Stay("lobby", "a", user, NINE, NINE + 20 * MINUTE, "leave", NINE + 10 * MINUTE, reason=reason))
    assert (one(attendance("lobby", NINE, TEN)).certain, PresenceSession.objects.get().certain_until) == (
        10 * MINUTE,
        NINE + 10 * MINUTE,
    )


def test_stays_are_certain_until_their_leaves_or_last_signs_of_life(user: Any) -> None:
    write(
        Stay("lobby", "leave", user, NINE, NINE + 20 * MINUTE, "leave", NINE + 10 * MINUTE),
        Stay("lobby", "prune", user, NINE, NINE + 20 * MINUTE, "prune", NINE + 10 * MINUTE),
        Stay("lobby", "open", user, NINE, last_seen=NINE + 10 * MINUTE),
    )
    until = {stay.channel_name: stay.certain_until - NINE for stay in PresenceSession.objects.all()}
    assert until == {"leave": 20 * MINUTE, "prune": 10 * MINUTE, "open": 10 * MINUTE}


def test_a_reason_that_is_null_in_json_is_none(user: Any) -> None:
    no_reason = Value(None, JSONField())
    write(Stay("lobby", "a", user, NINE, NINE + 20 * MINUTE, "leave", NINE + 10 * MINUTE, reason=no_reason))
    assert PresenceSession.objects.filter(reason__isnull=False).count() == 1
    assert one(attendance("lobby", NINE, TEN)).certain == 20 * MINUTE
    assert PresenceSession.objects.get().certain_until == NINE + 20 * MINUTE


def test_without_time_zone_support_times_are_naive(user: Any, settings: Any) -> None:
    changes = [(NINE + 20 * MINUTE, {"activity": "idle"})]
    write(Stay("lobby", "a", user, NINE + 5 * MINUTE, NINE + 50 * MINUTE, changes=changes))
    settings.TIME_ZONE = "Europe/Berlin"
    settings.USE_TZ = False
    ten = datetime(2026, 3, 2, 10)
    report = attendance("lobby", ten, ten + HOUR, activity=True)
    assert (report.start, report.until) == (ten, ten + HOUR)
    assert (one(report).first_in, one(report).active) == (ten + 5 * MINUTE, 15 * MINUTE)
    assert "10:05:00  10:50:00  0:45:00" in text(report)


def test_a_clock_that_was_set_back_makes_no_more_certain_than_possible(user: Any) -> None:
    write(Stay("lobby", "a", user, NINE, NINE + 20 * MINUTE, "prune", NINE + 30 * MINUTE))
    ada = one(attendance("lobby", NINE, TEN))
    assert ada.certain == ada.possible == PresenceSession.objects.get().certain_until - NINE == 20 * MINUTE


def test_a_span_that_is_not_over_is_cut_at_now(user: Any) -> None:
    Room.objects.add("lobby", "a", user)
    age_presences("a", seconds=3600)
    start = datetime.now(UTC) - HOUR - MINUTE
    report = attendance("lobby", start, start + timedelta(days=1))
    ada = one(report)
    assert report.until <= datetime.now(UTC) < report.end
    assert (ada.last_out, ada.left_early) == (None, None)
    assert ada.first_in == ada.last_seen
    assert (ada.certain, ada.possible) == (ZERO, report.until - ada.first_in)
    assert ada.percent_possible == pytest.approx(100 * ada.possible / (report.until - start))


def test_a_start_up_to_a_minute_ahead_counts_as_now(user: Any) -> None:
    Room.objects.add("lobby", "a", user)
    start = datetime.now(UTC) + 50 * timedelta(seconds=1)
    report = attendance("lobby", start, start + HOUR, activity=True)
    assert (report.people, report.is_known) == ((), True)
    assert report.until < start


def test_anonymous_connections_are_one_line() -> None:
    write(
        Stay("lobby", "a", None, NINE, NINE + 20 * MINUTE),
        Stay("lobby", "b", None, NINE + 10 * MINUTE, NINE + 40 * MINUTE),
    )
    report = attendance("lobby", NINE, TEN, expected=[])
    assert report.people == ()
    assert report.anonymous is not None
    assert (report.anonymous.user_id, report.anonymous.stays, report.anonymous.possible) == (None, 2, 40 * MINUTE)
    assert report.anonymous.is_expected is None


def test_a_stay_without_duration_is_counted(user: Any) -> None:
    write(Stay("lobby", "a", user, NINE, NINE))
    assert one(attendance("lobby", NINE - MINUTE, TEN)).is_certain
    assert one(attendance("lobby", NINE - MINUTE, TEN)).possible == ZERO
    assert attendance("lobby", NINE, TEN).people == ()


def test_people_are_in_the_order_in_which_they_came(user: Any, other_user: Any) -> None:
    write(
        Stay("lobby", "a", user, NINE + MINUTE, TEN),
        Stay("lobby", "b", other_user, NINE, TEN),
        Stay("lobby", "c", user, NINE + INSTANT, NINE + 2 * INSTANT),
    )
    assert [attendee.user_id for attendee in attendance("lobby", NINE, TEN).people] == [other_user.pk, user.pk]


def test_a_deleted_user_keeps_the_key(user: Any) -> None:
    write(Stay("lobby", "a", user, NINE, TEN))
    key = user.pk
    user.delete()
    report = attendance("lobby", NINE, TEN, expected=[key])
    assert one(report).user_id == key
    assert (report.missing, one(report).is_expected) == ((), True)


def test_of_finds_the_figures_of_a_user(user: Any, other_user: Any) -> None:
    write(Stay("lobby", "a", user, NINE, TEN))
    report = attendance("lobby", NINE, TEN)
    assert report.of(user) == report.of(user.pk) == report.of(str(user.pk)) == one(report)
    assert report.of(other_user) is None
    for wrong in (None, AnonymousUser(), get_user_model()(pk=None, username="unsaved"), "no key"):
        with pytest.raises(InvalidUser):
            report.of(wrong)


# Rooms


def test_a_room_that_never_existed_is_not_known(user: Any) -> None:
    report = attendance("nowhere", NINE, TEN, expected=[user])
    assert (report.people, report.anonymous, report.missing) == ((), None, (user.pk,))
    assert not report.is_known


def test_a_room_is_known_by_its_events_or_by_itself(user: Any) -> None:
    write(Stay("lobby", "a", user, NINE, TEN))
    assert attendance("lobby", TEN, TEN + HOUR).is_known
    Room.objects.prune_rooms()
    assert not Room.objects.exists()
    assert attendance("lobby", TEN, TEN + HOUR).is_known


def test_a_room_is_a_name_or_an_instance(user: Any) -> None:
    room = Room.objects.add("lobby", "a", user)
    write(Stay("lobby", "b", user, NINE, TEN))
    assert attendance(room, NINE, TEN) == attendance("lobby", NINE, TEN) == attendance(room, NINE, TEN, using="default")


def test_names_of_rooms_may_have_any_character(user: Any) -> None:
    """Plain SQL may have joined rooms whose names no channel layer accepts."""
    names = ["50 %", "%s %(room)s", "{stays}", "it's", "-- include projections queries/attendance/people"]
    write(*(Stay(name, f"c{number}", user, NINE, TEN) for number, name in enumerate(names)))
    for name in names:
        assert one(attendance(name, NINE, TEN)).stays == 1


@pytest.fixture
def _clusters(transactional_db: None, settings: Any) -> Iterator[None]:
    with clusters.databases(settings):
        yield


@pytest.mark.usefixtures("_clusters")
@pytest.mark.django_db(transaction=True)
def test_a_room_is_read_from_its_database(user: Any) -> None:
    for room in clusters.ROOMS:
        Room.objects.add(room, f"c-{room}", user)
    start = datetime.now(UTC) - MINUTE
    for room, alias in zip(clusters.ROOMS, clusters.CLUSTERS, strict=True):
        report = attendance(room, start, start + HOUR, expected=get_user_model()._default_manager.all())
        assert (one(report).user_id, one(report).is_expected) == (user.pk, True)
        assert attendance(Room.objects.using(alias).get(), start, start + HOUR).people
        assert attendance(room, start, start + HOUR, using="default").is_known == (alias == "default")


# What the report is based on


def test_the_report_names_its_position(user: Any) -> None:
    assert attendance("lobby", NINE, TEN).position == 0
    write(Stay("lobby", "a", user, NINE, TEN), Stay("hall", "b", None, NINE))
    report = attendance("lobby", NINE, TEN)
    assert report.position == PresenceEvent.objects.latest("id").id
    assert report.complete_from is None


def test_the_number_of_queries_does_not_depend_on_the_number_of_people(user: Any) -> None:
    users = get_user_model()._default_manager
    people = users.bulk_create([get_user_model()(username=f"user{number}") for number in range(20)])
    write(Stay("lobby", "a", user, NINE, TEN))
    with CaptureQueriesContext(connection) as few:
        attendance("lobby", NINE, TEN, expected=users.all())
    write(*(Stay("lobby", f"c{number}", each, NINE, TEN) for number, each in enumerate(people)))
    with CaptureQueriesContext(connection) as many:
        assert len(attendance("lobby", NINE, TEN, expected=users.all()).people) == 21
    assert len(many) == len(few)


async def test_a_coroutine_gets_the_same_report() -> None:
    report = await aattendance("lobby", NINE, TEN, expected=[])
    assert replace(report, position=0) == replace(empty_attendance(), position=0)


def empty_attendance() -> Attendance:
    return Attendance(
        room="lobby",
        start=NINE,
        end=TEN,
        until=TEN,
        position=0,
        complete_from=None,
        is_known=False,
        people=(),
        anonymous=None,
        expected=0,
    )


# Bad questions


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NINE.replace(tzinfo=None), TEN),
        (NINE, TEN.replace(tzinfo=None)),
        (TEN, NINE),
        (NINE, NINE),
        (datetime(3026, 3, 2, 9, tzinfo=UTC), datetime(3026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02", TEN),
    ],
)
def test_a_span_that_is_none_is_refused(start: Any, end: Any) -> None:
    with pytest.raises(InvalidMoment):
        attendance("lobby", start, end)


def test_what_is_no_room_and_no_user_is_refused_before_anything_is_read() -> None:
    with CaptureQueriesContext(connection) as captured:
        with pytest.raises(InvalidRoomName):
            attendance("", NINE, TEN)
        for keys in ("12", b"12"):
            with pytest.raises(InvalidUser, match="are a list of users or keys"):
                attendance("lobby", NINE, TEN, expected=keys)
        for wrong in (None, AnonymousUser(), Group(), get_user_model()(pk=None, username="unsaved"), "no key"):
            with pytest.raises(InvalidUser):
                attendance("lobby", NINE, TEN, expected=[wrong])
    assert not captured.captured_queries


# Who was expected


def test_expected_people_who_did_not_come_are_missing(user: Any, other_user: Any) -> None:
    write(Stay("lobby", "a", user, NINE, TEN))
    unknown = uuid4() if get_user_model()._meta.pk.get_internal_type() == "UUIDField" else 4711  # type: ignore[union-attr]
    report = attendance("lobby", NINE, TEN, expected=[unknown, other_user, user, str(other_user.pk)])
    assert report.missing == (unknown, other_user.pk)
    assert (report.expected, one(report).is_expected) == (3, True)
    assert one(attendance("lobby", NINE, TEN, expected=[other_user])).is_expected is False
    assert one(attendance("lobby", NINE, TEN)).is_expected is None


def test_expected_is_a_queryset_an_iterable_or_a_function(user: Any, other_user: Any) -> None:
    users = get_user_model()._default_manager.order_by("username")
    group = Group.objects.create(name="lobby")
    for each in users:
        each.groups.add(group)
    asked: list[str] = []

    def class_of(room: str) -> Any:
        asked.append(room)
        return users

    for expected in (
        users.all(),
        users.values_list("pk", flat=True),
        (each for each in users),
        {user.pk: "ada", other_user.pk: "grace"},
        class_of,
        lambda room: [user, other_user.pk],
        group.user_set,
        lambda room: group.user_set,
    ):
        missing = attendance("lobby", NINE, TEN, expected=expected).missing
        assert set(missing) == {user.pk, other_user.pk}
        assert len(missing) == 2
    assert asked == ["lobby"]


def test_of_a_queryset_only_the_keys_are_read(user: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        attendance("lobby", NINE, TEN, expected=get_user_model()._default_manager.all())
    table = get_user_model()._meta.db_table
    (query,) = [each["sql"] for each in captured if table in each["sql"]]
    assert "username" not in query
