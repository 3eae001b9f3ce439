"""manage.py presence_at: prints the rooms and presences as they were."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from presence_events import export
from projections.management import arguments
from projections.management.errors import reported_errors
from projections.management.output import closed_pipe_exits
from projections.management.progress import Progress
from projections.replay.state import state


class Command(BaseCommand):
    help = (
        "Prints the rooms and who was in them after an event of the presence log, or at a time. There is one row for "
        "each connection, and one for each empty room. Nothing is changed. The exit status is 2 if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "at",
            type=arguments.position_or_moment,
            metavar="POSITION|TIME",
            help=f"the position of the last event to include (0 is before the first), or a time ({arguments.MOMENT})",
        )
        arguments.add_room(parser)
        arguments.add_format(parser)
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using, at = arguments.chosen_database(options), options["at"]
        bound: dict[str, Any] = {"moment": at} if isinstance(at, datetime) else {"position": at}
        quiet = options["verbosity"] == 0
        with reported_errors(), closed_pipe_exits(self.stdout), Progress(self.stderr, quiet=quiet) as progress:
            with state(using, room=options["room"], report=progress, **bound) as fold:
                columns, rows = fold.present()
            export.write(self.stdout, options["format"], columns, rows)
