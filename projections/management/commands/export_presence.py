"""manage.py export_presence: writes stays or the log to a file or a pipe."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import Error, router
from django.db.models import QuerySet

from presence_events import export, validation
from presence_events.exceptions import PresenceError
from presence_events.files import new_file
from presence_events.models import PresenceEvent
from presence_events.segments import horizon
from projections.management import arguments
from projections.management.output import closed_pipe_exits
from projections.models import PresenceSession

_Write = Callable[[memoryview], Any]

_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)
_LINES_PER_UPDATE = 20_000
"""Lines between two updates of the count on a terminal."""


class Command(BaseCommand):
    help = (
        "Writes stays (sessions) or the log itself (events), of any number, in constant memory. Sessions are in the "
        "order in which they began, events in log order."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=["sessions", "events"])
        parser.add_argument(
            "--from",
            dest="start",
            type=arguments.moment,
            metavar="TIME",
            help=f"sessions that went on after this time, events at or after it: {arguments.MOMENT}",
        )
        parser.add_argument(
            "--to",
            dest="end",
            type=arguments.moment,
            metavar="TIME",
            help="sessions that began before this time, events before it; if it is in the future, all until now",
        )
        parser.add_argument(
            "--partial",
            action="store_true",
            help="export what is left of a time before the horizon, instead of failing; a header names the horizon",
        )
        arguments.add_room(parser)
        parser.add_argument(
            "--user", type=arguments.user_key, metavar="KEY", help="only the user with this primary key"
        )
        arguments.add_format(parser)
        parser.add_argument(
            "--output",
            type=Path,
            metavar="FILE",
            help="the file to write; it appears or is replaced once the export is complete (default: standard output)",
        )
        arguments.add_database(parser, default="the one that the router reads")

    def handle(self, *args: Any, **options: Any) -> None:
        output = options["output"]
        # A count on the terminal that shows the rows would be mixed with them.
        shows_count = self.stderr.isatty() and not (output is None and self.stdout.isatty())
        try:
            alias = arguments.chosen_database(options, default=router.db_for_read(PresenceEvent))
            rows = self._rows(alias, **options)
            horizons = horizon.read(alias)
            header = export.header(_horizons(horizons, **options), options["format"])
            with self._destination(output) as write:
                if header:
                    write(memoryview(header))
                count = export.copy(rows, self._counting(write) if shows_count else write, options["format"])
        except (OSError, Error, PresenceError) as error:
            raise CommandError(str(error)) from None
        if options["verbosity"] > 0:
            start = "\r" if shows_count else ""
            self.stderr.write(f"{start}Exported {count:,} {options['kind']}.", str)
            if horizons.replayed_up_to is not None:
                replayed = validation.aware(horizons.replayed_up_to).isoformat()
                self.stderr.write(f"This database is a replica. It has replayed up to {replayed}.", str)

    def _rows(
        self, alias: str, start: datetime | None, end: datetime | None, partial: bool, **options: Any
    ) -> QuerySet[Any]:
        kind, room, user = options["kind"], options["room"], options["user"]
        span = validation.span(start or _EARLIEST, end or _LATEST)
        if kind == "events":
            events = export.events(start, end, using=alias, partial=partial)
            events = events if room is None else events.filter(room=room)
            return events if user is None else events.filter(user_id=user)
        sessions = PresenceSession.objects.using(alias)
        if start or end:
            if end and not partial:
                horizon.require(end, horizon.read(alias).stays)
            # Without a start, it begins where the log begins.
            sessions = sessions.during(*span, partial=partial or start is None)
        sessions = sessions if room is None else sessions.in_room(room)
        return sessions if user is None else sessions.of_user(user)

    def _destination(self, output: Path | None) -> AbstractContextManager[_Write]:
        return _stream(self.stdout) if output is None else _file(output.resolve())

    def _counting(self, write: _Write) -> _Write:
        lines = 0

        def counting(line: memoryview) -> None:
            nonlocal lines
            write(line)
            lines += 1
            if lines % _LINES_PER_UPDATE == 0:
                self.stderr.write(f"\r{lines:,} lines", str, ending="")
                self.stderr.flush()

        return counting


def _horizons(found: horizon.Horizons, kind: str, start: datetime | None, **options: Any) -> dict[str, datetime]:
    """Returns those of the horizons ``found`` before which the export may lack rows, by part."""
    return {
        part: moment
        for part in (("stays",) if kind == "sessions" else ("touches", "stays"))
        if (moment := found.of(part)) is not None and (start is None or horizon.is_before(start, moment))
    }


@contextmanager
def _file(path: Path) -> Iterator[_Write]:
    """Yields a function that writes to the file ``path``, which appears or is replaced at the end of the block."""
    if path.exists() and not path.is_file():
        raise CommandError(f"{path} is not a file that can be replaced: redirect the standard output instead.")
    with new_file(path) as file:
        yield file.write


@contextmanager
def _stream(stdout: OutputWrapper) -> Iterator[_Write]:
    """Yields a function that writes UTF-8 bytes to ``stdout``, decoded first if ``stdout`` takes only text."""
    stdout.flush()
    with closed_pipe_exits(stdout):
        if buffer := getattr(stdout, "buffer", None):
            yield buffer.write
        else:
            decoder = codecs.getincrementaldecoder("utf-8")()
            yield lambda line: stdout.write(decoder.decode(line), ending="")
