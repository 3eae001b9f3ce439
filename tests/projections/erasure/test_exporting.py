"""All that is held about a person, as JSON and CSV."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presence_events.exceptions import NotErasable
from presence_events.models import PresenceEvent
from projections.erasure import erase_person, export_person
from projections.final_reports.annotating import annotate
from projections.final_reports.making import make_due_reports
from projections.final_reports.records import AttendanceReport
from projections.final_reports.scheduling import schedule_report
from projections.models import DeadLetter, Presence, PresenceSession, Room
from tests.archives import age, archive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history(user: Any, other_user: Any) -> None:
    Room.objects.add("room", "a", user, {"text": 'quote ", comma , and newline\n'})
    Room.objects.add("hall", "b", user, {"n": 1})
    Room.objects.add("room", "c", other_user, {"secret": 1})
    Presence.objects.touch("a")
    Room.objects.remove("room", "a")


def test_the_export_has_all_and_nothing_of_others(history: None, user: Any, tmp_path: Path) -> None:
    counts = export_person(user, tmp_path / "new")
    nothing = dict.fromkeys(("baseline", "reports", "schedules", "corrections", "dead_letters"), 0)
    assert counts == {"events": 4, "stays": 2, "presences": 1, **nothing}
    text = (tmp_path / "new" / "person.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert "secret" not in text
    assert found["person"] == str(user.pk)
    assert {name: len(found[name]) for name in counts} == counts
    assert found["events"][0]["data"] == {"text": 'quote ", comma , and newline\n'}
    for name, number in counts.items():
        with (tmp_path / "new" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            assert len(list(csv.DictReader(stream))) == number


def test_each_field_has_a_description(history: None, user: Any, tmp_path: Path) -> None:
    export_person(user, tmp_path)
    found = json.loads((tmp_path / "person.json").read_text(encoding="utf-8"))
    for name in ("events", "stays", "presences"):
        assert set(found[name][0]) == set(found["fields"][name])
    assert found["fields"]["events"]["room"] == ("room. The name of the room; empty for events of a server process.")
    with (tmp_path / "fields.csv").open(encoding="utf-8", newline="") as stream:
        described = [tuple(row) for row in csv.reader(stream)][1:]
    assert described == [
        (table, field, text) for table, fields in found["fields"].items() for field, text in fields.items()
    ]


def test_what_operators_have_written_about_a_person_is_exported(
    history: None, user: Any, other_user: Any, tmp_path: Path
) -> None:
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    for number, expected in enumerate(([user, other_user], [other_user])):
        schedule_report("room", f"Weekly {number}", start, start + timedelta(hours=1), expected=expected)
    make_due_reports("default")
    report = AttendanceReport.objects.get(title="Weekly 1")
    annotate(report, user, "Was ill.", "A letter")
    annotate(report, other_user, "Was not.", "A call")
    both = PresenceEvent.objects.order_by("id").values_list("id", flat=True)
    letter = {"worker": "main", "receiver": "notify", "tries": 5}
    DeadLetter.objects.create(first=both[0], last=both[len(both) - 1], error="names both", **letter)
    DeadLetter.objects.create(first=both[0], last=both[0], error="names ada", **letter)
    DeadLetter.objects.create(first=both[2], last=both[2], error="names grace", **letter)
    counts = export_person(user, tmp_path)
    text = (tmp_path / "person.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert [row["title"] for row in found["schedules"]] == ["Weekly 0"]
    assert [(row["correction"], row["reason"]) for row in found["corrections"]] == [("Was ill.", "A letter")]
    assert [row["error"] for row in found["dead_letters"]] == ["", "names ada"]
    assert {name: counts[name] for name in ("schedules", "corrections", "dead_letters")} == {
        "schedules": 1,
        "corrections": 1,
        "dead_letters": 2,
    }
    for name in ("schedules", "corrections", "dead_letters"):
        assert set(found[name][0]) == set(found["fields"][name])
    assert "grace" not in text


def test_archives_are_read_too(history: None, user: Any, tmp_path: Path) -> None:
    Room.objects.remove("hall", "b")
    Room.objects.remove("room", "c")
    age()
    archive(tmp_path / "days")
    counts = export_person(user, tmp_path, archives=[tmp_path / "days"])
    found = json.loads((tmp_path / "person.json").read_text(encoding="utf-8"))
    assert counts["archived"] == len(found["archived"]) == 5
    assert {row["user_id"] for row in found["archived"]} == {str(user.pk)}
    with (tmp_path / "archived.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["kind"] for row in csv.DictReader(stream)] == [row["kind"] for row in found["archived"]]


def test_nothing_is_left_to_export_after_an_erasure(history: None, user: Any, tmp_path: Path) -> None:
    erase_person(user)
    assert set(export_person(user, tmp_path).values()) == {0}
    with pytest.raises(NotErasable):
        export_person(PresenceSession.objects.filter(room="hall").get().user_id, tmp_path)
