"""manage.py presence_export_person: exports all that is held about a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from projections.erasure import export_person
from projections.management import arguments
from projections.management.errors import reported_errors


class Command(BaseCommand):
    help = (
        "Writes all that the presence log holds about a person into a directory: person.json with a description of "
        "each field, and a CSV file for each table. The exit status is 2 if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_person(parser)
        parser.add_argument("directory", type=Path, metavar="DIRECTORY", help="is created if needed")
        arguments.add_archives(parser, use="read")
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with reported_errors():
            using = arguments.chosen_database(options)
            counts = export_person(options["user"], options["directory"], using=using, archives=options["archives"])
        for name, rows in counts.items():
            self.stdout.write(f"{name}: {rows:,} rows")
