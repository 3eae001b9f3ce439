"""The setting that says what is recorded of the connections in a room."""

from __future__ import annotations

from typing import Any

import pytest

from presence_events.exceptions import InvalidPrivacy
from presence_events.privacy.hidden import HIDDEN
from presence_events.privacy.rules import EVERYTHING, Rule, has_pseudonyms, of_room


@pytest.mark.parametrize("setting", [None, {}, {"clinic-": {"data": False}}], ids=str)
def test_everything_is_recorded_where_the_setting_says_nothing(settings: Any, setting: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = setting
    assert of_room("lobby") == EVERYTHING == Rule("named", True)
    assert not has_pseudonyms()


def test_the_longest_beginning_of_the_name_decides(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {
        "": {"users": "daily"},
        "clinic-": {"users": "anonymous", "data": False},
        "clinic-staff": {},
        "counsel-": {"history": False},
    }
    assert of_room("lobby") == Rule("daily")
    assert of_room("clinic-7") == Rule("anonymous", False)
    assert of_room("clinic-staff-room") == Rule()
    assert of_room("counsel-7") == Rule(history=False)
    assert has_pseudonyms()


def test_without_data_only_the_mark_of_hidden_connections_remains() -> None:
    rule = Rule(data=False)
    assert rule.kept(7, {"device": "phone"}) == (7, None)
    assert rule.kept(7, {"device": "phone", HIDDEN: True}) == (7, '{"presence.hidden":true}')


INVALID: list[Any] = [
    "daily",
    {"users": "daily"},
    {"": {"user": "daily"}},
    {"": {"users": "weekly"}},
    {"": {"users": ["daily"]}},
    {"": {"data": "no"}},
    {"": {"history": None}},
    {"it's": {}},
    {1: {}},
]


@pytest.mark.parametrize("setting", INVALID, ids=str)
def test_an_invalid_setting_is_an_error_and_nothing_is_recorded(settings: Any, setting: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = setting
    with pytest.raises(InvalidPrivacy):
        of_room("lobby")
