"""Folds the log up to an earlier position or moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from presence_events import validation
from presence_events.exceptions import InvalidPosition
from presence_events.positions import settled_position
from projections.replay.fold import Fold
from projections.replay.ranges import ReportProgress
from projections.replay.snapshot import snapshot

__all__ = ["state"]


@contextmanager
def state(
    using: str,
    *,
    position: int | None = None,
    moment: datetime | None = None,
    room: str | None = None,
    report: ReportProgress | None = None,
) -> Iterator[Fold]:
    """Yields the state after the event at ``position``, or at ``moment``, inside the snapshot that it was read in.

    Position 0 is before the first event. Without either, it is the state at the end of the log. Raises
    `InvalidPosition` and `InvalidMoment` for a position past the end of the log and a moment in the future, and
    `BeforeHorizon` for either before the baseline. Raises `OperationalError` if the end of the log is unknown, because
    a transaction that has appended stays open.
    """
    if moment is not None:
        moment = validation.moment(moment)
    settled = settled_position(using)
    if position is None:
        position = settled
    elif not 0 <= position <= settled:
        raise InvalidPosition(f"Got {position}, and the log ends at {settled}.")
    with snapshot(using):
        fold = Fold(using, room=room, moment=moment)
        fold.read(position, report=report)
        yield fold
