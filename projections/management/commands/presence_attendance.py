"""manage.py presence_attendance: prints who was in a room in a span of time, for how long, and who is missing."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import router

from presence_events import export, users
from presence_events.databases.rooms import chosen_by_room
from presence_events.exceptions import InvalidUser
from projections.attendance import attendance
from projections.attendance.table import Line, lines
from projections.attendance.text import text
from projections.management import arguments
from projections.management.errors import reported_errors
from projections.management.output import closed_pipe_exits
from projections.sessions import PresenceSession


class Command(BaseCommand):
    help = (
        "Prints who was in a room in a span of time, and for how long: certainly and at most. If the span is not over, "
        "the report covers the time until now. Nothing is changed. The exit status is 2 if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("room", type=arguments.room, metavar="ROOM")
        parser.add_argument("start", type=arguments.moment, metavar="START", help=arguments.MOMENT)
        parser.add_argument("end", type=arguments.moment, metavar="END", help="a time in the same format")
        parser.add_argument(
            "--expected",
            type=_user_key,
            nargs="+",
            metavar="USER",
            help="names or primary keys of the users who should have come; the report lists those who did not",
        )
        parser.add_argument("--activity", action="store_true", help="add for how long people were active")
        parser.add_argument("--format", choices=("text", *export.FORMATS), default="text", help="default: text")
        arguments.add_database(parser, default="the one that the router reads")

    def handle(self, *args: Any, **options: Any) -> None:
        default = None if chosen_by_room() else router.db_for_read(PresenceSession)
        with reported_errors(), closed_pipe_exits(self.stdout):
            report = attendance(
                options["room"],
                options["start"],
                options["end"],
                options["expected"],
                activity=options["activity"],
                using=arguments.chosen_database(options, default=default),
            )
            if options["format"] == "text":
                self.stdout.write(text(report), ending="")
            else:
                found: Iterable[Sequence[Any]] = lines(report)
                if options["format"] == "csv":
                    found = (tuple(map(export.spreadsheet_safe, line)) for line in found)
                export.write(self.stdout, options["format"], Line._fields, found)


def _user_key(text: str) -> Any:
    try:
        return users.find_user_key(text)
    except InvalidUser as error:
        raise ArgumentTypeError(str(error)) from None
