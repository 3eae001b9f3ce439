"""What the timeline is asked, and how it stands in an address."""

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
from projections.times import written

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


def asked(query: str) -> Criteria:
    form = CriteriaForm(QueryDict(query))
    question = form.question()
    assert question is not None, form.errors
    return question


def errors(query: str) -> set[str]:
    form = CriteriaForm(QueryDict(query))
    assert form.question() is None
    return set(form.errors)


def now() -> datetime:
    return datetime.now(UTC)


def test_an_address_says_everything() -> None:
    question = asked(
        "room=lobby&from=2026-03-01T09:00:00Z&until=2026-03-01T10:00:00Z&moment=2026-03-01T09:30:00.5Z&stay=7"
    )
    assert question == Criteria("lobby", None, NINE, NINE + AN_HOUR, NINE + timedelta(minutes=30, milliseconds=500), 7)


@given(
    start=st.datetimes(datetime(1970, 1, 2), datetime(2026, 1, 1), timezones=st.just(UTC)),
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=3000)),
    moment=st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2026, 1, 1), timezones=st.just(UTC)),
    stay=st.none() | st.integers(1, 2**63 - 1),
    room=st.from_regex(r"\A[a-zA-Z0-9._-]{1,99}\Z"),
)
def test_what_is_written_is_read_as_the_same(
    start: datetime, length: timedelta, moment: datetime | None, stay: int | None, room: str
) -> None:
    question = Criteria(room, None, start, start + length, moment, stay)
    assert asked(question.query()) == question


def test_times_without_an_offset_are_in_the_current_time_zone() -> None:
    with override(ZoneInfo("Europe/Berlin")):
        question = asked("room=a&from=2026-03-01T10:00&until=2026-03-01T11:00")
    assert (question.start, question.end) == (NINE, NINE + AN_HOUR)


@pytest.mark.parametrize("missing", ["", "from=&until="])
def test_without_a_span_it_is_the_last_day(missing: str) -> None:
    question = asked(f"room=a&{missing}")
    assert question.end - question.start == timedelta(days=1)
    assert abs(now() - question.end) < timedelta(seconds=20)


def test_with_one_end_the_span_is_a_day() -> None:
    assert asked("room=a&from=2026-03-01T09:00:00Z").end == NINE + timedelta(days=1)
    assert asked("room=a&until=2026-03-01T09:00:00Z").start == NINE - timedelta(days=1)
    assert asked("room=a&until=1970-01-01T09:00:00Z").start == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_end_now(preset: str) -> None:
    question = asked(Criteria("a", None, NINE, NINE + AN_HOUR, NINE, 5).preset(preset))
    assert abs(now() - question.end) < timedelta(seconds=20)
    assert question.room == "a"
    assert question.moment is None
    lengths = {"hour": AN_HOUR, "day": timedelta(days=1), "week": timedelta(weeks=1)}
    assert question.end - question.start == lengths.get(preset, question.end - question.start)


def test_today_begins_at_midnight_in_the_current_time_zone() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    with override(zone):
        start = asked("room=a&last=today").start.astimezone(zone)
    assert (start.hour, start.minute) == (0, 0)


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("room=no room", {"room"}),
        ("room=" + "a" * 200, {"room"}),
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
def test_junk_is_an_error_of_its_field(query: str, wrong: set[str]) -> None:
    names = {"from": "start", "until": "end"}
    assert errors(query) == {names.get(name, name) for name in wrong}


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["user=x%00", "user=" + "9" * 40, "username=nobody+of+this+name"])
def test_who_cannot_be_is_an_error(query: str) -> None:
    assert errors(query) == {query.partition("=")[0]}


def test_without_a_room_and_a_user_nothing_is_asked() -> None:
    assert errors("") == set()
    assert errors("room=&username=&last=hour") == set()


def test_a_user_is_asked_for_by_key(user: Any) -> None:
    assert asked(f"user={user.pk}").user == user.pk


def test_a_user_is_found_by_name(user: Any, other_user: Any) -> None:
    assert asked(f"username={quote(user.get_username())}").user == user.pk
    # Whoever types a name wants that user, whatever the address said before.
    assert asked(f"username={quote(user.get_username())}&user={other_user.pk}").user == user.pk


@pytest.mark.django_db
def test_a_user_who_was_deleted_is_found_by_key(django_user_model: Any) -> None:
    key = uuid4() if django_user_model._meta.pk.get_internal_type() == "UUIDField" else 424242
    assert asked(f"username={key}").user == key


def test_the_form_shows_what_was_asked_in_the_current_time_zone() -> None:
    with override(ZoneInfo("Europe/Berlin")):
        form = CriteriaForm.showing(Criteria("a", None, NINE, NINE + AN_HOUR), "ada")
        shown = [str(form[name]) for name in ("room", "username", "start", "end")]
    for value, html in zip(["a", "ada", "2026-03-01T10:00:00", "2026-03-01T11:00:00"], shown, strict=True):
        assert f'value="{value}"' in html


def span(query: str) -> tuple[datetime, datetime]:
    question = asked(query)
    return question.start, question.end


