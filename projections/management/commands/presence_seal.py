"""manage.py presence_seal: seals what is new in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from presence_events.seals import maintenance, reading
from projections.management import arguments
from projections.management.errors import reported_errors
from projections.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Seals the events of the presence log that no seal has yet, while the site keeps running, and prints a line "
        "for each new seal. A transaction that appends and stays open delays it. The exit status is 2 if the command "
        "fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--key",
            type=Path,
            metavar="FILE",
            help="sign with this Ed25519 private key, in PEM (default: that of CHANNELS_PRESENCE_SEALS)",
        )
        parser.add_argument(
            "--copy",
            type=Path,
            metavar="FILE",
            help="append all seals that are not in this file yet, also those of earlier runs (default: that of "
            "CHANNELS_PRESENCE_SEALS)",
        )
        parser.add_argument(
            "--keys",
            type=Path,
            metavar="FILE",
            help="write the secret keys of all subjects to this new file, for the verification of an archive",
        )
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        with reported_errors():
            copy = options["copy"] or maintenance.copy_path(using)
            with Progress(self.stderr, quiet=options["verbosity"] == 0) as progress:
                made, added = maintenance.maintain(using, key=options["key"], copy=copy, report=progress)
            for each in made:
                found = each.seal
                self.stdout.write(
                    f"Seal {found.number}: {found.stays.events + found.touches.events:,} events up to position "
                    f"{found.up_to}, {found.digest}"
                )
            if not made:
                self.stdout.write("All events are sealed.")
            if copy:
                self.stdout.write(f"{copy}: {added} new seal{'' if added == 1 else 's'}")
            if options["keys"]:
                written = reading.write_keys(options["keys"], using=using)
                self.stdout.write(f"{options['keys']}: {written} keys, to be kept secret")
