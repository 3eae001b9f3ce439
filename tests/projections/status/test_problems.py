"""The problems in a given status. Problems of a real database are tested with the command presence_status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.status import Status, find_problems
from projections.status.problems import PRUNE_ALLOWANCE
from tests.projections.test_metrics import KNOWN

FINE = replace(
    KNOWN,
    signals="inline",
    dead_letters=0,
    triggers=(),
    checkpoints=(replace(KNOWN.checkpoints[1], name="reports"),),
)


def test_a_status_without_problems() -> None:
    assert find_problems(FINE) == []


def test_a_status_with_every_problem_lists_them_by_subject() -> None:
    found = find_problems(replace(KNOWN, signals="celery", oldest_unseen=1000))
    assert [problem.split(" ")[0] for problem in found] == ["CHANNELS_PRESENCE_SIGNALS", "The", "No", "A", "Dead"]


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"checkpoints": (replace(FINE.checkpoints[0], lag_seconds=60.5),)}, {"max_lag": 60.5}),
        ({"checkpoints": (replace(FINE.checkpoints[0], has_leader=False),)}, {"needs_leader": False}),
        ({"oldest_unseen": 1000.0}, {"max_unseen": 1000.0}),
        ({"dead_letters": 3}, {"max_dead_letters": 3}),
    ],
    ids=["lag", "leader", "unseen", "dead letters"],
)
def test_each_limit_can_be_changed(changes: dict[str, Any], limit: dict[str, Any]) -> None:
    status: Status = replace(FINE, **changes)
    assert len(find_problems(status)) == 1
    assert find_problems(status, **limit) == []


def test_the_limit_for_unseen_connections_follows_the_maximal_age(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 10
    limit = 30 + PRUNE_ALLOWANCE
    assert find_problems(replace(FINE, oldest_unseen=limit)) == []
    assert len(find_problems(replace(FINE, oldest_unseen=limit + 1))) == 1


@pytest.mark.parametrize(("days", "problems"), [(None, 0), (7, 0), (6, 1), (0, 1), (-400, 1)])
def test_segments_are_needed_for_a_week(days: int | None, problems: int) -> None:
    found = find_problems(replace(FINE, prepared_days=days))
    assert len(found) == problems
    assert all("presence_partitions" in problem and "-" not in problem.split(".")[0] for problem in found)


def test_an_unknown_leader_is_not_a_problem() -> None:
    assert find_problems(replace(FINE, checkpoints=(replace(FINE.checkpoints[0], has_leader=None),))) == []