def test_a_span_can_be_shifted_and_zoomed() -> None:
    question = Criteria("a", None, NINE, NINE + 4 * AN_HOUR, stay=3)
    assert span(question.shifted(-0.5)) == (NINE - 2 * AN_HOUR, NINE + 2 * AN_HOUR)
    assert span(question.shifted(0.5)) == (NINE + 2 * AN_HOUR, NINE + 6 * AN_HOUR)
    assert span(question.zoomed(0.5)) == (NINE + AN_HOUR, NINE + 3 * AN_HOUR)
    assert span(question.zoomed(2)) == (NINE - 2 * AN_HOUR, NINE + 6 * AN_HOUR)
    assert dict(parse_qsl(question.zoomed(2)))["stay"] == "3"


def test_no_move_leads_out_of_what_can_be_asked() -> None:
    recent = Criteria("a", None, now() - AN_HOUR, now())
    early = Criteria("a", None, datetime(1970, 1, 1, 0, 1, tzinfo=UTC), datetime(1970, 1, 1, 1, tzinfo=UTC))
    for question in (recent, early):
        for query in (question.shifted(-0.5), question.shifted(0.5), question.zoomed(0.5), question.zoomed(2)):
            asked(query)
    closer = further = recent
    for _ in range(40):
        closer, further = asked(closer.zoomed(0.5)), asked(further.zoomed(2))
    assert closer.end - closer.start == timedelta(seconds=1)
    assert further.end - further.start == timedelta(days=3660)


def test_zooming_out_does_not_lead_past_now() -> None:
    question = Criteria("a", None, now() - AN_HOUR, now().replace(microsecond=0))
    start, end = span(question.zoomed(2))
    assert end - now() <= timedelta(seconds=1)
    assert end - start == 2 * (question.end - question.start)


def test_of_the_future_nothing_is_known() -> None:
    begun = Criteria("a", None, now() - AN_HOUR, now() + AN_HOUR)
    assert abs(begun.known_end - now()) < timedelta(seconds=20)
    ahead = Criteria("a", None, now() + timedelta(seconds=50), now() + AN_HOUR)
    assert ahead.known_end == ahead.start + timedelta(microseconds=1)
    assert Criteria("a", None, NINE, NINE + AN_HOUR).known_end == NINE + AN_HOUR


def test_a_day_as_the_end_is_that_whole_day() -> None:
    question = asked("room=a&from=2026-03-01&until=2026-03-02")
    assert question.end - question.start == timedelta(days=2)


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        ("2024-10-27", "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"),
        ("2024-03-31", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"),
    ],
)
def test_a_day_is_as_long_as_it_was(day: str, start: str, end: str) -> None:
    with override(ZoneInfo("Europe/Berlin")):
        question = asked(f"room=a&from={day}&until={day}")
    assert (written(question.start), written(question.end)) == (start, end)


def test_of_an_hour_that_comes_twice_the_first_is_meant() -> None:
    with override(ZoneInfo("Europe/Berlin")):
        assert asked("room=a&moment=2024-10-27T02:30").moment == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
        # When clocks are set forward there is no such time.
        assert errors("room=a&moment=2024-03-31T02:30") == {"moment"}
        assert errors("room=a&moment=2024-13-31T02:30") == {"moment"}


@pytest.mark.parametrize("hour", [0, 1])
def test_the_form_asks_for_what_it_shows(hour: int) -> None:
    twice = datetime(2024, 10, 27, hour, 30, tzinfo=UTC)
    with override(ZoneInfo("Europe/Berlin")):
        form = CriteriaForm.showing(Criteria("a", None, twice, twice + 5 * AN_HOUR, twice), "")
        shown = {form.add_prefix(name): form[name].value() for name in ("room", "start", "end", "moment")}
        query = urlencode(
            {
                name: form[field].field.widget.format_value(value)
                for (name, value), field in zip(shown.items(), ("room", "start", "end", "moment"), strict=True)
            }
        )
        question = asked(query)
    assert (question.start, question.moment) == (twice, twice)


@pytest.mark.django_db
def test_a_key_that_is_somebody_elses_name_stays_a_key(django_user_model: Any, user: Any) -> None:
    namesake = django_user_model.objects.create_user(str(user.pk))
    assert asked(f"user={user.pk}&username={user.pk}&shown={user.pk}").user == user.pk
    assert asked(f"user={user.pk}&username={user.pk}&shown=ada").user == namesake.pk


@pytest.mark.django_db
def test_a_name_that_was_emptied_asks_for_nobody(user: Any) -> None:
    assert asked(f"room=a&user={user.pk}&username=&shown=ada").user is None


def test_a_name_may_begin_with_a_blank(user: Any) -> None:
    assert asked("username=ada+").user == user.pk
    type(user).objects.filter(pk=user.pk).update(**{user.USERNAME_FIELD: " lead"})
    assert asked("username=+lead").user == user.pk


def test_without_time_zones_times_are_those_of_the_site(settings: Any) -> None:
    settings.USE_TZ = False
    question = asked("room=a&from=2026-03-01T10:00&until=2026-03-02")
    assert question.end - question.start == timedelta(hours=38)
    assert str(CriteriaForm.showing(question, "")["start"]).count("2026-03-01T10:00:00") == 1
    assert errors("room=a&moment=2024-13-31T02:30") == {"moment"}


@pytest.mark.django_db
def test_who_has_just_come_is_in_a_span_that_ends_now() -> None:
    Room.objects.add("a", "1")
    assert asked("room=a&last=hour").stays().count() == 1
