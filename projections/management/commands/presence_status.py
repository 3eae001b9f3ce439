"""manage.py presence_status: prints how presence is doing, for people and for monitors."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import ProgrammingError, connections

from projections.management import arguments, output
from projections.metrics import openmetrics
from projections.status import Status, find_problems, status, text
from projections.status.problems import MAX_LAG, PRUNE_ALLOWANCE

EXIT_UNKNOWN = 2
"""The exit status if the status could not be determined. With 1, there is a problem."""

_UNDEFINED_TABLE = "42P01"


class Command(BaseCommand):
    help = (
        "Prints how presence is doing. Each problem is a line on standard error that also says what to do about it. "
        "The exit status is 0 without problems, 1 with a problem, and 2 if the status could not be determined."
    )
    # A failing system check would end the command with 1.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=("text", "json", "openmetrics"), default="text")
        parser.add_argument(
            "--max-lag",
            type=float,
            default=MAX_LAG,
            metavar="SECONDS",
            help="report a problem if an event waits longer for its delivery (default: %(default)g)",
        )
        parser.add_argument(
            "--max-unseen",
            type=float,
            metavar="SECONDS",
            help="report a problem if a present connection was last seen longer ago, which means that pruning is not "
            f"running (default: three times CHANNELS_PRESENCE_MAX_AGE, plus {PRUNE_ALLOWANCE:g})",
        )
        parser.add_argument(
            "--max-dead-letters",
            type=int,
            default=0,
            metavar="COUNT",
            help="report a problem if more signals were not taken by a receiver (default: %(default)s)",
        )
        parser.add_argument(
            "--no-leader",
            action="store_true",
            help="accept that no worker follows the log at the moment: for run_projector --once from cron",
        )
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            metavar="ALIAS",
            help="alias of the database (default: the one that the log is written to)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        try:
            found = status(using)
            problems = find_problems(
                found,
                max_lag=options["max_lag"],
                max_unseen=options["max_unseen"],
                max_dead_letters=options["max_dead_letters"],
                needs_leader=not options["no_leader"],
            )
            report = _report(found, problems, options["format"])
        except Exception as error:
            # Any other exception would end the command with 1, which means a problem.
            raise CommandError(_explain(error), returncode=EXIT_UNKNOWN) from error
        with output.closed_pipe_exits(self.stdout):
            self.stdout.write(report, ending="")
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            sys.exit(1)


def _report(found: Status, problems: list[str], form: str) -> str:
    if form == "json":
        return json.dumps({**asdict(found), "problems": problems}, cls=DjangoJSONEncoder, indent=2) + "\n"
    return openmetrics(found) if form == "openmetrics" else text.table(found)


def _explain(error: Exception) -> str:
    if isinstance(error, ProgrammingError) and getattr(error.__cause__, "sqlstate", None) == _UNDEFINED_TABLE:
        return "The tables of presence are missing in this database, or some of them. Run manage.py migrate."
    return f"{type(error).__name__}: {error}"
