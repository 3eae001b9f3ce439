"""manage.py presence_resend: sends the signals of events again."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from projections._delivery import dispatch
from projections.management import arguments
from projections.management.errors import FAILED, reported_errors
from projections.management.output import closed_pipe_exits
from projections.management.progress import Progress
from projections.replay.resend import resend
from projections.signals import MAIN


class Command(BaseCommand):
    help = (
        "Sends the signals of events of the presence log again, with replayed=True. Groups are left alone. A receiver "
        "that raises is logged, and the command then fails after everything was sent. The exit status is 2 if the "
        "command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "events",
            type=_bounds,
            metavar="FROM..TO",
            help="the events: FROM and TO are positions, both included, or times, of which TO is excluded "
            f"({arguments.MOMENT}); without FROM from the beginning of the log, without TO to its end",
        )
        parser.add_argument(
            "--name",
            default=MAIN,
            metavar="NAME",
            help="call only the receivers of presence_changed.for_worker(NAME) and of the other signals of that worker "
            "(default: only those of the signals themselves)",
        )
        arguments.add_room(parser)
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using, worker = arguments.chosen_database(options), options["name"]
        if worker != MAIN and not dispatch.has_receivers(worker):
            raise CommandError(
                f"No receiver is connected to presence_changed.for_worker({worker!r}), or to presence_updated, "
                "person_joined or person_left of that worker.",
                returncode=FAILED,
            )
        quiet = options["verbosity"] == 0
        with reported_errors(), closed_pipe_exits(self.stdout), Progress(self.stderr, quiet=quiet) as progress:
            failures = resend(using, *options["events"], room=options["room"], worker=worker, report=progress)
            self.stdout.write("The signals were sent again.")
        if failures:
            raise CommandError(
                f"Receivers raised {failures} times. The logger projections.signals has the errors.", returncode=FAILED
            )


def _bounds(text: str) -> tuple[int | datetime | None, int | datetime | None]:
    """Returns both ends of a part of the log, None if one is left out. A type for argparse."""
    start, separator, end = text.partition("..")
    if not separator:
        raise ArgumentTypeError(f"{text!r} is not a part of the log: write FROM..TO, like 1000..2000, or 1000..")
    return arguments.position_or_moment(start) if start else None, arguments.position_or_moment(end) if end else None
