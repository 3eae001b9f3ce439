"""Questions about times before the horizon: an error, or what is left, and never an answer that only looks complete."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import DataError, connection
from django.db.models import Max
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from presence_events import export
from presence_events.exceptions import BeforeHorizon
from presence_events.models import PresenceEvent
from presence_events.positions import position_at
from presence_events.segments import closing, horizon
from projections.admin.links import stay_url
from projections.admin.stay_events import events_of
from projections.attendance import attendance
from projections.models import PresenceSession
from projections.replay.resend import resend
from projections.replay.state import state
from tests import retention, segments
from tests.backdating import Stay, write

A_DAY, A_MICROSECOND = timedelta(days=1), timedelta(microseconds=1)


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=retention.UTC)


HORIZON = at(2, 1)
TOUCHES_HORIZON = at(3, 16, 12)


@pytest.fixture(autouse=True)
def history(settings: Any, user: Any) -> None:
    """Stays of a day in January, February and March. Those of January and all touches are removed.

    The stay of January ended when February began, but in January by the day of appending.
    """
    settings.CHANNELS_PRESENCE_RETENTION = {"stays": timedelta(days=60), "touches": timedelta(days=7)}
    for part in ("touches", "stays"):
        segments.divide(part, date(2026, 2, 2), date(2026, 3, 1), date(2026, 4, 1))
    for month, day in ((1, 31), (2, 15), (3, 16)):
        start = at(month, day)
        write(Stay("room", f"c{month}", user, start, start + A_DAY, last_seen=start + A_DAY / 2))
    with segments.on(date(2026, 4, 8)):
        closing.close("default")
        retention.removing.apply("default")
    assert horizon.read("default")[:2] == (TOUCHES_HORIZON, HORIZON)


def channels(stays: Any) -> list[str]:
    return [stay.channel_name for stay in stays]


EVALUATIONS: list[Callable[[Any], Any]] = [
    list,
    lambda stays: stays.count(),
    lambda stays: stays.exists(),
    lambda stays: stays.first(),
    lambda stays: list(stays.iterator()),
    lambda stays: list(stays.values_list("room").distinct()),
    lambda stays: stays.aggregate(last=Max("left_at")),
    lambda stays: list(get_user_model().objects.filter(pk__in=stays.values("user_id"))),
    lambda stays: list(PresenceSession.objects.exclude(pk__in=stays)),
    lambda stays: list(stays.union(PresenceSession.objects.all())),
    lambda stays: list(stays.in_room("room").filter(is_open=False)),
    lambda stays: stays.explain(),
]


@pytest.mark.parametrize("evaluate", EVALUATIONS)
def test_a_query_raises_when_it_is_evaluated(evaluate: Callable[[Any], Any]) -> None:
    before = HORIZON - A_MICROSECOND
    with CaptureQueriesContext(connection) as captured:
        stays = [
            PresenceSession.objects.at(before),
            PresenceSession.objects.during(before, at(3, 1)),
            PresenceSession.objects.filter(room="room").order_by("left_at").at(before),
        ]
    assert not captured.captured_queries
    for query in stays:
        with pytest.raises(BeforeHorizon) as caught:
            evaluate(query)
        assert (caught.value.moment, caught.value.horizon) == (before, HORIZON)
    evaluate(PresenceSession.objects.at(HORIZON))


async def test_a_query_of_a_coroutine_raises_too() -> None:
    with pytest.raises(BeforeHorizon):
        await PresenceSession.objects.at(at(1, 31)).acount()
    with pytest.raises(BeforeHorizon):
        async for _ in PresenceSession.objects.at(at(1, 31)):
            pass
    assert await PresenceSession.objects.at(HORIZON).acount() == 0


def test_answers_from_the_horizon_on_are_complete() -> None:
    assert channels(PresenceSession.objects.at(HORIZON)) == []
    assert channels(PresenceSession.objects.at(at(2, 15, 1))) == ["c2"]
    assert channels(PresenceSession.objects.during(HORIZON, at(12, 1))) == ["c2", "c3"]


def test_a_partial_answer_is_what_is_left() -> None:
    assert channels(PresenceSession.objects.at(at(1, 31, 1), partial=True)) == []
    assert channels(PresenceSession.objects.during(at(1, 1), at(3, 1), partial=True)) == ["c2"]
    with CaptureQueriesContext(connection) as captured:
        list(PresenceSession.objects.at(at(1, 31, 1), partial=True))
    (query,) = [each["sql"] for each in captured if "presence_session" in each["sql"]]
    assert "horizon" not in query


def test_a_removal_between_the_check_and_the_statement_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(horizon, "require", lambda *arguments: None)
    with pytest.raises(DataError, match="is before the horizon"):
        list(PresenceSession.objects.at(HORIZON - A_MICROSECOND))
    assert channels(PresenceSession.objects.at(at(2, 15, 1))) == ["c2"]


def test_the_statement_checks_once() -> None:
    plan = PresenceSession.objects.at(at(3, 16, 1)).explain(analyze=True)
    assert plan.count("One-Time Filter: (InitPlan 1)") >= 1 or plan.count("One-Time Filter: $0") >= 1
    assert plan.count("InitPlan 1 ") + plan.count("InitPlan 1\n") >= 1
    assert "loops=1" in plan.split("InitPlan 1", 1)[1].split("\n")[1]
    assert "InitPlan 2" not in plan


def test_attendance_is_known_from_the_horizon_on(user: Any) -> None:
    with pytest.raises(BeforeHorizon) as caught:
        attendance("room", HORIZON - A_MICROSECOND, at(3, 1))
    assert (caught.value.moment, caught.value.horizon) == (HORIZON - A_MICROSECOND, HORIZON)
    report = attendance("room", HORIZON, at(3, 1))
    assert report.complete_from == HORIZON
    assert [attendee.certain for attendee in report.people] == [A_DAY]
    assert report.position == PresenceEvent.objects.latest("id").id


def test_activity_is_known_from_the_horizon_of_touches_on() -> None:
    with pytest.raises(BeforeHorizon):
        attendance("room", HORIZON, at(3, 1), activity=True)
    assert [person.active for person in attendance("room", TOUCHES_HORIZON, at(4, 1), activity=True).people] == [None]


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM presence_at({moment})",
        "SELECT * FROM presence_during({moment}, '2026-03-01Z')",
        "SELECT * FROM presence_occupancy('room', {moment}, '2026-03-01Z', '1 day')",
        "SELECT * FROM presence_attendance('room', {moment}, '2026-03-01Z')",
        "SELECT s.* FROM (VALUES ({moment})) AS m (moment), LATERAL presence_at(m.moment) AS s",
    ],
)
def test_sql_functions_raise_with_a_hint(question: str) -> None:
    with connection.cursor() as cursor:
        with pytest.raises(DataError, match="is before the horizon") as caught:
            cursor.execute(question.format(moment="timestamptz '2026-01-31Z'"))
        diagnostics = caught.value.__cause__.diag  # type: ignore[union-attr]
        assert diagnostics.sqlstate == "22PH1"
        assert "from 2026-02-01" in diagnostics.message_hint
        assert "presence_session" in diagnostics.message_hint
        cursor.execute(question.format(moment="timestamptz '2026-02-01Z'"))


def test_positions_and_events_before_the_later_horizon_are_refused() -> None:
    before = TOUCHES_HORIZON - A_MICROSECOND
    for question in (
        lambda: position_at(before, using="default"),
        lambda: export.events(before, None, using="default"),
        lambda: export.events(None, before, using="default"),
        lambda: resend("default", before, None),
        lambda: resend("default", None, before),
        lambda: resend("default", 1, None),
    ):
        with pytest.raises(BeforeHorizon) as caught:
            question()
        assert caught.value.horizon in (TOUCHES_HORIZON, horizon.read("default").position + 1)
    first_left = PresenceEvent.objects.order_by("id")[0].id
    assert position_at(at(1, 1), using="default", partial=True) <= first_left
    assert position_at(TOUCHES_HORIZON, using="default") > first_left


def test_states_before_the_baseline_are_refused() -> None:
    position = horizon.read("default").position
    with pytest.raises(BeforeHorizon), state("default", position=position - 1):
        pass
    with pytest.raises(BeforeHorizon), state("default", moment=TOUCHES_HORIZON - A_MICROSECOND):
        pass
    with state("default", position=position) as folded:
        assert [row[3] for row in folded.present()[1]] == ["c3"]
    with state("default", moment=TOUCHES_HORIZON) as folded:
        assert [row[3] for row in folded.present()[1]] == ["c3"]
    with pytest.raises(CommandError, match="horizon is"):
        call_command("presence_at", "1", stdout=StringIO())


def exported(*arguments: str) -> str:
    out = StringIO()
    call_command("export_presence", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_exports_of_times_before_the_horizon_are_refused_unless_partial_ones_are_wanted() -> None:
    for arguments in (
        ("sessions", "--from", "2026-01-31T00:00Z"),
        ("sessions", "--to", "2026-01-31T00:00Z"),
        ("events", "--from", "2026-02-20T00:00Z"),
        ("events", "--to", "2026-02-20T00:00Z"),
    ):
        with pytest.raises(CommandError, match="horizon"):
            exported(*arguments)
        assert exported(*arguments, "--partial").startswith("# horizon: ")
    # Stays are complete from their own horizon on, without touches.
    assert exported("sessions", "--from", "2026-02-01T00:00Z").startswith("session,")


def test_an_export_without_a_start_names_the_horizon() -> None:
    first, *lines = exported("sessions").splitlines()
    assert first == "# horizon: stays before 2026-02-01T00:00:00+00:00 were removed, apart from what follows"
    assert [row["channel_name"] for row in csv.DictReader(lines)] == ["c2", "c3"]
    assert exported("sessions", "--to", "2026-03-01T00:00Z").startswith("# horizon: stays before")
    first, *lines = exported("events", "--format", "jsonl").splitlines()
    assert json.loads(first) == {
        "horizon": {"touches": "2026-03-16T12:00:00+00:00", "stays": "2026-02-01T00:00:00+00:00"}
    }
    assert {json.loads(line)["kind"] for line in lines} == {"join", "leave"}
    assert exported("events", "--from", "2026-03-17T00:00Z").startswith("id,")


def test_the_timeline_shows_the_horizon_and_what_is_left(admin_client: Client) -> None:
    address = {"room": "room", "from": "2026-01-01T00:00:00Z", "until": "2026-03-01T00:00:00Z"}
    data = admin_client.get(reverse("admin:presence_timeline_data"), address).json()
    assert data["horizon"] == HORIZON.timestamp() * 1_000_000
    assert len(data["stays"]) == 1
    page = admin_client.get(reverse("admin:presence_timeline"), address).content.decode()
    assert page.count('<p class="horizon">') == 1
    assert "c2" in page
    early = {**address, "until": "2026-01-20T00:00:00Z"}
    page = admin_client.get(reverse("admin:presence_timeline"), early).content.decode()
    assert page.count('<p class="horizon">') == 2
    assert "<p>There were no stays in this span.</p>\n  " not in page
    assert "No connections." not in page
    assert admin_client.get(reverse("admin:presence_timeline_csv"), early).status_code == 200
    later = {**address, "from": "2026-02-01T00:00:00Z"}
    assert admin_client.get(reverse("admin:presence_timeline_data"), later).json()["horizon"] is None
    assert '<p class="horizon">' not in admin_client.get(reverse("admin:presence_timeline"), later).content.decode()


def test_the_events_of_a_stay_are_not_complete_without_its_touches() -> None:
    (stay,) = PresenceSession.objects.at(at(2, 15, 1))
    found = events_of(stay)
    assert [event.kind for event in found.events] == ["join", "leave"]
    assert not found.complete
    write(Stay("room", "new", None, at(4, 10), at(4, 11)))
    assert events_of(PresenceSession.objects.get(channel_name="new")).complete


def test_the_list_of_stays_says_that_some_may_be_missing(admin_client: Client) -> None:
    address = reverse("admin:projections_presencesession_changelist")
    span = {"from": "2026-01-01", "until": "2026-03-01"}
    page = admin_client.get(address, span).content.decode()
    assert "Events before " in page
    assert ">c2<" in page.replace("<bdi>", "").replace("</bdi>", "")
    later = admin_client.get(address, {**span, "from": "2026-02-02"}).content.decode()
    assert "Events before " not in later
    (stay,) = PresenceSession.objects.at(at(2, 15, 1))
    assert admin_client.get(stay_url(stay)).status_code == 200


def test_the_timeline_of_a_user_counts_companions_from_the_horizon_on(admin_client: Client, user: Any) -> None:
    for end in ("2026-01-20", "2026-03-01"):
        address = {"user": user.pk, "from": "2026-01-01T00:00:00Z", "until": f"{end}T00:00:00Z"}
        assert admin_client.get(reverse("admin:presence_timeline"), address).status_code == 200


def test_many_stays_are_counted_from_the_horizon_on(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from projections.admin.timeline import drawing

    monkeypatch.setattr(drawing, "MAX_DRAWN_STAYS", 0)
    for end in ("2026-01-20", "2026-03-01"):
        address = {"room": "room", "from": "2026-01-01T00:00:00Z", "until": f"{end}T00:00:00Z"}
        data = admin_client.get(reverse("admin:presence_timeline_data"), address).json()
        assert all(time >= data["horizon"] for time, _, _ in data["counts"])
        assert bool(data["counts"]) == (end == "2026-03-01")
