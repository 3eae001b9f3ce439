"""CSV and JSON lines: a parser reads exactly what the database has."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any
from uuid import UUID

import pytest
from django.db import DataError, connection, connections, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from presence_events import export
from presence_events.models import PresenceEvent
from presence_events.positions import CLOCK_TOLERANCE
from presence_events.recorder import Draft, record
from tests import backdating, unreadable
from tests.exported import read, rows_of, write_touches
from tests.plans import of_log

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)

forms = pytest.mark.parametrize("form", export.FORMATS)


def exported(rows: QuerySet[Any], form: str) -> str:
    out = BytesIO()
    count = export.copy(rows, out.write, form)
    text = out.getvalue().decode()
    assert len(read(text, form, rows.model)) == count
    return text


def assert_round_trip(rows: QuerySet[Any], form: str) -> None:
    assert read(exported(rows, form), form, rows.model) == rows_of(rows)


@pytest.fixture
def history(db: None, user: Any) -> None:
    """Every kind of event, and every column with and without a value."""
    backdating.write(
        backdating.Stay(
            "lobby", "a!1", user, NOON, NOON + 9 * SECOND, last_seen=NOON + 4 * SECOND, data={"device": "phone"}
        ),
        backdating.Stay("lobby", "b", None, NOON + SECOND, NOON + 2 * SECOND, "prune", reason="silent"),
        backdating.Stay("hall", "b", user, NOON + timedelta(microseconds=1_200_034)),
        backdating.RoomPruned("lobby", NOON + 10 * SECOND),
    )


@forms
@pytest.mark.usefixtures("history")
def test_events_are_read_back_unchanged(form: str) -> None:
    assert PresenceEvent.objects.count() == 7
    assert_round_trip(PresenceEvent.objects.all(), form)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
STORABLE = ANYTHING.filter(lambda data: "\\u0000" not in json.dumps(data))


@forms
@pytest.mark.django_db
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=STORABLE, reason=STORABLE)
def test_any_data_is_read_back_unchanged(form: str, data: Any, reason: Any) -> None:
    with transaction.atomic():
        record([Draft("join", "room", "channel", data=data)])
        record([Draft("leave", "room", "channel", data=reason)])
        assert_round_trip(PresenceEvent.objects.all(), form)
        transaction.set_rollback(True)


HOSTILE = [
    'a "quoted" word',
    "one\ntwo\r\nthree\rfour",
    "a,b;c\td",
    "\\",
    "\\.",
    "\\N",
    "\\n",
    "'; DROP TABLE presence_event; --",
    "%s %(name)s %% {} {0}",
    "\x01\x02\x07\x1b\x7f",
    "\x85\u2028\u2029\ufeff",
    "Zoë 漢字 \U0001f600",
    " ",
    "=1+1",
]


@forms
@pytest.mark.django_db
@pytest.mark.parametrize("text", HOSTILE)
def test_names_that_only_sql_can_insert_are_read_back_unchanged(form: str, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, data) VALUES ('join', %s, %s, to_jsonb(%s::text))",
            [text, text, text],
        )
    assert_round_trip(PresenceEvent.objects.all(), form)
    assert_round_trip(PresenceEvent.objects.filter(room=text, channel_name__contains=text), form)


@pytest.mark.django_db
def test_csv_distinguishes_null_from_an_empty_text() -> None:
    backdating.write(backdating.Stay("", "c", None, NOON))
    _, line = exported(PresenceEvent.objects.all(), "csv").splitlines()
    assert ',join,"",c,,' in line


@forms
@pytest.mark.django_db
@pytest.mark.parametrize("text", unreadable.DATA.values(), ids=list(unreadable.DATA))
def test_data_that_python_cannot_read_is_exported_as_it_is(form: str, text: str) -> None:
    record([Draft("join", "room", "channel")])
    unreadable.set_data(text)
    out = BytesIO()
    assert export.copy(PresenceEvent.objects.all(), out.write, form) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM presence_event")
        (stored,) = cursor.fetchone()
    assert (stored.replace('"', '""') if form == "csv" else stored) in out.getvalue().decode()


@pytest.mark.usefixtures("history")
def test_csv_begins_with_the_names_of_the_columns() -> None:
    lines = exported(PresenceEvent.objects.all(), "csv").split("\n")
    assert set(lines[0].split(",")) == {field.column for field in PresenceEvent._meta.concrete_fields}
    assert len(lines) == 7 + 2
    assert lines[-1] == ""


@pytest.mark.usefixtures("history")
def test_in_json_lines_data_is_json_and_numbers_are_numbers() -> None:
    line = exported(PresenceEvent.objects.filter(data__device="phone"), "jsonl")
    event = json.loads(line)
    assert event["data"] == {"device": "phone"}
    assert type(event["id"]) is type(event["tx"]) is int
    assert event["at"] == "2026-03-01T12:00:00+00:00"
    assert event["last_seen"] is None


@forms
@pytest.mark.usefixtures("history")
def test_rows_come_in_the_order_of_their_model(form: str) -> None:
    backwards = PresenceEvent.objects.order_by("-id")
    assert exported(backwards, form) == exported(backwards.order_by("?"), form)
    assert [row["id"] for row in read(exported(backwards, form), form, PresenceEvent)] == list(
        PresenceEvent.objects.values_list("id", flat=True)
    )


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("nothing", [{"room": "nowhere"}, {"pk__in": []}])
def test_without_rows_there_is_a_csv_header_and_no_json_line(nothing: dict[str, Any]) -> None:
    rows = PresenceEvent.objects.filter(**nothing)
    assert exported(rows, "csv").count("\n") == 1
    assert exported(rows, "jsonl") == ""


@pytest.fixture
def bound_on_the_server() -> Iterator[str]:
    """A database alias whose connection sends parameters separately from statements."""
    wrapper: Any = connection.copy("bound")
    wrapper.settings_dict["OPTIONS"] = {**wrapper.settings_dict["OPTIONS"], "server_side_binding": True}
    connections["bound"] = wrapper
    with closing(wrapper):
        yield "bound"
    del connections["bound"]


@forms
@pytest.mark.django_db(transaction=True)
def test_server_side_binding_of_parameters_is_supported(form: str, bound_on_the_server: str) -> None:
    record([Draft("join", "room", "channel", data={"percent": "100 %s"})])
    start = timezone.now() - timedelta(minutes=1)
    rows = export.events(start, start + timedelta(minutes=2), using=bound_on_the_server).filter(
        room__in=["room", "it's"], user=None, data__percent="100 %s"
    )
    assert len(rows_of(rows)) == 1
    assert_round_trip(rows, form)


@forms
@pytest.mark.usefixtures("history")
def test_an_export_is_one_query_that_django_logs(form: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        exported(PresenceEvent.objects.all(), form)
    assert [query["sql"].split()[0] for query in queries] == ["COPY"]


@pytest.mark.django_db(transaction=True)
def test_a_writer_that_raises_cancels_the_query_and_the_connection_stays_usable() -> None:
    write_touches(20_000)
    lines = []

    def fail(line: memoryview) -> None:
        lines.append(bytes(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.copy(PresenceEvent.objects.all(), fail, "csv")
    assert len(lines) == 1
    assert PresenceEvent.objects.count() == 20_000


@pytest.mark.django_db(transaction=True)
def test_a_database_error_is_raised_as_one_of_djangos() -> None:
    record([Draft("join", "room", "channel")])
    with pytest.raises(DataError, match="division by zero"):
        export.copy(PresenceEvent.objects.extra(where=["1 / (id - id) = 1"]), BytesIO().write, "csv")


@pytest.mark.usefixtures("history")
def test_an_export_leaves_no_settings_in_the_database_connection() -> None:
    def settings() -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings ORDER BY name")
            return cursor.fetchall()

    before = settings()
    for form in export.FORMATS:
        exported(PresenceEvent.objects.all(), form)
    assert settings() == before


@forms
@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("style", ["SQL, DMY", "German", "Postgres, MDY"])
def test_times_do_not_depend_on_the_date_style_of_the_database_connection(form: str, style: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('DateStyle', %s, true)", [style])
        cursor.execute("SET LOCAL TimeZone = 'Asia/Kathmandu'")
    (event,) = read(exported(PresenceEvent.objects.filter(data__device="phone"), form), form, PresenceEvent)
    assert event["at"] == NOON
    assert event["at"].utcoffset() == timedelta(hours=5, minutes=45)


@forms
@pytest.mark.usefixtures("history")
def test_without_use_tz_times_have_the_offset_of_the_site(form: str, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Kathmandu"
    settings.USE_TZ = False
    naive = datetime(2026, 3, 1, 17, 45)
    (event,) = read(exported(export.events(naive, naive + SECOND, using="default"), form), form, PresenceEvent)
    assert event["at"] == NOON
    assert event["at"].utcoffset() == timedelta(hours=5, minutes=45)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, range(7)),
        (1, None, range(1, 7)),
        (1.2, None, range(2, 7)),
        (None, 1, range(1)),
        (None, 9.5, range(6)),
        (1, 9, range(1, 5)),
        (-1000, 1000, range(7)),
        (-1000, 0, range(0)),
        (10.5, 11, range(0)),
    ],
)
def test_a_range_is_half_open(start: float | None, end: float | None, expected: range) -> None:
    start_at = None if start is None else NOON + start * SECOND
    end_at = None if end is None else NOON + end * SECOND
    found = export.events(start_at, end_at, using="default")
    assert list(found) == list(PresenceEvent.objects.order_by("id"))[expected.start : expected.stop]


@pytest.mark.django_db
def test_events_whose_clock_was_set_back_are_found() -> None:
    """The order of times may deviate from the order of positions by up to `CLOCK_TOLERANCE`."""
    write_touches(200)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE presence_event SET at = at - %s WHERE id BETWEEN 100 AND 110",
            [CLOCK_TOLERANCE - timedelta(seconds=1)],
        )
    log = list(PresenceEvent.objects.all())
    for position in range(80, 120):
        start, end = log[position].at, log[position].at + timedelta(seconds=3)
        assert list(export.events(start, end, using="default")) == [event for event in log if start <= event.at < end]


@forms
@pytest.mark.django_db
def test_a_range_is_found_by_positions_without_reading_the_whole_log(form: str) -> None:
    write_touches(20_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE presence_event")  # the statistics may be those of an earlier test
    hour = timedelta(hours=1)
    rows = export.events(timezone.now() - 2 * hour, timezone.now() - hour, using="default").filter(room="room-3")
    plan = of_log(rows.explain(analyze=True))
    assert "presence_event_pkey" in plan
    assert "Seq Scan" not in plan
    assert len(rows) == 360
    assert len(exported(rows, form).splitlines()) - (form == "csv") == 360


class TestWrite:
    COLUMNS = ("a", "b", "c")
    ROWS: tuple[tuple[Any, ...], ...] = (
        (1, 'a "quoted", text\nof two lines', None),
        (1.5, {"ä": [1, None]}, True),
        (UUID(int=7), datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), []),
    )

    def written(self, form: str) -> StringIO:
        stream = StringIO()
        export.write(stream, form, self.COLUMNS, self.ROWS)
        stream.seek(0)
        return stream

    def test_csv_is_read_back(self, settings: Any) -> None:
        settings.TIME_ZONE = "UTC"
        assert list(csv.reader(self.written("csv"))) == [
            ["a", "b", "c"],
            ["1", 'a "quoted", text\nof two lines', ""],
            ["1.5", '{"ä": [1, null]}', "true"],
            ["00000000-0000-0000-0000-000000000007", "2026-03-01T12:00:00.123456+00:00", "[]"],
        ]

    def test_json_lines_are_read_back(self, settings: Any) -> None:
        settings.TIME_ZONE = "UTC"
        assert [json.loads(line) for line in self.written("jsonl")] == [
            {"a": 1, "b": 'a "quoted", text\nof two lines', "c": None},
            {"a": 1.5, "b": {"ä": [1, None]}, "c": True},
            {"a": "00000000-0000-0000-0000-000000000007", "b": "2026-03-01T12:00:00.123456+00:00", "c": []},
        ]
