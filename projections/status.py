"""How presence is doing: who is there, what is appended, who is behind, what is broken.

A handful of queries that do not take longer as the log grows: they read who is present, and of the log no more than a
bounded stretch for each checkpoint. They need the rights of the shipped grants and write nothing, so they can be asked
on a hot standby and through any pooler.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pgtrigger.registry

from presence_events import sql
from presence_events.databases import write_alias
from presence_events.positions import position_at
from presence_events.process_registry import CHECKS_UNTIL_DEAD, KEEP_ALIVE_INTERVAL
from presence_events.tail import Mark
from projections import conf
from projections.signals import MAIN

__all__ = ["COUNTED", "STRETCH", "CheckpointStatus", "Status", "TriggerStatus", "status"]

COUNTED = 100_000
"""How many events that wait, and how many dead letters, are counted at most."""

STRETCH = 1_000_000
"""How many positions after a checkpoint are looked at for events that wait."""

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class CheckpointStatus:
    """How far somebody is behind who follows the log."""

    name: str
    lag_events: int
    """How many events are yet to be delivered: joins, leaves, prunes, and touches with data."""
    has_more: bool
    """Whether there may be more than that: not all were counted."""
    lag_seconds: float
    """For how long the first of them has been waiting, 0 if none is."""
    has_leader: bool | None
    """Whether a process leads under this name; None on a standby, where that cannot be seen."""
    log_is_shorter: bool | None
    """Whether the log ends before the checkpoint, as it was restored to an earlier state; None if the role that asks
    may not look at the sequence of the positions."""


@dataclass(frozen=True)
class TriggerStatus:
    """A trigger of this library that does not fire."""

    table: str
    name: str
    obstacle: str
    """Why: missing, disabled, or switched off by session_replication_role."""


@dataclass(frozen=True)
class Status:
    """How presence was doing at a moment."""

    at: datetime
    """By the database's clock."""
    is_standby: bool
    """Whether the database is a hot standby: then this is what had been replicated."""
    signals: str
    """CHANNELS_PRESENCE_SIGNALS: who sends signals."""
    people: int
    """Different users who are present."""
    anonymous: int
    """Connections without a user."""
    connections: int
    """Presences: a connection that is in two rooms is there twice."""
    rooms: int
    empty_rooms: int
    position: int
    """That of the last event: about as many as were ever appended."""
    appends_per_second: float
    """Over the last minute."""
    oldest_stay: float
    """Seconds since the first of those who are present joined, 0 if nobody is."""
    oldest_unseen: float
    """Seconds since somebody was last seen who is still present: the longest time, 0 if nobody is."""
    dead_letters: int
    """Signals that a receiver did not take. `COUNTED` means that many or more."""
    last_dead_letter: int | None
    """The highest id of those."""
    dead_letter_workers: tuple[str, ...]
    """The names of the workers that sent them, the last `COUNTED`."""
    processes: int
    """Server processes that have claimed connections and are alive."""
    triggers: tuple[TriggerStatus, ...]
    """Those that do not fire."""
    has_worker: bool | None
    """Whether a process leads under the name of the main worker, which keeps house though it may send no signals; None
    on a standby."""
    checkpoints: tuple[CheckpointStatus, ...]
    """By name. Without that of the main worker, if it sends no signals: nobody moves it then."""


def status(using: str | None = None) -> Status:
    """How presence is doing in the database ``using``, by default the one that is written to."""
    alias = write_alias(using)
    (figures,) = _rows(alias, "figures", counted=COUNTED, silent=KEEP_ALIVE_INTERVAL * CHECKS_UNTIL_DEAD)
    at, is_standby, people, anonymous, present, rooms, empty, position, *more = figures
    oldest_stay, oldest_unseen, letters, last_letter, workers, processes = more
    signals = conf.signals()
    followed = _rows(alias, "checkpoints", main=MAIN)
    has_worker = next(has_leader for name, _, has_leader, _ in followed if name == MAIN)
    kept = [row for row in followed if row[1] is not None and (row[0] != MAIN or signals == "worker")]
    return Status(
        at=at,
        is_standby=is_standby,
        signals=signals,
        people=people,
        anonymous=anonymous,
        connections=present,
        rooms=rooms,
        empty_rooms=empty,
        position=position,
        # What was appended since the first look is left out.
        appends_per_second=max(position + 1 - position_at(at - _MINUTE, using=alias), 0) / _MINUTE.total_seconds(),
        oldest_stay=oldest_stay,
        oldest_unseen=oldest_unseen,
        dead_letters=letters,
        last_dead_letter=last_letter,
        dead_letter_workers=tuple(workers),
        processes=processes,
        triggers=tuple(_triggers(alias)),
        has_worker=has_worker,
        checkpoints=tuple(_checkpoints(alias, kept)),
    )


def _checkpoints(alias: str, rows: list[tuple[Any, ...]]) -> list[CheckpointStatus]:
    positions = [Mark.from_json(json.loads(mark)).reached for _, mark, _, _ in rows]
    lags = _rows(alias, "lag", positions=positions, counted=COUNTED, stretch=STRETCH)
    return [
        CheckpointStatus(
            name=name,
            lag_events=min(events, COUNTED),
            has_more=has_more,
            lag_seconds=seconds,
            has_leader=has_leader,
            log_is_shorter=None if drawn is None else drawn < position,
        )
        for (name, _, has_leader, drawn), position, (events, has_more, seconds) in zip(
            rows, positions, lags, strict=True
        )
    ]


def _triggers(alias: str) -> list[TriggerStatus]:
    expected = [
        (model._meta.db_table, trigger.name, trigger.get_pgid(model))
        for model, trigger in pgtrigger.registry.registered()
        if model._meta.app_label in ("presence_events", "projections")
    ]
    tables, _, names = zip(*expected, strict=True)
    silent = _rows(alias, "triggers", tables=list(tables), names=list(names))
    return [TriggerStatus(expected[number - 1][0], expected[number - 1][1], obstacle) for number, obstacle in silent]


def _rows(alias: str, query: str, **params: Any) -> list[tuple[Any, ...]]:
    return sql.rows("projections", f"queries/status/{query}", params, using=alias)
