"""The statement that appends to the log, and the events that it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from presence_events._recording.drafts import Draft, Selection, select
from presence_events._recording.statement import (
    EventRow,
    Recorded,
    append,
    append_quietly,
    has_claimed_join,
    to_events,
    to_recorded,
)
from presence_events.models import PresenceEvent
from tests.concurrency.conftest import DatabaseConnection, new_connection

__all__ = ["new_connection"]

pytestmark = pytest.mark.django_db(transaction=True)


def selection_of(*drafts: Draft) -> Selection:
    selection = select(drafts)
    assert selection is not None
    return selection


def join(channel: str, *, room: str = "room", user: Any = None, data: Any = None) -> Selection:
    return selection_of(Draft("join", room, channel, user, data))


def test_selections_of_one_query_are_merged_into_one_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        rows = append([join("b"), join("a"), join("c", room="hall")], "default")
    assert [str(event) for event in to_events(rows, "default", ())] == ["join c hall", "join a room", "join b room"]


def test_selections_of_different_queries_share_a_statement(django_assert_num_queries: Any) -> None:
    append([join("a"), join("b")], "default")
    touch_all = Selection(
        "SELECT 'touch', room, channel_name, NULL::{user_id}, NULL::jsonb, NULL::bigint, 1, NULL::boolean "
        "FROM presence_open_stay WHERE channel_name = ANY(%(channels)s::text[])",
        keys=[(None, "a")],
        rows=[("a",)],
    )
    with django_assert_num_queries(1):
        rows = append([join("c"), touch_all], "default")
    assert [str(event) for event in to_events(rows, "default", ())] == ["touch a room", "join c room"]


def test_an_event_that_changes_nothing_is_not_returned() -> None:
    append([join("a")], "default")
    assert append([join("a")], "default") == []


@pytest.mark.parametrize("text", ['"', "\\", "{}", ",", "NULL", "'; --", "a\nb", "", "😀"])
def test_any_text_is_passed_through_the_array_literals(text: str) -> None:
    (event,) = to_events(append([join("a", data={text: text})], "default"), "default", ())
    assert event.data == {text: text}


def test_events_have_the_users_that_their_selections_carry(user: Any, django_assert_num_queries: Any) -> None:
    rows = append([join("a", user=user), join("b")], "default")
    with_user, without_user = to_events(rows, "default", [user, None])
    with django_assert_num_queries(0):
        assert (with_user.user, without_user.user) == (user, None)


def test_events_equal_the_stored_ones(user: Any) -> None:
    (event,) = to_events(append([join("a", user=user, data=[1])], "default", process="one"), "default", ())
    stored = PresenceEvent.objects.get()
    for field in PresenceEvent._meta.concrete_fields:
        assert getattr(event, field.attname) == getattr(stored, field.attname), field


def test_a_row_has_the_fields_of_an_event() -> None:
    fields = [field.attname for field in PresenceEvent._meta.concrete_fields]
    assert fields == [*EventRow._fields, "commitment"]


def test_rows_are_in_log_order() -> None:
    rows = append([join("b"), join("a"), join("c", room="hall")], "default")
    assert [row.channel_name for row in rows] == ["c", "a", "b"]
    assert rows == sorted(rows, key=lambda row: row.id)


def test_only_joins_are_claimed() -> None:
    rows = append([join("a")], "default", process="one")
    assert has_claimed_join(rows)
    (event,) = to_events(rows, "default", ())
    assert event.process == "one"
    assert not has_claimed_join(append([selection_of(Draft("touch", "room", "a", data=1))], "default", process="one"))
    assert not has_claimed_join(append([join("b")], "default"))


def test_quiet_rows_have_room_and_channel_name_only(log: Callable[[], list[str]]) -> None:
    rows = append_quietly([join("a")], "default")
    assert to_recorded(rows) == [Recorded("room", "a")]
    assert not has_claimed_join(rows)
    assert to_recorded(append([join("b")], "default")) == [Recorded("room", "b")]
    assert log() == ["join a room", "join b room"]


def test_the_lock_timeout_ends_with_the_transaction(new_connection: Callable[..., DatabaseConnection]) -> None:
    append([join("a")], "default")
    other = new_connection()
    other.append("touch", channel="a")
    touch = selection_of(Draft("touch", "room", "a"))
    with pytest.raises(OperationalError, match="lock timeout"):
        append([touch], "default", lock_timeout=0.01)
    other.commit()
    with transaction.atomic(), connection.cursor() as cursor:
        append([touch], "default", lock_timeout=0.01)
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("10ms",)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
