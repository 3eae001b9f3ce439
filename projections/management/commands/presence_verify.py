"""manage.py presence_verify: compares the log with its seals, and the seals with a copy and a key."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from presence_events.seals import anchors, copies, timestamps, verifying
from presence_events.seals.signing import read_public_key
from projections.management import arguments
from projections.management.errors import reported_errors
from projections.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Compares the presence log with its seals, and prints what does not agree: its integrity, completeness and "
        "freshness. Give a copy of the seals that is kept elsewhere, and the public key: without both, the owner of "
        "the tables can change the log and make new seals. The exit status is 0 if all agrees, 1 if something does "
        "not, and 2 if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--copy",
            type=Path,
            metavar="PATH",
            help="a file or a directory of seals that presence_seal has written (default: that of "
            "CHANNELS_PRESENCE_SEALS)",
        )
        parser.add_argument(
            "--public-key", type=Path, metavar="FILE", help="the Ed25519 public key of all seals, in PEM"
        )
        parser.add_argument(
            "--timestamp-certificates",
            type=Path,
            metavar="FILE",
            help="require time stamps by a server with a certificate that one of these has issued, in PEM",
        )
        parser.add_argument(
            "--max-age",
            type=float,
            metavar="SECONDS",
            help="report events without a seal, and seals without a copy or a time stamp, that are older",
        )
        arguments.add_database(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        max_age = options["max_age"]
        with reported_errors():
            using = arguments.chosen_database(options)
            path = options["copy"] or anchors.place_of("copy", using) or anchors.place_of("directory", using)
            copy = copies.read(Path(path)) if path else None
            public_key = read_public_key(options["public_key"]) if options["public_key"] else None
            certificates = options["timestamp_certificates"]
            roots = timestamps.read_certificates(certificates) if certificates else None
            with Progress(self.stderr, quiet=options["verbosity"] == 0) as progress:
                found = verifying.verify(
                    using,
                    copy=copy,
                    public_key=public_key,
                    roots=roots,
                    max_age=None if max_age is None else timedelta(seconds=max_age),
                    report=progress,
                )
        for finding in found.findings:
            self.stdout.write(f"{finding.kind}: {finding.text}")
        for kind in (verifying.INTEGRITY, verifying.COMPLETENESS, verifying.FRESHNESS):
            number = sum(finding.kind == kind for finding in found.findings)
            self.stdout.write(f"{kind:<12}  {number or 'no'} finding{'' if number == 1 else 's'}")
        for name, figure in (
            ("seals", f"{found.seals:,}, {found.signed:,} of them signed"),
            ("agreeing", f"{found.events:,} events"),
            ("removed", f"{found.removed:,} events, by retention"),
            ("erased", f"{found.erased:,} events, of persons"),
            ("not sealed", f"{found.unsealed:,} events"),
            *([("time-stamped", f"{found.stamped:,} seals, up to {found.stamped_at}")] if found.stamped_at else []),
        ):
            self.stdout.write(f"{name:<12}  {figure}")
        if copy is None:
            self.stdout.write("The seals were compared with no copy.")
        if public_key is None and found.signed:
            self.stdout.write("The signatures were compared with the keys in the database only.")
        if roots is None and found.stamped_at:
            self.stdout.write("The signatures of the time stamps were not verified.")
        if found.findings:
            sys.exit(1)
