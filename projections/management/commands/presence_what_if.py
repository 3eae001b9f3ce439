"""manage.py presence_what_if: prints the stays that another maximal age would have ended."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from presence_events import export
from projections.management import arguments
from projections.management.errors import reported_errors
from projections.management.output import closed_pipe_exits
from projections.management.progress import Progress
from projections.replay.what_if import Gap, gaps


class Command(BaseCommand):
    help = (
        "Prints the stays that another CHANNELS_PRESENCE_MAX_AGE would have ended: those in which a connection showed "
        "no sign of life for longer. Each row has the earliest time at which the stay would have ended, and the time "
        "and kind of the event that came next, if there was one. Nothing is changed. The exit status is 2 if the "
        "command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("age", type=float, metavar="SECONDS", help="the maximal age to try")
        arguments.add_room(parser)
        arguments.add_format(parser)
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        # Rows are printed while the log is read, so a bar on the same terminal would be mixed with them.
        quiet = options["verbosity"] == 0 or self.stdout.isatty()
        with reported_errors(), closed_pipe_exits(self.stdout), Progress(self.stderr, quiet=quiet) as progress:
            found = gaps(using, options["age"], room=options["room"], report=progress)
            export.write(self.stdout, options["format"], Gap._fields, found)
