"""manage.py presence_seal: seals what is new in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from presence_events.seals import anchors, maintenance, reading, timestamps
from projections.management import arguments
from projections.management.errors import FAILED, reported_errors
from projections.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Seals the events of the presence log that no seal has yet, while the site keeps running, prints a line for "
        "each new seal, and publishes the seals at the anchors of CHANNELS_PRESENCE_SEALS. A transaction that appends "
        "and stays open delays it. The exit status is 2 if the command or an anchor fails."
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
        parser.add_argument(
            "--timestamps",
            type=Path,
            metavar="DIRECTORY",
            help="write each time stamp that is not in this directory yet to a new file, for verifications elsewhere",
        )
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = arguments.chosen_database(options)
        with reported_errors():
            with Progress(self.stderr, quiet=options["verbosity"] == 0) as progress:
                made = maintenance.maintain(using, key=options["key"], report=progress)
            for each in made:
                found = each.seal
                self.stdout.write(
                    f"Seal {found.number}: {found.stays.events + found.touches.events:,} events up to position "
                    f"{found.up_to}, {found.digest}"
                )
            if not made:
                self.stdout.write("All events are sealed.")
            failed = self._publish(options["copy"], using)
            if options["keys"]:
                written = reading.write_keys(options["keys"], using=using)
                self.stdout.write(f"{options['keys']}: {written} keys, to be kept secret")
            if options["timestamps"]:
                written = timestamps.write(options["timestamps"], using=using)
                self.stdout.write(f"{options['timestamps']}: {written} new time stamp{'' if written == 1 else 's'}")
        if failed:
            raise CommandError("\n".join(failed), returncode=FAILED)

    def _publish(self, copy: Path | None, using: str) -> list[str]:
        """Publishes the seals at all anchors. Returns why some have failed."""
        failed = []
        for name in anchors.ANCHORS:
            place = str(copy) if copy and name == "copy" else anchors.place_of(name, using)
            if place is None:
                continue
            try:
                added = anchors.publish(name, place, using=using)
            except Exception as error:
                failed.append(f"{place}: {type(error).__name__}: {error}")
            else:
                self.stdout.write(f"{place}: {added} new seal{'' if added == 1 else 's'}")
        return failed
