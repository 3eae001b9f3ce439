"""The mark of hidden connections in their data."""

from __future__ import annotations

from typing import Any

import pytest

from presence_events.exceptions import InvalidData
from presence_events.privacy.hidden import HIDDEN, hide, is_hidden, replaced


def test_the_mark_is_added_to_the_data() -> None:
    assert hide(None) == {HIDDEN: True}
    assert hide({"device": "phone"}) == {"device": "phone", HIDDEN: True}
    assert is_hidden(hide(None))


@pytest.mark.parametrize("data", [None, "text", [HIDDEN], {}, {HIDDEN: False}, {HIDDEN: 1}])
def test_all_other_data_is_not_that_of_a_hidden_connection(data: Any) -> None:
    assert not is_hidden(data)


@pytest.mark.parametrize("data", ["text", [], 0])
def test_data_without_room_for_the_mark_is_refused(data: Any) -> None:
    with pytest.raises(InvalidData, match="has to be a dict"):
        hide(data)


def test_new_data_does_not_change_whether_a_stay_is_hidden() -> None:
    assert replaced(hide(None), {"a": 1}) == {"a": 1, HIDDEN: True}
    assert replaced(None, {"a": 1, HIDDEN: True}) == {"a": 1}
    assert replaced(None, "text") == "text"
