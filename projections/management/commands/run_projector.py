"""manage.py run_projector: sends the signals of the log, at least once each, and keeps house."""

from __future__ import annotations

import logging
from argparse import SUPPRESS, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, InterfaceError, InternalError, OperationalError, connections

from presence_events import checkpoints
from presence_events.databases import write_alias
from presence_events.exceptions import CheckpointMoved, PresenceError
from presence_events.tail import Mark
from projections import conf
from projections._worker.follower import Worker, reset_connections
from projections._worker.leader_lock import LeaderLock
from projections._worker.maintenance import Maintenance
from projections._worker.shutdown import Stop
from projections.models import Room
from projections.signals import MAIN, presence_changed, presence_updated

logger = logging.getLogger(__name__)

SOON, LATER = 0.02, 1.0
"""Seconds between two looks, while there is something to do and when nothing happens."""

_AWAY = (CheckpointMoved, InterfaceError, InternalError, OperationalError)
"""The database is away, or somebody else has taken over: both may be over soon."""


class Command(BaseCommand):
    help = (
        "Follows the presence log and sends its signals: each at least once, whoever has recorded it and died since. "
        "Notices servers that died, and prunes their connections."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do what there is to do and exit: for cron")
        parser.add_argument("--prune", action="store_true", help="prune presences and rooms too, time and again")
        parser.add_argument(
            "--name", default=MAIN, help="the worker whose signals to send, and its checkpoint (default: %(default)s)"
        )
        parser.add_argument(
            "--reset",
            type=_position,
            default=SUPPRESS,
            metavar="beginning|end|POSITION",
            help="set the checkpoint, whatever was read before, and exit: signals begin after that position of the log",
        )
        parser.add_argument("--database", choices=tuple(connections), metavar="ALIAS", help="alias of the database")

    def handle(self, *args: Any, **options: Any) -> None:
        self.using = write_alias(options["database"])
        self.name = options["name"]
        self.once, self.prune = options["once"], options["prune"]
        self.sends = self.name != MAIN or conf.signals() == "worker"
        self.said, self.has_led = "", False
        try:
            if "reset" in options:
                self._reset(options["reset"])
                return
            self._check()
            with Stop.on_signals() as self.stop:
                self._do_once() if self.once else self._go_on()
        except (PresenceError, Error) as error:
            raise CommandError(str(error)) from error

    def _reset(self, position: int | None) -> None:
        mark = Mark.end(self.using) if position is None else Mark.after(position, self.using)
        checkpoints.reset(self.name, mark, using=self.using)
        self.stdout.write(f"The checkpoint {self.name!r} is set: what comes after position {mark.decided} is sent.")

    def _check(self) -> None:
        if self.name != MAIN and self.prune:
            raise CommandError(f"Pruning is for the worker {MAIN!r}, which has no --name.")
        if self.name != MAIN and not any(
            signal.for_worker(self.name).has_listeners(Room) for signal in (presence_changed, presence_updated)
        ):
            raise CommandError(
                f"Nobody listens: no receiver is connected to presence_changed.for_worker({self.name!r}), nor to "
                "presence_updated's. They are connected when the apps are ready."
            )
        if self.once and not self.sends and not self.prune:
            raise CommandError(
                "There is nothing to do: signals are sent by the processes that record. This one sends them if "
                'CHANNELS_PRESENCE_SIGNALS = "worker", and prunes with --prune.'
            )

    def _do_once(self) -> None:
        leadership = LeaderLock(self.name, using=self.using)
        try:
            if not leadership.acquire():
                self.stdout.write("Somebody else is following the log.")
                return
            if self.prune:
                rooms = Room.objects.db_manager(self.using)
                self.stdout.write(f"{rooms.prune_presences()} presences and {rooms.prune_rooms()} rooms pruned")
            if self.sends:
                self.stdout.write(f"{self._deliver(leadership)} events delivered")
        finally:
            leadership.release()

    def _deliver(self, leadership: LeaderLock) -> int:
        """Delivers what is in the log by now, and not what comes meanwhile."""
        worker = Worker(self.name, using=self.using, still=leadership.is_held)
        delivered = 0
        # What was there when somebody looked last, if that was not all delivered then; and what is there now.
        for _ in range(2 if worker.is_behind else 1):
            delivered += worker.step()
            while worker.is_behind and not self.stop.requested:
                delivered += worker.step()
        return delivered

    def _go_on(self) -> None:
        while not self.stop.requested:
            leadership = LeaderLock(self.name, using=self.using)
            try:
                self._lead(leadership)
            except _AWAY as error:
                self._say(" ".join(f"{type(error).__name__}: {error}".split()))
                connections[self.using].close()
                self.stop.wait(LATER)
            except Exception as error:
                if not self.has_led or isinstance(error, PresenceError):
                    raise
                logger.exception("The worker begins anew")
                reset_connections()
                self.stop.wait(LATER)
            finally:
                leadership.release()
        self.stdout.write("Stopped.")

    def _lead(self, leadership: LeaderLock) -> None:
        if not leadership.acquire():
            self._say("Standing by.")
        while not leadership.acquire():
            if self.stop.wait(LATER):
                return
        worker = Worker(self.name, using=self.using, still=leadership.is_held) if self.sends else None
        housekeeping = Maintenance(self.using, prune=self.prune) if self.name == MAIN else None
        self._say("Following the log." if worker else "Watching. Signals are sent by the processes that record.")
        pause = SOON
        while not self.stop.requested and leadership.is_held():
            delivered = worker.step() if worker else 0
            if housekeeping:
                housekeeping.run_due_jobs()
            self.has_led = True
            pause = SOON if delivered else min(2 * pause, LATER)
            if worker and worker.is_behind:
                continue
            leadership.wait(pause) if conf.notify() else self.stop.wait(pause)

    def _say(self, text: str) -> None:
        """Once, as long as it stays the same."""
        if text != self.said:
            self.stdout.write(text)
            self.stdout.flush()  # where it goes to a file or a journal, it would wait for much more
            self.said = text


def _position(text: str) -> int | None:
    """A type for argparse: 0 is the beginning, None the end."""
    if text == "end":
        return None
    if text == "beginning":
        return 0
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError(f"{text!r} is neither a position nor beginning or end")
    return int(text)
