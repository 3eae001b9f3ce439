"""The criteria of the timeline, and their addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.utils.timezone import override
from hypothesis import given
from hypothesis import strategies as st

from projections.admin.timeline.criteria import PRESETS, Criteria, CriteriaForm
from projections.models import Room
from projections.times import url_value

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


def read(query: str) -> Criteria:
    form = CriteriaForm(QueryDict(query))
    criteria = form.criteria()
    assert criteria is not None, form.errors
    return criteria


def errors(query: str) -> set[str]:
    form = CriteriaForm(QueryDict(query))
    assert form.criteria() is None
    return set(form.errors)


def now() -> datetime:
    return datetime.now(UTC)


def test_an_address_contains_all_criteria() -> None:
    criteria = read(
        "room=lobby&from=2026-03-01T09:00:00Z&until=2026-03-01T10:00:00Z&moment=2026-03-01T09:30:00.5Z&stay=7"
    )
    assert criteria == Criteria("lobby", None, NINE, NINE + AN_HOUR, NINE + timedelta(minutes=30, milliseconds=500), 7)


@given(
    start=st.datetimes(datetime(1970, 1, 2), datetime(2026, 1, 1), timezones=st.just(UTC)),
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=3000)),
    moment=st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2026, 1, 1), timezones=st.just(UTC)),
    stay=st.none() | st.integers(1, 2**63 - 1),
    room=st.from_regex(r"\A[a-zA-Z0-9._-]{1,99}\Z"),
)
def test_a_written_address_is_read_as_the_same_criteria(
    start: datetime, length: timedelta, moment: datetime | None, stay: int | None, room: str
) -> None:
    criteria = Criteria(room, None, start, start + length, moment, stay)
    assert read(criteria.query()) == criteria


def test_times_without_an_offset_are_in_the_current_time_zone() -> None:
    with override(ZoneInfo("Europe/Berlin")):
        criteria = read("room=a&from=2026-03-01T10:00&until=2026-03-01T11:00")
    assert (criteria.start, criteria.end) == (NINE, NINE + AN_HOUR)


@pytest.mark.parametrize("missing", ["", "from=&until="])
def test_without_a_span_it_is_the_last_day(missing: str) -> None:
    before = now()
    criteria = read(f"room=a&{missing}")
    assert criteria.end - criteria.start == timedelta(days=1)
    assert before < criteria.end <= now() + timedelta(seconds=1)


def test_with_one_end_the_span_is_a_day() -> None:
    assert read("room=a&from=2026-03-01T09:00:00Z").end == NINE + timedelta(days=1)
    assert read("room=a&until=2026-03-01T09:00:00Z").start == NINE - timedelta(days=1)
    assert read("room=a&until=1970-01-01T09:00:00Z").start == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_end_now(preset: str) -> None:
    before = now()
    criteria = read(Criteria("a", None, NINE, NINE + AN_HOUR, NINE, 5).preset_query(preset))
    assert before < criteria.end <= now() + timedelta(seconds=1)
    assert criteria.room == "a"
    assert criteria.moment is None
    lengths = {"hour": AN_HOUR, "day": timedelta(days=1), "week": timedelta(weeks=1)}
    assert criteria.end - criteria.start == lengths.get(preset, criteria.end - criteria.start)


def test_today_begins_at_midnight_in_the_current_time_zone() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    with override(zone):
        start = read("room=a&last=today").start.astimezone(zone)
    assert (start.hour, start.minute) == (0, 0)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("room=" + "a" * 256, {"room"}),
        ("room=" + "ä" * 128, {"room"}),
        ("room=%00", {"room"}),
        ("room=a&from=yesterday", {"from"}),
        ("room=a&from=2026-13-01T00:00:00Z", {"from"}),
        ("room=a&from=1969-12-31T23:59:59Z", {"from"}),
        ("room=a&from=0001-01-01T00:00:00%2B14:00", {"from"}),
        ("room=a&until=9999-12-31T23:59:59-14:00", {"until"}),
        ("room=a&from=2036-01-01T00:00:00Z&until=2036-01-02T00:00:00Z", {"from"}),
        ("room=a&from=2026-03-01T09:00:00Z&until=2026-03-01T09:00:00Z", {"until"}),
        ("room=a&from=2026-03-01T09:00:00Z&until=2026-03-01T08:00:00Z", {"until"}),
        ("room=a&moment=2036-01-01T00:00:00Z", {"moment"}),
        ("room=a&last=year", {"last"}),
        ("room=a&stay=0", {"stay"}),
        ("room=a&stay=9223372036854775808", {"stay"}),
        ("room=a&stay=x", {"stay"}),
    ],
)
def test_an_invalid_value_is_an_error_of_its_field(query: str, wrong: set[str]) -> None:
    names = {"from": "start", "until": "end"}
    assert errors(query) == {names.get(name, name) for name in wrong}


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["user=x%00", "user=" + "9" * 40, "username=nobody+of+this+name"])
def test_an_impossible_user_is_an_error(query: str) -> None:
    assert errors(query) == {query.partition("=")[0]}


@pytest.mark.parametrize("room", ["no room", " room ", "a" * 255, "Küche", "a/b?c&d", "room\n", "<b>"])
def test_every_room_that_the_database_accepts_can_be_chosen(room: str) -> None:
    criteria = read(urlencode({"room": room, "last": "hour"}))
    assert criteria.room == room
    assert read(criteria.query()).room == room


def test_without_a_room_or_a_user_there_are_no_criteria() -> None:
    assert errors("") == set()
    assert errors("room=&username=&last=hour") == set()


def test_a_user_is_given_by_key(user: Any) -> None:
    assert read(f"user={user.pk}").user == user.pk


def test_a_user_is_found_by_name(user: Any, other_user: Any) -> None:
    assert read(f"username={quote(user.get_username())}").user == user.pk
    # An entered name replaces the user of the address.
    assert read(f"username={quote(user.get_username())}&user={other_user.pk}").user == user.pk


@pytest.mark.django_db
def test_a_deleted_user_is_found_by_key(django_user_model: Any) -> None:
    key = uuid4() if django_user_model._meta.pk.get_internal_type() == "UUIDField" else 424242
    assert read(f"username={key}").user == key


def test_the_form_shows_the_criteria_in_the_current_time_zone() -> None:
    with override(ZoneInfo("Europe/Berlin")):
        form = CriteriaForm.for_criteria(Criteria("a", None, NINE, NINE + AN_HOUR), "ada")
        shown = [str(form[name]) for name in ("room", "username", "start", "end")]
    for value, html in zip(["a", "ada", "2026-03-01T10:00:00", "2026-03-01T11:00:00"], shown, strict=True):
        assert f'value="{value}"' in html


def span(query: str) -> tuple[datetime, datetime]:
    criteria = read(query)
    return criteria.start, criteria.end


def test_a_span_can_be_shifted_and_zoomed() -> None:
    criteria = Criteria("a", None, NINE, NINE + 4 * AN_HOUR, stay=3)
    assert span(criteria.shifted_query(-0.5)) == (NINE - 2 * AN_HOUR, NINE + 2 * AN_HOUR)
    assert span(criteria.shifted_query(0.5)) == (NINE + 2 * AN_HOUR, NINE + 6 * AN_HOUR)
    assert span(criteria.zoomed_query(0.5)) == (NINE + AN_HOUR, NINE + 3 * AN_HOUR)
    assert span(criteria.zoomed_query(2)) == (NINE - 2 * AN_HOUR, NINE + 6 * AN_HOUR)
    assert dict(parse_qsl(criteria.zoomed_query(2)))["stay"] == "3"


def test_every_move_stays_within_valid_criteria() -> None:
    recent = Criteria("a", None, now() - AN_HOUR, now())
    early = Criteria("a", None, datetime(1970, 1, 1, 0, 1, tzinfo=UTC), datetime(1970, 1, 1, 1, tzinfo=UTC))
    for criteria in (recent, early):
        for query in (
            criteria.shifted_query(-0.5),
            criteria.shifted_query(0.5),
            criteria.zoomed_query(0.5),
            criteria.zoomed_query(2),
        ):
            read(query)
    closer = further = recent
    for _ in range(40):
        closer, further = read(closer.zoomed_query(0.5)), read(further.zoomed_query(2))
    assert closer.end - closer.start == timedelta(seconds=1)
    assert further.end - further.start == timedelta(days=3660)


def test_zooming_out_does_not_go_past_now() -> None:
    criteria = Criteria("a", None, now() - AN_HOUR, now().replace(microsecond=0))
    start, end = span(criteria.zoomed_query(2))
    assert end - now() <= timedelta(seconds=1)
    assert end - start == 2 * (criteria.end - criteria.start)


def test_the_known_part_of_a_span_ends_now() -> None:
    before = now()
    begun = Criteria("a", None, before - AN_HOUR, before + AN_HOUR)
    assert before <= begun.known_end <= now()
    ahead = Criteria("a", None, now() + AN_HOUR, now() + 2 * AN_HOUR)
    assert ahead.known_end == ahead.start + timedelta(microseconds=1)
    assert Criteria("a", None, NINE, NINE + AN_HOUR).known_end == NINE + AN_HOUR


def test_a_day_as_the_end_is_that_whole_day() -> None:
    criteria = read("room=a&from=2026-03-01&until=2026-03-02")
    assert criteria.end - criteria.start == timedelta(days=2)


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        ("2024-10-27", "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"),
        ("2024-03-31", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"),
    ],
)
def test_a_day_is_as_long_as_it_was(day: str, start: str, end: str) -> None:
    with override(ZoneInfo("Europe/Berlin")):
        criteria = read(f"room=a&from={day}&until={day}")
    assert (url_value(criteria.start), url_value(criteria.end)) == (start, end)


def test_an_ambiguous_time_is_the_first_of_the_two() -> None:
    with override(ZoneInfo("Europe/Berlin")):
        assert read("room=a&moment=2024-10-27T02:30").moment == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
        # This time does not exist: clocks are set forward.
        assert errors("room=a&moment=2024-03-31T02:30") == {"moment"}
        assert errors("room=a&moment=2024-13-31T02:30") == {"moment"}


@pytest.mark.parametrize("hour", [0, 1])
def test_submitting_the_shown_form_gives_the_same_criteria(hour: int) -> None:
    twice = datetime(2024, 10, 27, hour, 30, tzinfo=UTC)
    with override(ZoneInfo("Europe/Berlin")):
        form = CriteriaForm.for_criteria(Criteria("a", None, twice, twice + 5 * AN_HOUR, twice), "")
        shown = {form.add_prefix(name): form[name].value() for name in ("room", "start", "end", "moment")}
        query = urlencode(
            {
                name: form[field].field.widget.format_value(value)
                for (name, value), field in zip(shown.items(), ("room", "start", "end", "moment"), strict=True)
            }
        )
        criteria = read(query)
    assert (criteria.start, criteria.moment) == (twice, twice)


@pytest.mark.django_db
def test_a_key_that_is_the_name_of_another_user_stays_a_key(django_user_model: Any, user: Any) -> None:
    namesake = django_user_model.objects.create_user(str(user.pk))
    assert read(f"user={user.pk}&username={user.pk}&shown={user.pk}").user == user.pk
    assert read(f"user={user.pk}&username={user.pk}&shown=ada").user == namesake.pk


@pytest.mark.django_db
def test_an_emptied_name_removes_the_user(user: Any) -> None:
    assert read(f"room=a&user={user.pk}&username=&shown=ada").user is None


def test_a_name_may_begin_with_a_blank(user: Any) -> None:
    assert read("username=ada+").user == user.pk
    type(user).objects.filter(pk=user.pk).update(**{user.USERNAME_FIELD: " lead"})
    assert read("username=+lead").user == user.pk


def test_without_time_zones_times_are_those_of_the_site(settings: Any) -> None:
    settings.USE_TZ = False
    criteria = read("room=a&from=2026-03-01T10:00&until=2026-03-02")
    assert criteria.end - criteria.start == timedelta(hours=38)
    assert str(CriteriaForm.for_criteria(criteria, "")["start"]).count("2026-03-01T10:00:00") == 1
    assert errors("room=a&moment=2024-13-31T02:30") == {"moment"}


@pytest.mark.django_db
def test_a_connection_that_just_joined_is_in_a_span_that_ends_now() -> None:
    Room.objects.add("a", "1")
    assert read("room=a&last=hour").stays().count() == 1
