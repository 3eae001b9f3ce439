"""manage.py presence_archive: writes days of the log into Parquet files, verifies them, and finds stays in them."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from presence_events import export
from presence_events.archive import manifests, querying, verifying, writing
from presence_events.models import PresenceEvent
from presence_events.positions import CLOCK_TOLERANCE
from presence_events.segments import statements
from projections.management import arguments
from projections.management.errors import FAILED, reported_errors
from projections.management.output import closed_pipe_exits
from projections.management.progress import Progress
from projections.retention import restoring


class Command(BaseCommand):
    help = (
        "Keeps the presence log in Parquet files, one day in UTC at a time, and finds stays in them without the "
        "database. The exit status is 0 on success, 1 if verify finds a problem, and 2 if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="write|verify|query|restore")
        self._add_write(actions)
        self._add_verify(actions)
        self._add_query(actions)
        self._add_restore(actions)

    def _add_write(self, actions: Any) -> None:
        parser = _action(actions, "write", "Writes the days that are not in the archive yet.")
        parser.add_argument(
            "--from",
            dest="start",
            type=arguments.day,
            metavar="DATE",
            help="the first day, in UTC (default: the one after the last day of the archive, or the first of the log)",
        )
        parser.add_argument(
            "--to",
            dest="end",
            type=arguments.day,
            metavar="DATE",
            help="the day after the last one, in UTC (default: today)",
        )
        arguments.add_database(parser)

    def _add_verify(self, actions: Any) -> None:
        parser = _action(actions, "verify", "Prints the problems of the archive: damaged, missing and extra files.")
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            metavar="ALIAS",
            help="also compare the positions of events with those in this database",
        )

    def _add_query(self, actions: Any) -> None:
        parser = _action(actions, "query", "Prints the stays at a time or during a span.")
        parser.add_argument(
            "--at", type=arguments.moment, metavar="TIME", help=f"stays at this time: {arguments.MOMENT}"
        )
        parser.add_argument(
            "--from", dest="start", type=arguments.moment, metavar="TIME", help="stays that went on after this time"
        )
        parser.add_argument(
            "--to", dest="end", type=arguments.moment, metavar="TIME", help="stays that began before this time"
        )
        arguments.add_room(parser)
        parser.add_argument(
            "--user", type=arguments.user_key, metavar="KEY", help="only the user with this primary key"
        )
        arguments.add_format(parser)

    def _add_restore(self, actions: Any) -> None:
        parser = _action(
            actions,
            "restore",
            "Brings a segment that retention has removed back into the log, and places a hold on it.",
        )
        parser.add_argument("--segment", required=True, metavar="NAME", help="the name that presence_partitions prints")
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with reported_errors(), closed_pipe_exits(self.stdout):
            getattr(self, f"_{options['action']}")(**options)

    def _write(
        self,
        directory: Path,
        start: date | None,
        end: date | None,
        database: str | None,
        verbosity: int,
        **options: Any,
    ) -> None:
        using = arguments.chosen_database({"database": database})
        start = start or _next_day(directory, using)
        end = end or (datetime.now(UTC) - CLOCK_TOLERANCE).date()
        written = []
        if start < end:
            with Progress(self.stderr, quiet=verbosity == 0) as progress:
                written = writing.write(directory, using=using, start=start, end=end, report=progress)
        for manifest in written:
            self.stdout.write(f"{manifest.day}: {manifest.total():,} events")
        if not written:
            self.stdout.write("The archive has every day that is over.")

    def _verify(self, directory: Path, database: str | None, verbosity: int, **options: Any) -> None:
        with Progress(self.stderr, quiet=verbosity == 0) as progress:
            problems = verifying.verify(directory, using=database, report=progress)
        for problem in problems:
            self.stdout.write(problem)
        if problems:
            sys.exit(1)
        self.stdout.write("The archive has no problems.")

    def _restore(self, directory: Path, segment: str, database: str | None, **options: Any) -> None:
        using = arguments.chosen_database({"database": database})
        if not statements.is_owner(using):
            raise CommandError("Run this as the owner of the table presence_event.", returncode=FAILED)
        events = restoring.restore(directory, segment, using=using)
        self.stdout.write(
            f"{segment} is in the log again: {events:,} events. To remove it again, run manage.py presence_retention "
            f"--release {shlex.quote(restoring.hold_of(segment))}."
        )

    def _query(
        self, directory: Path, at: datetime | None, start: datetime | None, end: datetime | None, **options: Any
    ) -> None:
        narrowed = {"room": options["room"], "user": options["user"]}
        if at and not start and not end:
            stays = querying.at(directory, at, **narrowed)
        elif start and end and not at:
            stays = querying.during(directory, start, end, **narrowed)
        else:
            raise CommandError("Give either --at, or --from and --to.", returncode=FAILED)
        rows = ((*stay[:-1], stay.duration.total_seconds()) for stay in stays)
        export.write(self.stdout, options["format"], querying.ArchivedStay._fields, rows)


def _action(actions: Any, name: str, description: str) -> CommandParser:
    parser: CommandParser = actions.add_parser(name, help=description, description=description)
    parser.add_argument("directory", type=Path, metavar="DIRECTORY")
    return parser


def _next_day(directory: Path, using: str) -> date:
    """Returns the day after the last one of the archive, or else that of the first event, or else today."""
    if directory.is_dir() and (days := manifests.days(directory)):
        return days[-1] + timedelta(days=1)
    first = PresenceEvent.objects.using(using).order_by("id").values_list("at", flat=True).first()
    return (first or datetime.now(UTC)).astimezone(UTC).date()
