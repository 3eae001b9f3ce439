"""manage.py replay_presence: compares rooms and presences with the log, and repairs them."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projections.management import arguments
from projections.management.errors import reported_errors
from projections.management.output import closed_pipe_exits
from projections.management.progress import Progress
from projections.replay.differences import Difference
from projections.replay.repair import compare, repair


class Command(BaseCommand):
    help = (
        "Folds the presence log again and makes rooms and presences equal to it, while the site keeps running. If "
        "nothing differs, it locks nothing and writes nothing. To repair differences it must run as the owner of the "
        "tables. The exit status is 0 on success, 1 if --check finds a difference, and 2 if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument(
            "--check", action="store_true", help="print each difference and change nothing; exit with 1 if there is any"
        )
        mode.add_argument("--dry-run", action="store_true", help="print each difference and change nothing")
        arguments.add_room(parser)
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using, room = arguments.chosen_database(options), options["room"]
        quiet = options["verbosity"] == 0
        with reported_errors(), closed_pipe_exits(self.stdout), Progress(self.stderr, quiet=quiet) as progress:
            if options["check"] or options["dry_run"]:
                differences = compare(using, room=room, report=progress)
                self._print(differences, "differ from the log")
                if differences and options["check"]:
                    sys.exit(1)
            else:
                done = repair(using, room=room, report=progress)
                self._print(done.differences, f"changed; appends waited for at most {done.locked_seconds:.3f} s")

    def _print(self, differences: list[Difference], outcome: str) -> None:
        for difference in differences:
            self.stdout.write(str(difference))
        self.stdout.write(
            f"{len(differences)} rows {outcome}." if differences else "Rooms and presences match the log."
        )
