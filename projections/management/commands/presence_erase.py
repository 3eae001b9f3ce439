"""manage.py presence_erase: erases a person from the log, and from what is kept beside it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from presence_events.databases.rooms import aliases
from projections.erasure import erase_person, plan
from projections.erasure.plan import person_keys
from projections.management import arguments
from projections.management.errors import reported_errors

NOT_REACHED = """\
This is not reached. Erase it there, or let it expire:
- the space that the old rows had in the files of the database, until VACUUM FULL
- the write-ahead log, its archive, and backups
- logical replicas, and databases that were restored from a backup
- copies of the archive that were not named, and files of presence_seal --keys
- earlier exports, logs of servers, and what receivers of signals have stored
- the old tables of django-channels-presence, until they are dropped
- names of rooms, connections and processes"""


class Command(BaseCommand):
    help = (
        "Erases a person from the presence log, while the site keeps running: a pseudonym takes the place of the user, "
        "and data and reasons are removed. Seals stay valid. Run it again after an interruption. It cannot be undone. "
        "The exit status is 2 if the command fails."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_person(parser)
        parser.add_argument("--dry-run", action="store_true", help="print what would be erased, and change nothing")
        arguments.add_archives(parser, use="rewrite")
        parser.add_argument("--without-archives", action="store_true", help="leave archives as they are")
        arguments.add_database(parser, default="all that have rooms")

    def handle(self, *args: Any, **options: Any) -> None:
        user, using = options["user"], options["database"]
        with reported_errors():
            if options["dry_run"]:
                for alias in [using] if using else aliases():
                    self._print_plan(user, alias)
                return
            erased = erase_person(
                user, using=using, archives=options["archives"], without_archives=options["without_archives"]
            )
        self.stdout.write(f"{erased.ended:,} open stays ended.")
        for name, events in erased.events.items():
            self.stdout.write(f"{name}: {events:,} events erased.")
        if not erased.events:
            self.stdout.write("Nothing was left to erase.")
        self.stdout.write(NOT_REACHED)

    def _print_plan(self, user: Any, alias: str) -> None:
        for key in person_keys(user, using=alias):
            self._print_plan_of(key, alias)

    def _print_plan_of(self, key: Any, alias: str) -> None:
        found = plan(key, using=alias)
        self.stdout.write(f"In the database {alias!r}: {found.present:,} open stays would end.")
        for name in sorted({*found.events, *found.mentions}):
            named = len(found.mentions.get(name, []))
            self.stdout.write(f"{name}: {found.events.get(name, 0):,} events of the person, {named:,} that name them.")
        if found.archived:
            self.stdout.write("Segments were archived before they were removed: name the archives with --archive.")
        if found.obstacle:
            self.stdout.write(f"It is stopped by {found.obstacle}.")
