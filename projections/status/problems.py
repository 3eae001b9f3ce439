"""Finds what is wrong in a status, and the command or the statement that fixes it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from projections import conf
from projections.signals import MAIN
from projections.status.figures import Status
from projections.status.text import count, duration, lag

__all__ = ["MAX_LAG", "PRUNE_ALLOWANCE", "find_problems"]

MAX_LAG = 60.0
"""Seconds that an event may wait for its delivery, by default."""

MAX_UNSEALED = 900.0
"""Seconds that an event may have no seal, a seal may be missing at an anchor, and an anchor may fail.

The worker seals once a minute, and gets a time stamp every ten minutes."""

PRUNE_ALLOWANCE = 60.0
"""Seconds beyond three times the maximal age that a connection may stay unseen, by default. Pruning usually runs once a
minute."""


MIN_PREPARED_DAYS = 7
"""For how many days from today on the log should have segments."""


def find_problems(
    status: Status,
    *,
    max_lag: float = MAX_LAG,
    max_unseen: float | None = None,
    max_dead_letters: int = 0,
    needs_leader: bool = True,
) -> list[str]:
    """Returns the problems that ``status`` shows. Each is one line of text that also says what to do about it.

    ``max_lag`` is how many seconds an event may wait for its delivery. ``max_unseen`` is how many seconds a present
    connection may be unseen; the default is three times ``CHANNELS_PRESENCE_MAX_AGE`` and `PRUNE_ALLOWANCE`.
    ``max_dead_letters`` is how many dead letters there may be. With ``needs_leader``, a checkpoint that no worker
    follows is a problem.
    """
    if max_unseen is None:
        max_unseen = 3 * conf.max_age() + PRUNE_ALLOWANCE
    return [
        *_setting_problems(status),
        *_trigger_problems(status),
        *_checkpoint_problems(status, max_lag, needs_leader),
        *_segment_problems(status),
        *_presence_problems(status, max_unseen),
        *_dead_letter_problems(status, max_dead_letters),
        *_retention_problems(status),
        *_seal_problems(status),
    ]


def _setting_problems(status: Status) -> Iterator[str]:
    if status.signals not in ("inline", "worker"):
        yield (
            f'CHANNELS_PRESENCE_SIGNALS is {status.signals!r}, so no signals are sent. Set it to "worker" if manage.py '
            "run_projector sends the signals, or remove it."
        )


def _trigger_problems(status: Status) -> Iterator[str]:
    install = "Run manage.py pgtrigger install"
    remedies = {"missing": install, "changed": install, "disabled": "Run manage.py pgtrigger enable"}
    for trigger in status.triggers:
        remedy = remedies.get(trigger.obstacle, "Remove that setting from the role, the database or the server")
        yield (
            f"The trigger {trigger.name} on {trigger.table} is {trigger.obstacle}"
            f"{f': {trigger.detail}' if trigger.detail else ''}. {remedy}, then run manage.py "
            "replay_presence: what was written in the meantime may have bypassed the log."
        )


def _checkpoint_problems(status: Status, max_lag: float, needs_leader: bool) -> Iterator[str]:
    names = {checkpoint.name for checkpoint in status.checkpoints}
    if status.signals == "worker" and MAIN not in names and needs_leader:
        yield "No worker has followed the log yet, so no signals are sent. Start manage.py run_projector."
    for checkpoint in status.checkpoints:
        worker = f"manage.py run_projector{_name_option(checkpoint.name)}"
        delete = _delete_statement("presence_checkpoint", f"name = {_sql_literal(checkpoint.name)}")
        or_delete = f"If the checkpoint is no longer needed, {delete}"
        if not checkpoint.is_readable:
            yield (
                f"The checkpoint {checkpoint.name!r} stores something that is not a mark, so no worker can follow the "
                f"log from it. Run {worker} --reset end, or with the position after which to send signals in place of "
                f"end, and start it again without --reset. {or_delete}"
            )
        elif checkpoint.log_is_shorter:
            yield (
                f"The log ends before the checkpoint {checkpoint.name!r}: it was restored to an earlier state. Run "
                f"{worker} --reset end, or with the position after which to send signals in place of end, and start it "
                f"again without --reset. {or_delete}"
            )
        elif checkpoint.has_leader is False and needs_leader:
            yield (
                f"No worker follows the log from the checkpoint {checkpoint.name!r}, which is {lag(checkpoint)} "
                f"behind. Start {worker}. {or_delete}"
            )
        elif checkpoint.lag_seconds > max_lag:
            yield (
                f"The checkpoint {checkpoint.name!r} is {lag(checkpoint)} behind. Look in the log output of its "
                f"worker for errors and for slow receivers. {or_delete}"
            )


def _segment_problems(status: Status) -> Iterator[str]:
    days = status.prepared_days
    if days is not None and days < MIN_PREPARED_DAYS:
        yield (
            f"The log has segments for {max(days, 0)} more days. Events that come later can be appended, but cannot be "
            "removed apart from newer ones. Run manage.py presence_partitions once a day as the owner of the tables, "
            "or manage.py run_projector as that role."
        )


def _presence_problems(status: Status, max_unseen: float) -> Iterator[str]:
    if status.oldest_unseen > max_unseen:
        yield (
            f"A connection is present that was last seen {duration(status.oldest_unseen)} ago: pruning is not "
            "running. Start manage.py run_projector --prune, or run manage.py prune_presences every minute."
        )


def _dead_letter_problems(status: Status, max_dead_letters: int) -> Iterator[str]:
    if status.dead_letters > max_dead_letters:
        workers = ", ".join(map(repr, status.dead_letter_workers))
        resend = " and ".join(
            f"manage.py presence_resend FROM..TO{_name_option(worker)}" for worker in status.dead_letter_workers
        )
        yield (
            f"Dead letters: {count(status.dead_letters)}, of {workers}. Receivers failed to take these signals. "
            f"Look at them in the admin, fix the receivers, send the signals again with {resend}, and "
            f"{_delete_statement('presence_dead_letter', f'id <= {status.last_dead_letter}')}"
        )


def _retention_problems(status: Status) -> Iterator[str]:
    for part in status.retention:
        if part.is_overdue:
            stops = f"{part.obstacle} stops their removal" if part.obstacle else "no process removes them"
            remedy = (
                "manage.py presence_retention --dry-run shows the segments"
                if part.obstacle
                else "Run manage.py presence_retention as the owner of the tables, or run_projector with its role"
            )
            yield (
                f"Old {part.part} are in the log for {duration(part.overdue)} longer than CHANNELS_PRESENCE_RETENTION "
                f"says: {stops}. {remedy}."
            )


def _seal_problems(status: Status) -> Iterator[str]:
    if status.unsealed is not None and status.unsealed > MAX_UNSEALED:
        yield (
            f"Events have no seal for {duration(status.unsealed)}. Start manage.py run_projector, whose log says why "
            "it cannot seal them, or run manage.py presence_seal."
        )
    for anchor in status.anchors:
        if anchor.failing > MAX_UNSEALED:
            yield (
                f"The anchor {anchor.name!r} of seals has been failing for {duration(anchor.failing)}: "
                f"{anchor.failure}. When that is fixed, the worker publishes the seals, or run manage.py presence_seal."
            )
        elif anchor.waiting > MAX_UNSEALED:
            yield (
                f"The anchor {anchor.name!r} lacks seals for {duration(anchor.waiting)}. Start manage.py "
                "run_projector, or run manage.py presence_seal."
            )


def _name_option(worker: str) -> str:
    """Returns the option that selects ``worker``, quoted for a shell. The main worker needs none."""
    if worker == MAIN:
        return ""
    quoted = shlex.quote(worker) if worker.isprintable() else f"$'{_escape(worker)}'"
    return f" --name={quoted}" if worker.startswith("-") else f" --name {quoted}"


def _delete_statement(table: str, condition: str) -> str:
    return f"execute as the owner of the tables: DELETE FROM {table} WHERE {condition};"  # noqa: S608


def _sql_literal(value: str) -> str:
    if not value.isprintable():
        return f"E'{_escape(value)}'"
    return "'" + value.replace("'", "''") + "'"


def _escape(value: str) -> str:
    """Escapes ``value`` into one printable line. Shells and PostgreSQL understand the same escapes."""
    return "".join(
        character if character.isprintable() and character not in "'\\" else f"\\U{ord(character):08x}"
        for character in value
    )
