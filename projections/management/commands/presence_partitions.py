"""manage.py presence_partitions: creates segments of the log, closes those whose days are over, and lists them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from presence_events import sql
from presence_events.segments import maintenance, statements
from projections.erasure.forgetting import forget
from projections.management import arguments
from projections.management.errors import reported_errors
from projections.management.output import closed_pipe_exits

COLUMNS = ("part", "from", "to", "state", "events", "positions", "MB")


class Command(BaseCommand):
    help = (
        "Creates partitions of the presence log ahead of need, closes those whose days are over, and prints a line for "
        "each: its part of the log, its first and last day of appending in UTC, its state, its events and positions, "
        "and its size on disk. Also forgets stays without history. The worker does the same once an hour. Needs the "
        "rights of the owner of the tables. The exit status is 2 if the command fails; run it again then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--list", action="store_true", help="change nothing: any role may do this")
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        with reported_errors(), closed_pipe_exits(self.stdout):
            if not options["list"]:
                self._maintain(using, options["verbosity"])
            for row in _table(using):
                self.stdout.write(row)

    def _maintain(self, using: str, verbosity: int) -> None:
        if not statements.is_owner(using):
            raise CommandError("Run this as the owner of the table presence_event.", returncode=2)
        forget(using)
        outcome = maintenance.maintain(using)
        if verbosity:
            self.stderr.write(f"{len(outcome.created)} created, {len(outcome.closed)} closed")


def _table(using: str) -> list[str]:
    """Returns the lines of a table with aligned columns."""
    rows = [COLUMNS]
    for part, first, end, state, events, is_counted, first_id, last_id, size in sql.rows(
        "presence_events", "queries/segments/listed", using=using
    ):
        rows.append(
            (
                part,
                str(first or "-"),
                str(date.fromordinal(end.toordinal() - 1) if end else "-"),
                state,
                f"{events:,}" if is_counted else f"~{events:,}",
                f"{first_id}-{last_id}" if first_id else "-",
                "-" if size is None else f"{size / 1e6:,.1f}",
            )
        )
    widths = [max(len(row[number]) for row in rows) for number in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
