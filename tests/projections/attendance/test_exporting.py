"""Sheets as files: complete, with their time zone, and harmless in spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.utils.timezone import override

from projections.attendance.exporting import as_bytes
from projections.attendance.periods import Period
from projections.attendance.rows import Row, Status
from projections.attendance.sheets import Sheet
from projections.attendance.table import Line

NINE = datetime(2024, 3, 4, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ADA = Row(
    Status.POSSIBLE,
    "7",
    "ada",
    is_expected=True,
    first_in=NINE,
    last_out=NINE + 30 * MINUTE,
    last_seen=NINE + 20 * MINUTE,
    certain=20 * MINUTE,
    possible=30 * MINUTE,
    stays=2,
    longest_absence=timedelta(seconds=1.5),
    late=None,
    left_early=30 * MINUTE,
    active=5 * MINUTE,
    periods=(Period(NINE, NINE + 20 * MINUTE, True), Period(NINE + 20 * MINUTE, NINE + 30 * MINUTE, False)),
)
ZOE = Row(Status.MISSING, "8", "zoe", is_expected=True)
HOSTILE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", '=HYPERLINK("x")']


@pytest.fixture(autouse=True)
def _in_berlin() -> Any:
    with override(ZoneInfo("Europe/Berlin")):
        yield


def sheet(*rows: Row, **changes: Any) -> Sheet:
    facts: dict[str, Any] = {"room": "planning", "start": NINE, "end": NINE + 60 * MINUTE, "position": 42}
    return Sheet(**{**facts, "until": NINE + 60 * MINUTE, "rows": rows, **changes})


def named(name: str | None) -> Row:
    return Row(Status.MISSING, "8", name)


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def read_xlsx(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content)).active


def test_a_row_survives_its_form_as_json() -> None:
    for row in (ADA, ZOE, named(None)):
        assert Row.from_json(json.loads(json.dumps(row.as_json()))) == row


def test_csv_has_the_columns_of_the_command_and_times_with_an_offset() -> None:
    ada, zoe = read_csv(as_bytes(sheet(ADA, ZOE), "csv"))
    assert tuple(ada) == Line._fields
    assert (ada["status"], ada["user_id"], ada["name"], ada["is_expected"]) == ("possible", "7", "ada", "true")
    assert (ada["first_in"], ada["certain"], ada["percent_possible"]) == ("2024-03-04T10:00:00+01:00", "1200.0", "50.0")
    assert (ada["longest_absence"], ada["late"], ada["active"]) == ("1.5", "", "300.0")
    assert (zoe["status"], zoe["first_in"], zoe["certain"]) == ("missing", "", "0.0")


def test_json_says_what_the_figures_are_about() -> None:
    complete_from = NINE + MINUTE
    found = json.loads(as_bytes(sheet(ADA, title="Weekly", seal=3, complete_from=complete_from), "json"))
    people = found.pop("people")
    assert found == {
        "title": "Weekly",
        "room": "planning",
        "from": "2024-03-04T10:00:00+01:00",
        "until": "2024-03-04T11:00:00+01:00",
        "figures_until": "2024-03-04T11:00:00+01:00",
        "time_zone": "Europe/Berlin",
        "position": 42,
        "seal": 3,
        "complete_from": "2024-03-04T10:01:00+01:00",
    }
    assert people[0]["last_out"] == "2024-03-04T10:30:00+01:00"
    assert (people[0]["certain"], people[0]["percent_certain"]) == (1200, 33.3)


def test_a_spreadsheet_has_times_and_durations_as_numbers_and_names_its_time_zone() -> None:
    page = read_xlsx(as_bytes(sheet(ADA, ZOE, title="Weekly"), "xlsx"))
    facts = {page.cell(row, 1).value: page.cell(row, 2).value for row in range(1, 10)}
    assert (facts["Title"], facts["Room"], facts["Time zone"]) == ("Weekly", "planning", "Europe/Berlin")
    assert facts["From"] == datetime(2024, 3, 4, 10)
    heads = [cell.value for cell in page[11]]
    ada = {head: page.cell(12, column) for column, head in enumerate(heads, start=1)}
    assert ada["Name"].value == "ada"
    assert ada["First in"].value == datetime(2024, 3, 4, 10)
    assert ada["Certain"].value == timedelta(minutes=20)
    assert ada["Certain"].number_format == "[h]:mm:ss"
    assert (ada["Certain, percent"].value, ada["Late"].value, ada["Expected"].value) == (33.3, None, True)
    assert page.cell(13, 1).value == "zoe"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_a_formula_in_csv(name: str) -> None:
    (row,) = read_csv(as_bytes(sheet(named(name)), "csv"))
    assert row["name"] == "'" + name.replace("\r", " ")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_is_a_formula_in_a_spreadsheet_and_all_are_readable(name: str) -> None:
    content = as_bytes(sheet(named(name), title=name), "xlsx")
    cells = [read_xlsx(content).cell(12, 1), read_xlsx(content).cell(1, 2)]
    for cell in cells:
        assert cell.data_type == "s"
        assert cell.quotePrefix
        assert cell.value.split() == name.split()


@pytest.mark.parametrize("name", ["ada", "O'Neil", "a=b", "5-2", "\u202eadA"])
def test_harmless_names_stay_as_they_are(name: str) -> None:
    (row,) = read_csv(as_bytes(sheet(named(name)), "csv"))
    assert row["name"] == name
    cell = read_xlsx(as_bytes(sheet(named(name)), "xlsx")).cell(12, 1)
    assert (cell.value, bool(cell.quotePrefix)) == (name, False)


def test_characters_that_xml_does_not_have_are_replaced() -> None:
    cell = read_xlsx(as_bytes(sheet(named("a\x07b\ufffe")), "xlsx")).cell(12, 1)
    assert cell.value == "a\ufffdb\ufffd"


def test_the_key_of_an_erased_person_is_a_number_in_csv() -> None:
    (row,) = read_csv(as_bytes(sheet(replace(named(None), user_id="-12")), "csv"))
    assert row["user_id"] == "-12"
    (row,) = read_csv(as_bytes(sheet(replace(named(None), user_id="-12+1")), "csv"))
    assert row["user_id"] == "'-12+1"


def test_an_erased_person_has_no_name_in_any_file() -> None:
    for form in ("csv", "json"):
        assert b"erased person" in as_bytes(sheet(named(None)), form)
    assert read_xlsx(as_bytes(sheet(named(None)), "xlsx")).cell(12, 1).value == "erased person"
