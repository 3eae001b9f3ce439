"""manage.py presence_doctor: examines whether presence is set up and running correctly."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projections.management import arguments
from projections.management.doctor import EXAMINATIONS, examine
from projections.management.output import closed_pipe_exits


class Command(BaseCommand):
    help = (
        "Examines whether presence is set up and running: the settings, the database, a trial join that is rolled "
        "back, a message through each channel layer, the consumers with a mixin, and what presence_status measures. "
        "It changes nothing. Each problem says what to do about it. The exit status is 0 without problems, and 1 "
        "with one."
    )
    # It runs those of the library itself, and reports them.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        is_well = True
        width = max(map(len, EXAMINATIONS))
        with closed_pipe_exits(self.stdout):
            for what, found, problems, notes in examine(using):
                is_well = is_well and not problems
                mark = self.style.ERROR("problem") if problems else self.style.SUCCESS("ok     ")
                self.stdout.write(f"{mark}  {what.ljust(width)}  {found}")
                for line in problems:
                    self.stdout.write(f"  - {line}")
                for line in notes:
                    self.stdout.write(f"  . {line}")
                self.stdout.flush()
            self.stdout.write("Presence is well." if is_well else "Presence has problems: see above.")
        if not is_well:
            sys.exit(1)
