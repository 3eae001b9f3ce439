"""Measures how presence is doing: who is present, what is appended, which readers lag behind, what is broken.

It takes a few queries, whose duration does not grow with the log. They read the presences, unless these are too many,
and for each checkpoint a bounded range of the log. They need no more rights than the shipped grants give and write
nothing, so they also run on a hot standby and through any pooler.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from presence_events import sql
from presence_events.conf import seals
from presence_events.databases import write_alias
from presence_events.models import Removal
from presence_events.positions import position_at
from presence_events.processes.registry import CHECK_INTERVAL, CHECKS_UNTIL_DEAD
from presence_events.schema.installed import trigger_faults
from presence_events.seals.anchors import AnchorStatus, statuses
from presence_events.seals.maintenance import unsealed_age
from presence_events.segments import catalogue, holds, horizon
from presence_events.tail import Mark
from projections import conf
from projections.retention.limits import plan
from projections.signals import MAIN
from projections.table_names import APPS

__all__ = [
    "COUNTED",
    "MAX_READ",
    "STRETCH",
    "AnchorStatus",
    "CheckpointStatus",
    "RemovalStatus",
    "RetentionStatus",
    "Status",
    "TriggerStatus",
    "status",
]

COUNTED = 100_000
"""Undelivered events of a checkpoint, and dead letters, are counted up to this number."""

MAX_READ = 100_000
"""Presences are counted up to this number, and estimated beyond it."""

SAMPLED_ROOMS = 1000
"""How many rooms are looked up for an estimate of how many are empty."""

STRETCH = 1_000_000
"""Undelivered events are looked for in this many positions after a checkpoint."""

UNDIVIDED_DAYS = 38
"""How long a log may do without being divided into segments: a month, and the week of the warning."""

MAX_POSITION = 2**63 - 1 - STRETCH
"""A larger position is not one of a log."""

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class CheckpointStatus:
    """How far the reader of a checkpoint is behind the log."""

    name: str
    lag_events: int
    """Events that are yet to be delivered: joins, leaves, prunes, and touches with data."""
    has_more: bool
    """Whether there may be more than ``lag_events``, because not all were counted."""
    lag_seconds: float
    """How long the first of these events has been waiting, or 0 if there is none."""
    has_leader: bool | None
    """Whether a process leads under this name. None on a standby, where this is not visible."""
    log_is_shorter: bool | None
    """Whether the log ends before the checkpoint, because it was restored to an earlier state. None if the role that
    runs the query may not read the sequence of positions."""
    is_readable: bool = True
    """Whether the checkpoint stores a mark. If not, the lag is unknown, and 0 here."""


@dataclass(frozen=True)
class RetentionStatus:
    """What retention does to one part of the log."""

    part: str
    kept: float | None
    """Seconds for which events are kept, or None if all are."""
    horizon: datetime | None
    """The latest time of an event that was removed, or None if none was."""
    overdue: float
    """Seconds since the oldest segment should have been removed, or 0."""
    is_overdue: bool
    """Whether that is longer than a segment lasts."""
    obstacle: str | None
    """What stops the removal of a segment that is old enough, or None."""


@dataclass(frozen=True)
class RemovalStatus:
    """The last segment that was removed."""

    at: datetime
    segment: str
    events: int


@dataclass(frozen=True)
class TriggerStatus:
    """A trigger of this library that does not fire, or not as it was installed."""

    table: str
    name: str
    obstacle: str
    """The reason: missing, changed, disabled, or switched off by session_replication_role."""
    detail: str = ""
    """What has changed."""


@dataclass(frozen=True)
class Status:
    """How presence was doing at one moment."""

    at: datetime
    """The moment, by the database's clock."""
    is_standby: bool
    """Whether the database is a hot standby. If so, the figures describe what it had replicated."""
    are_estimates: bool
    """Whether ``people``, ``anonymous``, ``connections`` and ``empty_rooms`` are estimates, because there are more
    than `MAX_READ` connections. They come from the statistics of PostgreSQL and from a sample of the rooms."""
    replayed_up_to: datetime | None
    """Up to when a standby has the log, by the primary's clock (`segments.replicas`). None on a primary."""
    signals: str
    """CHANNELS_PRESENCE_SIGNALS: which process sends signals."""
    people: int
    """Different users who are present."""
    anonymous: int
    """Presences without a user."""
    connections: int
    """Presences. A connection that is in two rooms counts twice."""
    rooms: int
    empty_rooms: int
    position: int
    """The position of the last event, which is about the number of events that were ever appended."""
    prepared_days: int | None
    """For how many days from today on the log has segments. A log that has never been divided has them for
    `UNDIVIDED_DAYS` from the day of its first event. None if it has no event."""
    appends_per_second: float
    """The average over the last minute."""
    oldest_stay: float
    """Seconds since the earliest join among the open stays, or 0 if there are none."""
    oldest_unseen: float
    """The longest time, in seconds, since a present connection was last seen, or 0 if there are none."""
    dead_letters: int
    """Signals that a receiver failed to take. `COUNTED` means that many or more."""
    last_dead_letter: int | None
    """The highest id among them."""
    dead_letter_workers: tuple[str, ...]
    """The names of the workers that sent them. Only the last `COUNTED` letters are looked at."""
    processes: int
    """Server processes that have claimed connections and are alive."""
    triggers: tuple[TriggerStatus, ...]
    """Triggers that do not fire."""
    has_worker: bool | None
    """Whether a process leads under the name of the main worker, which does maintenance even if it sends no signals.
    None on a standby."""
    checkpoints: tuple[CheckpointStatus, ...]
    """By name. The checkpoint of the main worker is left out if that worker sends no signals, because then no process
    moves it."""
    retention: tuple[RetentionStatus, ...] = ()
    """Of touches and of stays."""
    last_removal: RemovalStatus | None = None
    holds: tuple[str, ...] = ()
    """The names of the holds in force."""
    unsealed: float | None = None
    """Seconds since the first event without a seal was recorded, or 0. None without CHANNELS_PRESENCE_SEALS."""
    anchors: tuple[AnchorStatus, ...] = ()
    """Where seals are published, as CHANNELS_PRESENCE_SEALS says."""


