"""What the periodic queries read: not the stays on the leases of live processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from presence_events import sql
from presence_events.segments import catalogue
from projections import selections
from tests.leases import beat

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = [f"process-{number}" for number in range(20)]


@pytest.fixture
def stays() -> None:
    """4,000 stays on 20 leases, and five that are on no lease."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process, is_leased) "
            "SELECT 'join', 'room-' || n % 100, n, 'process-' || n % 20, n > 5 FROM generate_series(1, 4005) AS n"
        )
    beat(*PROCESSES)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE presence_open_stay, presence_process")


def rows_read(statement: str, params: dict[str, Any]) -> int:
    """Returns how many rows of presences ``statement`` reads."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # as in a table that is large enough
        sql.execute(cursor, f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", params)
        (plan,) = cursor.fetchone()
    return sum(rows_of(json.loads(plan) if isinstance(plan, str) else plan))


def rows_of(plan: Any) -> Iterator[int]:
    if isinstance(plan, list):
        for each in plan:
            yield from rows_of(each)
    elif isinstance(plan, dict):
        if plan.get("Relation Name") == "presence_open_stay":
            removed = plan.get("Rows Removed by Filter", 0)
            yield round((plan["Actual Rows"] + removed) * plan["Actual Loops"])
        for child in plan.values():
            yield from rows_of(child)


@pytest.mark.usefixtures("stays")
def test_a_prune_reads_the_stays_on_no_lease() -> None:
    selection = selections.prune_presences(None, 60)
    assert rows_read(selection.query.format(), selection.params) < 100


@pytest.mark.usefixtures("stays")
def test_a_prune_of_a_dead_server_reads_its_stays() -> None:
    selection = selections.prune_dead_servers(["process-1"], [0], 2)
    assert rows_read(selection.query.format(), selection.params) < 500


@pytest.mark.usefixtures("stays")
def test_the_longest_unseen_stay_is_found_by_the_leases() -> None:
    statement = sql.read("projections", "queries/status/figures")
    segments = catalogue.days(using="default", latest=True)
    params = {"counted": 1, "dead_after": 25, "undivided": 38}
    assert rows_read(statement.format(segments=segments), params) < 100
