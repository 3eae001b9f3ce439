from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import override

from projections.admin.timeline import table
from projections.admin.timeline.criteria import Criteria
from projections.models import PresenceSession
from tests.backdating import Stay, write
from tests.projections.admin.timeline.conftest import at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("past")]
LOBBY = Criteria("lobby", None, at(8), at(13))


def written(criteria: Criteria) -> list[dict[str, str]]:
    stream = io.StringIO()
    assert table.write_csv(stream, criteria)
    return list(csv.DictReader(io.StringIO(stream.getvalue())))


def test_a_page_of_stays(monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any) -> None:
    monkeypatch.setattr(table, "PER_PAGE", 3)
    with django_assert_num_queries(5):
        first = table.page(LOBBY, 1)
        assert first is not None
        assert [(stay.channel_name, stay.user) and stay.channel_name for stay in first] == ["tab", "guest", "phone"]
    second = table.page(LOBBY, "2")
    assert second is not None
    assert [stay.channel_name for stay in second] == ["desk"]


@pytest.mark.parametrize("number", ["", "x", "0", "-1", "99", "9" * 99, None])
def test_an_invalid_page_number_gives_the_nearest_existing_page(number: Any) -> None:
    page = table.page(LOBBY, number)
    assert page is not None
    assert page.number == 1


def test_too_many_stays_have_neither_a_page_nor_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MAX_DRAWN_STAYS", 3)
    assert table.page(LOBBY, 1) is None
    stream = io.StringIO()
    assert not table.write_csv(stream, LOBBY)
    assert stream.getvalue() == ""
    monkeypatch.setattr(table, "MAX_DRAWN_STAYS", 4)
    assert table.page(LOBBY, 1) is not None
    assert table.write_csv(stream, LOBBY)


def test_the_file_has_one_line_for_each_stay(
    past: dict[str, PresenceSession], user: Any, django_assert_num_queries: Any
) -> None:
    with override(ZoneInfo("Europe/Berlin")), django_assert_num_queries(3):
        lines = written(LOBBY)
    assert [line["channel_name"] for line in lines] == ["tab", "guest", "phone", "desk"]
    assert lines[2] == {
        "session": str(past["phone in lobby"].session),
        "room": "lobby",
        "who": "ada",
        "user_id": str(user.pk),
        "channel_name": "phone",
        "joined_at": "2026-03-02T10:30:00+01:00",
        "left_at": "2026-03-02T12:00:00+01:00",
        "last_seen": "2026-03-02T11:59:00+01:00",
        "ended_by": "prune",
        "reason": '{"why": "silent"}',
        "seconds": str(timedelta(minutes=90).total_seconds()),
    }
    assert (lines[1]["who"], lines[1]["user_id"]) == ("anonymous", "")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"])
def test_no_name_is_a_formula(name: str, user: Any) -> None:
    type(user).objects.filter(pk=user.pk).update(**{user.USERNAME_FIELD: name})
    assert written(LOBBY)[0]["who"] == f"'{name}".replace("\r", " ")


@pytest.mark.parametrize("name", ['a,"b"\n', "<b>", "\u202etxt", "x" * 150])
def test_other_names_are_written_as_they_are(name: str, user: Any) -> None:
    type(user).objects.filter(pk=user.pk).update(**{user.USERNAME_FIELD: name})
    assert written(LOBBY)[0]["who"] == name


def test_no_other_text_is_a_formula() -> None:
    write(Stay("-1-1", "-2.3", None, at(9), at(10), reason='=HYPERLINK("x")'))
    (line,) = written(Criteria("-1-1", None, at(8), at(13)))
    assert (line["room"], line["channel_name"], line["reason"]) == ("'-1-1", "'-2.3", '\'=HYPERLINK("x")')


def test_an_open_stay_has_no_end_in_the_file(other_user: Any) -> None:
    write(Stay("cellar", "x", other_user, at(9), None))
    (line,) = written(Criteria("cellar", None, at(8), at(13)))
    assert (line["left_at"], line["ended_by"]) == ("", "")