def status(using: str | None = None) -> Status:
    """Measures how presence is doing in the database ``using``. The default is the database of the log."""
    alias = write_alias(using)
    params = {
        "counted": COUNTED,
        "dead_after": CHECK_INTERVAL * CHECKS_UNTIL_DEAD,
        "undivided": UNDIVIDED_DAYS,
    }
    horizons = horizon.read(alias)
    segments = catalogue.days(using=alias, latest=True)
    (figures,) = sql.rows("projections", "queries/status/figures", params, using=alias, segments=segments)
    at, is_standby, rooms, position, prepared, *more_figures = figures
    oldest_stay, oldest_unseen, dead_letters, last_dead_letter, dead_letter_workers, processes = more_figures
    signals = conf.signals()
    checkpoints = _rows(alias, "checkpoints", main=MAIN)
    has_worker = next(has_leader for name, _, has_leader, _ in checkpoints if name == MAIN)
    moved = [row for row in checkpoints if row[1] is not None and (row[0] != MAIN or signals == "worker")]
    return Status(
        at=at,
        is_standby=is_standby,
        replayed_up_to=horizons.replayed_up_to,
        signals=signals,
        **_present(alias, rooms),
        rooms=rooms,
        position=position,
        prepared_days=prepared,
        # The two positions are read one after the other. Events that were appended in between are not counted.
        appends_per_second=max(position + 1 - position_at(at - _MINUTE, using=alias, partial=True), 0)
        / _MINUTE.total_seconds(),
        oldest_stay=oldest_stay,
        oldest_unseen=oldest_unseen,
        dead_letters=dead_letters,
        last_dead_letter=last_dead_letter,
        dead_letter_workers=tuple(dead_letter_workers),
        processes=processes,
        triggers=tuple(TriggerStatus(*fault) for fault in trigger_faults(APPS, using=alias)),
        has_worker=has_worker,
        checkpoints=tuple(_checkpoint_statuses(alias, moved)),
        retention=tuple(_retention_statuses(alias, horizons)),
        last_removal=_last_removal(alias),
        holds=tuple(hold.name for hold in holds.in_force(alias)),
        unsealed=None if seals() is None else unsealed_age(alias),
        anchors=tuple(statuses(alias)),
    )


def _present(alias: str, rooms: int) -> dict[str, Any]:
    """Returns how many are present: exactly, or as estimates if the presences are too many to be read."""
    estimates = _rows(alias, "estimates", at_least=MAX_READ)
    if estimates:
        ((share,),) = _rows(alias, "empty_rooms", percent=min(100 * SAMPLED_ROOMS / max(rooms, 1), 100))
        figures = (*estimates[0], round((share or 0) * rooms))
    else:
        (figures,) = _rows(alias, "present")
    names = ("people", "anonymous", "connections", "empty_rooms")
    return {"are_estimates": bool(estimates), **dict(zip(names, figures, strict=True))}


def _retention_statuses(alias: str, horizons: horizon.Horizons) -> Iterator[RetentionStatus]:
    for part in plan(alias):
        yield RetentionStatus(
            part=part.part,
            kept=None if part.kept is None else part.kept.total_seconds(),
            horizon=horizons.of(part.part),
            overdue=part.overdue.total_seconds(),
            is_overdue=part.is_overdue,
            obstacle=part.obstacle,
        )


def _last_removal(alias: str) -> RemovalStatus | None:
    removal = Removal.objects.using(alias).last()
    if removal is None:
        return None
    return RemovalStatus(removal.at, removal.segment, sum(removal.events.values()))


def _checkpoint_statuses(alias: str, checkpoints: list[tuple[Any, ...]]) -> list[CheckpointStatus]:
    positions = [_reached(mark) for _, mark, _, _ in checkpoints]
    lags = iter(_lags(alias, [it for it in positions if it is not None]))
    found = []
    for (name, _, has_leader, drawn), position in zip(checkpoints, positions, strict=True):
        events, has_more, seconds = (0, False, 0.0) if position is None else next(lags)
        found.append(
            CheckpointStatus(
                name=name,
                lag_events=min(events, COUNTED),
                has_more=has_more,
                lag_seconds=seconds,
                has_leader=has_leader,
                log_is_shorter=None if drawn is None or position is None else drawn < position,
                is_readable=position is not None,
            )
        )
    return found


def _lags(alias: str, positions: list[int]) -> list[tuple[Any, ...]]:
    if not positions:
        return []
    params = {"positions": positions, "counted": COUNTED, "stretch": STRETCH}
    segments = catalogue.days(using=alias, after=min(positions))
    return sql.rows("projections", "queries/status/lag", params, using=alias, segments=segments)


def _reached(stored: str) -> int | None:
    """Returns the position that the mark ``stored`` has reached, or None for other JSON, which any reader may write."""
    try:
        reached = Mark.from_json(json.loads(stored)).reached
    except (ValueError, OverflowError, RecursionError):
        return None
    return reached if 0 <= reached <= MAX_POSITION else None


def _rows(alias: str, query: str, **params: Any) -> list[tuple[Any, ...]]:
    return sql.rows("projections", f"queries/status/{query}", params, using=alias)
