"""Drafts, and the selection that finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from presence_events._recording import statement
from presence_events._recording.drafts import Draft, select
from presence_events.exceptions import InvalidChannelName, InvalidKind


def test_no_drafts_make_no_selection() -> None:
    assert select([]) is None


def test_a_selection_has_a_key_for_each_draft() -> None:
    selection = select([Draft("join", "a", "x"), Draft("leave", "b", "y")])
    assert selection is not None
    assert list(selection.keys) == [("a", "x"), ("b", "y")]


def test_the_prune_of_a_room_makes_a_selection_without_keys() -> None:
    selection = select([Draft("join", "a", "x"), Draft("prune", "b", None)])
    assert selection is not None
    assert list(selection.keys) == []


def test_each_draft_has_a_row_of_parameters_so_that_selections_can_be_merged() -> None:
    selection = select([Draft("join", "a", "x", data={"status": "busy"}), Draft("leave", "a", "x", session=7)])
    assert selection is not None
    assert selection.rows == [
        ("join", "a", "x", None, '{"status":"busy"}', None, 0),
        ("leave", "a", "x", None, None, 7, 1),
    ]


@pytest.mark.django_db
def test_a_selection_carries_the_users_of_its_drafts(user: Any) -> None:
    selection = select([Draft("join", "a", "x", user), Draft("join", "a", "y")])
    assert selection is not None
    assert list(selection.users) == [user]
    assert [row[3] for row in selection.rows] == [user.pk, None]


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(InvalidKind, match=r"join, touch, leave or prune\. Got 'jump'\."):
        select([Draft("jump", "room", "channel")])


@pytest.mark.parametrize("kind", ["join", "touch", "leave"])
def test_only_a_prune_needs_no_channel_name(kind: str) -> None:
    with pytest.raises(InvalidChannelName, match=f"Pass one to record a {kind}"):
        select([Draft(kind, "room", None)])


@pytest.mark.django_db
def test_the_query_finds_the_drafts_of_one_connection_in_their_order(log: Callable[[], list[str]]) -> None:
    selection = select([Draft("join", "b", "x"), Draft("leave", "b", "x"), Draft("join", "a", "x")])
    assert selection is not None
    statement.append([selection], "default")
    assert log() == ["join x a", "join x b", "leave x b"]
