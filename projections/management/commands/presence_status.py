"""manage.py presence_status: how presence is doing, for people and for monitors."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import ProgrammingError, connections

from projections import conf
from projections.management import output
from projections.metrics import openmetrics
from projections.signals import MAIN
from projections.status import COUNTED, CheckpointStatus, Status, status

UNKNOWN = 2
"""The exit status if it could not be found out: with 1, there is a problem."""

MAX_LAG = 60.0
"""Seconds that an event may wait to be delivered."""

_UNDEFINED_TABLE = "42P01"

SLACK = 60.0
"""Seconds beyond three times the maximal age that a connection may be present unseen: most prune once a minute."""


class Command(BaseCommand):
    help = (
        "Says how presence is doing. Each problem is a line on standard error that says what to do about it. The exit "
        "status is 0 if there is none, 1 if there is one, and 2 if that could not be found out."
    )
    # A check that fails would end it with 1.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=("text", "json", "openmetrics"), default="text")
        parser.add_argument(
            "--max-lag",
            type=float,
            default=MAX_LAG,
            metavar="SECONDS",
            help="a problem: an event waits longer to be delivered (default: %(default)g)",
        )
        parser.add_argument(
            "--max-unseen",
            type=float,
            metavar="SECONDS",
            help="a problem: somebody was not seen for longer and is still present, since nobody prunes (default: "
            f"three times CHANNELS_PRESENCE_MAX_AGE, and {SLACK:g})",
        )
        parser.add_argument(
            "--max-dead-letters",
            type=int,
            default=0,
            metavar="COUNT",
            help="a problem: there are more signals that a receiver did not take (default: %(default)s)",
        )
        parser.add_argument(
            "--no-leader",
            action="store_true",
            help="not a problem: nobody follows the log right now. For run_projector --once from cron",
        )
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            metavar="ALIAS",
            help="alias of the database (default: where the router writes)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        max_unseen = options["max_unseen"]
        try:
            if max_unseen is None:
                max_unseen = 3 * conf.max_age() + SLACK
            found = status(options["database"])
            problems = [
                *_of_settings(found),
                *_of_triggers(found),
                *_of_checkpoints(found, options["max_lag"], may_be_idle=options["no_leader"]),
                *_of_presences(found, max_unseen),
                *_of_letters(found, options["max_dead_letters"]),
            ]
        except Exception as error:
            # Whatever it was: an exception would end it with 1, as a problem does.
            raise CommandError(_said(error), returncode=UNKNOWN) from error
        if options["format"] == "text":
            written = _text(found)
        else:
            written = _json(found, problems) if options["format"] == "json" else openmetrics(found)
        with output.until_read(self.stdout):
            self.stdout.write(written, ending="")
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            sys.exit(1)


def _said(error: Exception) -> str:
    if isinstance(error, ProgrammingError) and getattr(error.__cause__, "sqlstate", None) == _UNDEFINED_TABLE:
        return "The tables of presence are not in this database, or not all of them. Run manage.py migrate."
    return f"{type(error).__name__}: {error}"


def _of_settings(found: Status) -> Iterator[str]:
    if found.signals not in ("inline", "worker"):
        yield (
            f'CHANNELS_PRESENCE_SIGNALS is {found.signals!r}: nobody sends signals. Set it to "worker" if manage.py '
            "run_projector is to send them, or remove it."
        )


def _of_triggers(found: Status) -> Iterator[str]:
    for trigger in found.triggers:
        mend = {"missing": "Run manage.py pgtrigger install", "disabled": "Run manage.py pgtrigger enable"}.get(
            trigger.obstacle, "Take that setting from the role, the database or the server"
        )
        yield (
            f"The trigger {trigger.name} on {trigger.table} is {trigger.obstacle}. {mend}, then manage.py "
            "replay_presence: what was written meanwhile may have gone past the log."
        )


def _of_checkpoints(found: Status, max_lag: float, *, may_be_idle: bool) -> Iterator[str]:
    names = {checkpoint.name for checkpoint in found.checkpoints}
    if found.signals == "worker" and MAIN not in names and not may_be_idle:
        yield "Nobody has ever followed the log to send its signals. Start manage.py run_projector."
    for checkpoint in found.checkpoints:
        worker = f"manage.py run_projector{_named(checkpoint.name)}"
        delete = _delete("presence_checkpoint", f"name = {_sql(checkpoint.name)}")
        forget = f"If nobody needs it any more, {delete}"
        if checkpoint.log_is_shorter:
            yield (
                f"The log ends before the checkpoint {checkpoint.name!r}: it was restored to an earlier state. Run "
                f"{worker} --reset end, or with a position after which signals are to be sent, and start it again "
                f"without. {forget}"
            )
        elif checkpoint.has_leader is False and not may_be_idle:
            yield (
                f"Nobody follows the log from the checkpoint {checkpoint.name!r}, and it is {_lag(checkpoint)} behind. "
                f"Start {worker}. {forget}"
            )
        elif checkpoint.lag_seconds > max_lag:
            yield (
                f"The checkpoint {checkpoint.name!r} is {_lag(checkpoint)} behind. See what its worker logs, and which "
                f"receiver is slow. {forget}"
            )


def _of_presences(found: Status, max_unseen: float) -> Iterator[str]:
    if found.oldest_unseen > max_unseen:
        yield (
            f"Somebody is present who was last seen {_duration(found.oldest_unseen)} ago: nobody prunes. Start "
            "manage.py run_projector --prune, or run manage.py prune_presences every minute."
        )


def _of_letters(found: Status, at_most: int) -> Iterator[str]:
    if found.dead_letters > at_most:
        workers = ", ".join(map(repr, found.dead_letter_workers))
        again = " and ".join(
            f"manage.py replay_presence --signals FROM..TO{_named(worker)}" for worker in found.dead_letter_workers
        )
        yield (
            f"Dead letters: {_counted(found.dead_letters)}, of {workers}. Receivers did not take these signals. Look "
            f"at them in the admin, mend the receivers, send the signals again with {again}, and "
            f"{_delete('presence_dead_letter', f'id <= {found.last_dead_letter}')}"
        )


def _json(found: Status, problems: list[str]) -> str:
    return json.dumps({**asdict(found), "problems": problems}, cls=DjangoJSONEncoder, indent=2) + "\n"


def _text(found: Status) -> str:
    broken = ", ".join(f"{each.name} on {each.table} {each.obstacle}" for each in found.triggers)
    rows = [
        ("people", f"{found.people:,}"),
        ("connections", f"{found.connections:,}, {found.anonymous:,} of them anonymous"),
        ("rooms", f"{found.rooms:,}, {found.empty_rooms:,} of them empty"),
        ("longest stay", _duration(found.oldest_stay)),
        ("longest unseen", _duration(found.oldest_unseen)),
        ("events", f"{found.position:,}, {found.appends_per_second:,.1f}/s in the last minute"),
        ("servers", f"{found.processes:,} alive"),
        ("triggers", broken or "fine"),
        ("dead letters", _counted(found.dead_letters)),
        ("signals", found.signals),
        ("worker", {True: "runs", False: "none runs", None: "who runs is known on the primary"}[found.has_worker]),
        *(("checkpoint", _following(each)) for each in found.checkpoints),
        ("database", f"{'hot standby' if found.is_standby else 'primary'}, at {found.at:%Y-%m-%d %H:%M:%S %Z}"),
    ]
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {value}\n" for name, value in rows)


def _following(checkpoint: CheckpointStatus) -> str:
    leader = {True: "followed", False: "nobody follows", None: "who follows is known on the primary"}
    return f"{checkpoint.name!r} is {_lag(checkpoint)} behind, {leader[checkpoint.has_leader]}"


def _lag(checkpoint: CheckpointStatus) -> str:
    events = f"{checkpoint.lag_events:,} event{'' if checkpoint.lag_events == 1 else 's'}"
    return f"{'at least ' if checkpoint.has_more else ''}{events} and {_duration(checkpoint.lag_seconds)}"


def _named(worker: str) -> str:
    """The option of a command that stands for ``worker``."""
    if worker == MAIN:
        return ""
    quoted = shlex.quote(worker) if worker.isprintable() else f"$'{_escaped(worker)}'"
    return f" --name={quoted}" if worker.startswith("-") else f" --name {quoted}"


def _delete(table: str, which: str) -> str:
    return f"execute as the owner of the tables: DELETE FROM {table} WHERE {which};"  # noqa: S608


def _sql(text: str) -> str:
    if not text.isprintable():
        return f"E'{_escaped(text)}'"
    return "'" + text.replace("'", "''") + "'"


def _escaped(text: str) -> str:
    """On one line, for a literal of a shell or of PostgreSQL: both read this escape."""
    return "".join(each if each.isprintable() and each not in "'\\" else f"\\U{ord(each):08x}" for each in text)


def _counted(letters: int) -> str:
    return f"{letters:,}{' or more' if letters == COUNTED else ''}"


def _duration(seconds: float) -> str:
    """Its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
