"""manage.py run_projector: sends the signals of the log, at least once each."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, InterfaceError, OperationalError, connections, router

from presence_events import checkpoints, conf
from presence_events.exceptions import CheckpointMoved, PresenceError
from presence_events.models import PresenceEvent
from presence_events.tail import Mark
from projections.leading import Leadership
from projections.worker import Worker

BATCH = 1000
"""Events after which the checkpoint is moved."""

SOON, LATER = 0.02, 1.0
"""Seconds between two looks, while there is something to do and when nothing happens."""


class Command(BaseCommand):
    help = "Follows the presence log and sends its signals: each at least once, whoever has recorded it and died since."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="deliver what is there and exit: for cron")
        parser.add_argument("--name", default="projector", help="of the checkpoint (default: %(default)s)")
        parser.add_argument(
            "--reset",
            choices=("beginning", "end"),
            help="where to begin, whatever was read before, and exit: the first event of the log, or what comes next",
        )
        parser.add_argument("--database", choices=tuple(connections), metavar="ALIAS", help="alias of the database")

    def handle(self, *args: Any, **options: Any) -> None:
        self.using = options["database"] or router.db_for_write(PresenceEvent)
        self.name = options["name"]
        self.stop = threading.Event()
        try:
            if options["reset"]:
                mark = Mark.beginning() if options["reset"] == "beginning" else Mark.end(self.using)
                checkpoints.reset(self.name, mark, using=self.using)
                return
            if conf.signals() != "worker":
                raise CommandError(
                    "The processes that record send the signals, and each would be sent twice. Set "
                    'CHANNELS_PRESENCE_SIGNALS = "worker" first, for all of them.'
                )
            with self._stopping():
                self._once() if options["once"] else self._forever()
        except (PresenceError, Error) as error:
            raise CommandError(str(error)) from error

    def _once(self) -> None:
        leadership = Leadership(self.name, using=self.using)
        try:
            if not leadership.held():
                self.stdout.write("Somebody else is following the log.")
                return
            worker = Worker(self.name, using=self.using)
            delivered = 0
            while not self.stop.is_set() and (count := worker.step(BATCH)) + worker.is_behind:
                delivered += count
            self.stdout.write(f"{delivered} events delivered")
        finally:
            leadership.resign()

    def _forever(self) -> None:
        while not self.stop.is_set():
            leadership = Leadership(self.name, using=self.using)
            try:
                self._lead(leadership)
            except (CheckpointMoved, InterfaceError, OperationalError) as error:
                # The database is away, or somebody else has taken over: both may be over soon.
                self.stderr.write(f"{type(error).__name__}: {error}")
                connections[self.using].close()
                self.stop.wait(LATER)
            finally:
                leadership.resign()
        self.stdout.write("Stopped.")

    def _lead(self, leadership: Leadership) -> None:
        if not leadership.held():
            self.stdout.write("Standing by.")
        while not leadership.held():
            if self.stop.wait(LATER):
                return
        worker, pause = Worker(self.name, using=self.using), SOON
        self.stdout.write("Following the log.")
        while not self.stop.is_set() and leadership.held():
            pause = SOON if worker.step(BATCH) else min(2 * pause, LATER)
            if not worker.is_behind:
                self.stop.wait(pause)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """SIGTERM and SIGINT end it after the batch that it is at."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, lambda *_: self.stop.set()) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
