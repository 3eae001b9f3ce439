"""manage.py presence_retention: removes old segments of the log, and places and releases holds."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from presence_events.models import Segment
from presence_events.segments import holds, horizon, statements
from projections.management import arguments
from projections.management.errors import FAILED, reported_errors
from projections.management.output import closed_pipe_exits
from projections.management.progress import Progress
from projections.retention import archiving, removing
from projections.retention.limits import PartPlan, plan, shown


class Command(BaseCommand):
    help = (
        "Removes the segments of the presence log that are older than CHANNELS_PRESENCE_RETENTION says, unless a hold, "
        "a checkpoint or an open stay stops it. An interrupted run is continued by the next one. The worker does the "
        "same once an hour. With --hold or --release, it only places or releases a hold. Needs the rights of the owner "
        "of the tables. The exit status is 2 if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument(
            "--dry-run", action="store_true", help="print what would be removed and what stops the rest; any role may"
        )
        mode.add_argument("--hold", metavar="NAME", help="place a hold: nothing that it covers is removed")
        mode.add_argument("--release", metavar="NAME", help="release the hold of this name")
        parser.add_argument(
            "--from",
            dest="start",
            type=arguments.day,
            metavar="DAY",
            help="the first day of appending that the hold covers, in UTC, like 2026-03-01 (default: all)",
        )
        parser.add_argument(
            "--archive",
            type=Path,
            metavar="DIRECTORY",
            help="before a segment is removed, write its days into this archive, and verify that all of it is there",
        )
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        if options["start"] and not options["hold"]:
            raise CommandError("--from belongs to --hold.", returncode=FAILED)
        with reported_errors(), closed_pipe_exits(self.stdout):
            if options["dry_run"]:
                self._print_plan(using)
                return
            if not statements.is_owner(using):
                raise CommandError("Run this as the owner of the table presence_event.", returncode=FAILED)
            if options["hold"] is not None:
                self._hold(options["hold"], options["start"], using)
            elif options["release"] is not None:
                holds.release(options["release"], using=using)
                self.stdout.write(f"The hold {options['release']!r} is released.")
            else:
                self._remove(using, options)

    def _hold(self, name: str, start: date | None, using: str) -> None:
        hold = holds.place(name, start, using=using)
        covered = f"of {hold.from_day} and later" if hold.from_day else "that are in the log"
        self.stdout.write(f"The hold {name!r} keeps all events {covered}.")
        self._print_horizons(using)

    def _remove(self, using: str, options: dict[str, Any]) -> None:
        with Progress(self.stderr, quiet=options["verbosity"] == 0) as progress:
            directory = options["archive"]
            write = directory and partial(archiving.archive, directory, using=using, report=progress)
            outcome = removing.apply(using, archive=write, report=progress)
        for name in outcome.dropped:
            self.stdout.write(f"{name} is removed.")
        if not outcome.dropped:
            self.stdout.write("Nothing was removed.")
        for part in plan(using):
            if part.stopped:
                self.stdout.write(_stopped(part))
        self._print_horizons(using)

    def _print_plan(self, using: str) -> None:
        for name in Segment.objects.using(using).filter(state=Segment.State.LEAVING).values_list("name", flat=True):
            self.stdout.write(f"{name} is being removed; the next run completes it.")
        for part in plan(using):
            if part.kept is None:
                self.stdout.write(f"{part.part}: CHANNELS_PRESENCE_RETENTION keeps all.")
            for segment in part.removable:
                self.stdout.write(f"{segment.name} would be removed: {segment.events:,} events, {_days(segment)}.")
            if part.kept is not None and not part.removable and not part.stopped:
                self.stdout.write(f"{part.part}: no segment is older than {part.kept.days} days.")
            if part.stopped:
                self.stdout.write(_stopped(part))
        self._print_horizons(using)

    def _print_horizons(self, using: str) -> None:
        found = horizon.read(using)
        for part in Segment.Part.values:
            if (moment := found.of(part)) is not None:
                self.stdout.write(f"The horizon of {part} is {shown(moment)}.")


def _stopped(part: PartPlan) -> str:
    name = part.stopped.name if part.stopped else ""
    return f"{name} and later ones stay because of {part.obstacle}."


def _days(segment: Segment) -> str:
    """Returns the days of a closed segment as text."""
    last = segment.end_day - timedelta(days=1) if segment.end_day else None
    return f"from {segment.first_day} to {last}" if segment.first_day else f"up to {last}"
