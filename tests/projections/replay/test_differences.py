"""Rows of the projections that differ from the log."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay.repair import compare, repair
from tests import unreadable
from tests.projections.replay.histories import DAMAGE, record_history, tamper

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("short_ranges")]


def test_a_difference_names_the_columns_that_differ(user: Any) -> None:
    Room.objects.add("a", "1", user, "here")
    stay = Presence.objects.get()
    tamper("UPDATE presence_open_stay SET data = '\"there\"'")
    assert [str(each) for each in compare("default")] == [
        f"presence_open_stay {stay.pk}: data is 'there' instead of 'here'"
    ]
    tamper("DELETE FROM presence_open_stay")
    assert str(compare("default")[0]).startswith(
        f"presence_open_stay {stay.pk} is missing: {{'id': {stay.pk}, 'room': 'a', "
    )


@pytest.mark.parametrize("text", unreadable.DATA.values(), ids=list(unreadable.DATA))
def test_data_that_python_cannot_read_is_compared_repaired_and_printed(text: str) -> None:
    Room.objects.add("a", "1")
    unreadable.set_data(text)
    (difference,) = compare("default")
    assert "data is None instead of 'Unreadable data of " in str(difference)
    assert difference.folded is not None
    assert len(repair("default").differences) == 1
    assert compare("default") == []
    assert Presence.objects.get().data == difference.folded["data"]
    out = StringIO()
    call_command("presence_at", str(PresenceEvent.objects.get().pk), stdout=out, stderr=StringIO())
    assert "Unreadable data of" in out.getvalue()


@pytest.mark.parametrize("damage", DAMAGE)
def test_only_rows_that_differ_are_written(user: Any, damage: str) -> None:
    record_history(user)
    tamper(*DAMAGE[damage])
    before = writers()
    wrong = {(each.table, each.key) for each in repair("default").differences}
    after = writers()
    assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} == wrong


def writers() -> dict[tuple[str, Any], str]:
    """Returns the transaction that wrote each row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'presence_open_stay', id::text, xmin::text FROM presence_open_stay "
            "UNION ALL SELECT 'presence_room', channel_name, xmin::text FROM presence_room "
            "UNION ALL SELECT 'presence_process', name, xmin::text FROM presence_process"
        )
        rows = cursor.fetchall()
    return {(table, int(key) if table == "presence_open_stay" else key): xmin for table, key, xmin in rows}
