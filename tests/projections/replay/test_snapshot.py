"""One snapshot for all queries of a replay."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import InternalError, connection, transaction

from projections.models import Room
from projections.replay import repair as repair_module
from projections.replay.repair import compare
from projections.replay.snapshot import snapshot
from tests.concurrency.conftest import DatabaseConnection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("short_ranges")]


def test_a_comparison_reads_one_snapshot_while_others_append(
    a: DatabaseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Room.objects.add("room", "channel")
    find_differences = repair_module.find_differences

    def append_first(*arguments: Any) -> Any:
        a.append("leave")
        a.append("join", channel="another")
        a.commit()
        return find_differences(*arguments)

    monkeypatch.setattr(repair_module, "find_differences", append_first)
    assert compare("default") == []


def test_every_query_in_the_block_sees_the_rows_of_its_beginning(a: DatabaseConnection) -> None:
    Room.objects.add("room", "channel")
    with snapshot("default"):
        a.append("join", room="later")
        a.commit()
        assert [room.pk for room in Room.objects.all()] == ["room"]
    assert Room.objects.count() == 2


def test_it_tells_which_transactions_are_visible(a: DatabaseConnection) -> None:
    (before,) = a.append("join", room="before")
    a.commit()
    (open_at_the_beginning,) = a.append("join", room="open")
    with snapshot("default") as seen:
        a.commit()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM presence_event WHERE pg_visible_in_snapshot(tx, %s::pg_snapshot)", [seen])
        assert cursor.fetchall() == [(before,)]
    assert before < open_at_the_beginning


def test_nothing_can_be_written() -> None:
    with pytest.raises(InternalError, match="read-only transaction"), snapshot("default"):
        Room.objects.add("room", "channel")
    assert not Room.objects.exists()


def test_a_snapshot_in_a_transaction_needs_a_test_case() -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic(), snapshot("default"):
        pass
