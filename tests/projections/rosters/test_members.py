"""Members of a roster, and its options."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from projections.rosters import Connection, Member, Roster

pytestmark = pytest.mark.django_db

SINCE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def member(*data: Any) -> Member:
    return Member("7", 7, [Connection(number, SINCE, each) for number, each in enumerate(data)])


def test_the_data_of_later_connections_replaces_that_of_earlier_ones() -> None:
    assert member({"a": 1, "b": 1}, None, ["list"], {"b": 2}).data == {"a": 1, "b": 2}
    assert member(None).since == SINCE


@pytest.mark.parametrize(
    ("data", "activity"),
    [
        ([{"activity": "hidden"}, {"activity": "idle"}], "idle"),
        ([{"activity": "hidden"}], "hidden"),
        ([{"activity": "hidden"}, {"activity": "active"}], "active"),
        ([{"activity": "hidden"}, None], "active"),
        ([{"activity": "hidden"}, ["list"]], "active"),
        ([{"activity": "asleep"}], "active"),
    ],
)
def test_the_activity_is_that_of_the_most_active_connection(data: list[Any], activity: str) -> None:
    assert member(*data).activity == activity


def test_a_member_always_has_a_name(user: Any) -> None:
    shown = member(None)
    assert shown.name == "deleted user 7"
    shown.user = user
    assert shown.name == user.get_username()
    assert Member("guest", None, shown.connections).name == "anonymous"


def test_data_is_shown_if_the_roster_shows_it() -> None:
    shown = member({"a": 1}, None)
    since = {"since": "2026-03-01T09:30:00.000Z"}
    assert Roster().show(shown, None) == {"id": "7", "connections": [since, since]}
    assert Roster(data=True).show(shown, None) == {"id": "7", "connections": [{**since, "data": {"a": 1}}, since]}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"grace": -1}, "grace is in seconds, from 0 to 3600. Got -1."), ({"grace": 4000}, "Got 4000"),
     ({"limit": 0}, "limit has to be at least 1. Got 0. To list no people, use count_only=True.")],
)  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Roster(**options)


def test_a_person_is_a_user() -> None:
    assert (Roster().person(7, None), Roster().person(None, {"name": "x"})) == ("7", None)
