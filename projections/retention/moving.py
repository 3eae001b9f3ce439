"""Moves the baseline forward: to the projections as they were after a later event."""

from __future__ import annotations

from presence_events import sql
from projections.replay import guards
from projections.replay.differences import BASELINE, find_differences, write_differences
from projections.replay.fold import Fold
from projections.replay.ranges import ReportProgress
from projections.retention import baseline

__all__ = ["move"]


def move(using: str, position: int, report: ReportProgress | None = None) -> int:
    """Moves the baseline to ``position``, unless it is there or beyond. Returns where it is then.

    All events up to ``position`` must be settled and in the log, apart from those up to the baseline. Must be called in
    a transaction of the owner of the tables. Others can read the baseline meanwhile, as it was.
    """
    before = baseline.start(using).position
    if position <= before:
        return before
    fold = Fold(using)
    fold.read(position, report=report)
    differences = find_differences(fold, BASELINE)
    with guards.disabled("retention_only", baseline.MODELS, using=using):
        write_differences(fold, differences, BASELINE)
        sql.rows("projections", "queries/retention/move", {"before": before, "position": position}, using=using)
    return position
