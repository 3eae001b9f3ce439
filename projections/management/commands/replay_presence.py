"""manage.py replay_presence: folds the log again."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections
from django.db.models import Max, Min, QuerySet

from presence_events import export, validation
from presence_events.databases import write_alias
from presence_events.exceptions import InvalidPosition, PresenceError
from presence_events.models import PresenceEvent
from presence_events.positions import settled_position
from projections import rows
from projections._delivery import dispatch
from projections.management import arguments, output
from projections.management.progress import Progress
from projections.models import Room
from projections.replay import repair as replay
from projections.replay.fold import Difference
from projections.replay.what_if import Silence, silences
from projections.signals import MAIN, presence_changed, presence_updated

FAILED = 2
"""The exit status if the command could not do what it was asked: with 1, a check says that something differs."""

_Place = int | datetime
"""In the log: a position, or a time."""

_BATCH = 1000
"""Events that are read at a time when their signals are sent again."""


class Command(BaseCommand):
    help = (
        "Folds the presence log again and makes rooms and presences equal to it, while everything goes on. If nothing "
        "differs, nothing is locked and nothing is written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument(
            "--check", action="store_true", help="print each difference and change nothing; exit with 1 if there is any"
        )
        instead.add_argument("--dry-run", action="store_true", help="print each difference and change nothing")
        instead.add_argument(
            "--until",
            type=_place,
            metavar="POSITION|TIME",
            help=f"print the rooms and who was in them after that event, or at that time ({arguments.MOMENT})",
        )
        instead.add_argument(
            "--what-if-max-age",
            type=float,
            metavar="SECONDS",
            help="print the stays that another CHANNELS_PRESENCE_MAX_AGE would have ended, and when",
        )
        instead.add_argument(
            "--signals",
            type=_stretch,
            metavar="FROM..TO",
            help="send the signals of these events again, marked as replayed: up to and including a position, or "
            "before a time; without FROM from the beginning, without TO to the end",
        )
        parser.add_argument(
            "--name",
            metavar="NAME",
            help="with --signals: to the receivers of presence_changed.for_worker(NAME) and presence_updated's alone "
            "(default: to those of the signals themselves)",
        )
        parser.add_argument("--room", type=arguments.room, metavar="NAME", help="this room only")
        parser.add_argument(
            "--format", choices=rows.FORMATS, default="csv", help="of what --until and --what-if-max-age print"
        )
        parser.add_argument(
            "--database",
            choices=tuple(connections),
            metavar="ALIAS",
            help="alias of the database (default: where the router writes)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        using = write_alias(options["database"])
        room, form = options["room"], options["format"]
        if options["name"] is not None and options["signals"] is None:
            raise CommandError("--name says whose signals to send: it needs --signals.", returncode=FAILED)
        # Rows that are found one by one, and a bar, would write over each other.
        quiet = options["verbosity"] == 0 or (options["what_if_max_age"] is not None and self.stdout.isatty())
        try:
            with output.until_read(self.stdout), Progress(self.stderr, quiet=quiet) as progress:
                if options["until"] is not None:
                    self._print_state(using, options["until"], room, form, progress)
                elif options["what_if_max_age"] is not None:
                    found = silences(using, options["what_if_max_age"], room=room, progress=progress)
                    rows.write(self.stdout, form, Silence._fields, found)
                elif options["signals"] is not None:
                    worker = MAIN if options["name"] is None else options["name"]
                    self._send_signals(using, options["signals"], room, worker, progress)
                elif options["check"] or options["dry_run"]:
                    differences = replay.compare(using, room=room, progress=progress)
                    self._tell(differences, "are not what the log says")
                    if differences and options["check"]:
                        sys.exit(1)
                else:
                    repair = replay.repair(using, room=room, progress=progress)
                    self._tell(repair.differences, f"changed; appends waited for at most {repair.locked:.3f} s")
        except (PresenceError, Error, OSError) as error:
            raise CommandError(str(error), returncode=FAILED) from error

    def _tell(self, differences: list[Difference], what: str) -> None:
        for difference in differences:
            self.stdout.write(str(difference))
        self.stdout.write(
            f"{len(differences)} rows {what}." if differences else "Rooms and presences are what the log says."
        )

    def _print_state(self, using: str, until: _Place, room: str | None, form: str, progress: Progress) -> None:
        place: dict[str, Any] = {"moment": until} if isinstance(until, datetime) else {"position": until}
        with replay.state(using, room=room, progress=progress, **place) as fold:
            columns, present = fold.present()
        rows.write(self.stdout, form, columns, present)

    def _send_signals(
        self,
        using: str,
        stretch: tuple[_Place | None, _Place | None],
        room: str | None,
        worker: str,
        progress: Progress,
    ) -> None:
        if worker != MAIN and not any(
            signal.for_worker(worker).has_listeners(Room) for signal in (presence_changed, presence_updated)
        ):
            raise CommandError(
                f"Nobody listens: no receiver is connected to presence_changed.for_worker({worker!r}), nor to "
                "presence_updated's.",
                returncode=FAILED,
            )
        start, stop = stretch
        end = settled_position(using)
        for place in (start, stop):
            if isinstance(place, int) and place > end:
                raise InvalidPosition(f"Got {place}, and the log ends at {end}.")
            if isinstance(place, datetime):
                validation.moment(place)
        if start is not None and type(start) is type(stop) and start > stop:  # type: ignore[operator]
            raise CommandError(f"{start} comes after {stop}.", returncode=FAILED)
        events = _between(using, start, stop).filter(id__lte=end)
        if room is not None:
            events = events.filter(room=room)
        failures = dispatch.resend(_in_batches(events, progress), using, worker)
        self.stdout.write("The signals were sent again.")
        if failures:
            raise CommandError(
                f"Receivers raised {failures} times: see what the logger projections.signals says.", returncode=FAILED
            )


def _place(text: str) -> _Place:
    """A type for argparse."""
    return int(text) if text.isdecimal() else arguments.moment(text)


def _stretch(text: str) -> tuple[_Place | None, _Place | None]:
    """A type for argparse."""
    start, separator, stop = text.partition("..")
    if not separator:
        raise ArgumentTypeError(f"{text!r} is not a stretch of the log: write FROM..TO, like 1000..2000, or 1000..")
    return _place(start) if start else None, _place(stop) if stop else None


def _between(using: str, start: _Place | None, stop: _Place | None) -> QuerySet[PresenceEvent]:
    """The events from ``start`` to ``stop``: that one included if it is a position, and before it if it is a time."""
    times = [place if isinstance(place, datetime) else None for place in (start, stop)]
    events = export.events(*times, using=using)
    if isinstance(start, int):
        events = events.filter(id__gte=start)
    if isinstance(stop, int):
        events = events.filter(id__lte=stop)
    return events


def _in_batches(events: QuerySet[PresenceEvent], progress: Progress) -> Iterator[PresenceEvent]:
    """Without a cursor that stays open while receivers are at work."""
    bounds = events.aggregate(first=Min("id"), last=Max("id"))
    position = 0
    while batch := list(events.filter(id__gt=position).order_by("id")[:_BATCH]):
        yield from batch
        position = batch[-1].id
        progress("signals", position - bounds["first"] + 1, bounds["last"] - bounds["first"] + 1)
