"""manage.py import_channels_presence: takes over who is present from django-channels-presence."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connections

from presence_events import validation
from presence_events.exceptions import InvalidAge
from projections import conf
from projections.channels_presence import tables
from projections.channels_presence.importing import Outcome, import_presences
from projections.management import arguments
from projections.management.errors import FAILED, reported_errors

_UNDEFINED_TABLE = "42P01"


class Command(BaseCommand):
    help = (
        "Records a join for each live presence in the tables of django-channels-presence. Connections that the log "
        "knows are left out, so you can run it again. The tables of django-channels-presence are not changed. The exit "
        "status is 2 if the command fails."
    )
    # The tables of both are there while a site migrates, and not all migrations have been applied.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--max-age",
            type=float,
            metavar="SECONDS",
            help="import presences that were seen in the last SECONDS (default: CHANNELS_PRESENCE_MAX_AGE)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only print what would be imported")
        parser.add_argument(
            "--source",
            choices=tuple(connections),
            metavar="ALIAS",
            help="alias of the database with the tables of django-channels-presence (default: that of --database)",
        )
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        source = options["source"] or using
        try:
            max_age = validation.age(conf.max_age() if options["max_age"] is None else options["max_age"])
        except InvalidAge as error:
            raise CommandError(str(error), returncode=FAILED) from None
        with reported_errors():
            if not tables.exist(source):
                self.stdout.write(f"The database {source!r} has no tables of django-channels-presence.")
                return
            try:
                outcome = import_presences(source, using, max_age, dry_run=options["dry_run"])
            except ProgrammingError as error:
                if getattr(error.__cause__, "sqlstate", None) != _UNDEFINED_TABLE:
                    raise
                raise CommandError(
                    "The tables of presence are missing in this database, or some of them. Run manage.py migrate "
                    "projections first.",
                    returncode=FAILED,
                ) from error
        self._report(outcome, max_age, dry_run=options["dry_run"])

    def _report(self, outcome: Outcome, max_age: float, *, dry_run: bool) -> None:
        self.stdout.write(f"{outcome.imported} would be imported" if dry_run else f"{outcome.imported} imported")
        if outcome.expired:
            self.stdout.write(f"{outcome.expired} left out: not seen in the last {max_age:g} seconds")
        if outcome.known:
            self.stdout.write(f"{outcome.known} left out: in the log already")
        for reason in outcome.refused:
            self.stderr.write(f"Left out: {reason}")
