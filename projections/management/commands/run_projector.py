"""manage.py run_projector: runs a worker, which sends the signals of the log and maintains presence."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, connections

from presence_events import checkpoints
from presence_events.exceptions import BeforeHorizon, PresenceError
from presence_events.segments import horizon
from presence_events.tail import Mark
from projections._delivery import dispatch
from projections._worker.runner import Runner, sends_signals
from projections._worker.shutdown import ShutdownRequest
from projections.management import arguments
from projections.management.layer import warn_of_layer_in_memory
from projections.signals import MAIN


class Command(BaseCommand):
    help = (
        "Follows the presence log and sends its signals, each at least once, even if the process that recorded the "
        "event has died. Detects dead servers and prunes their connections."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="deliver what is in the log now and exit, for cron")
        parser.add_argument("--prune", action="store_true", help="also prune presences and rooms, periodically")
        parser.add_argument(
            "--name",
            default=MAIN,
            help="name of the worker: selects its signals and checkpoint (default: %(default)s)",
        )
        parser.add_argument(
            "--reset",
            type=_position,
            default=SUPPRESS,
            metavar="beginning|end|POSITION",
            help="set the checkpoint and exit: the worker then sends the signals of events after this position",
        )
        parser.add_argument("--database", choices=tuple(connections), metavar="ALIAS", help="alias of the database")

    def handle(self, *args: Any, **options: Any) -> None:
        using, name = arguments.chosen_database(options), options["name"]
        try:
            if "reset" in options:
                self._reset(name, options["reset"], using)
                return
            self._check(name, once=options["once"], prune=options["prune"])
            warn_of_layer_in_memory(self, options["verbosity"])
            with ShutdownRequest.from_signals() as shutdown:
                runner = Runner(name, using=using, prune=options["prune"], shutdown=shutdown, report=self._print)
                runner.run_once() if options["once"] else runner.run()
        except (PresenceError, Error) as error:
            raise CommandError(str(error)) from error

    def _reset(self, name: str, position: int | None, using: str) -> None:
        removed = horizon.read(using).position
        if position and position < removed:
            raise BeforeHorizon(position, removed)
        if position == 0 and removed:
            self._print(f"Events up to position {removed} may be removed: only signals of the rest are sent.")
        mark = Mark.end(using) if position is None else Mark.after(position, using)
        checkpoints.reset(name, mark, using=using)
        self._print(f"The checkpoint {name!r} is set: events after position {mark.decided} will be delivered.")

    def _check(self, name: str, *, once: bool, prune: bool) -> None:
        if name != MAIN and prune:
            raise CommandError(f"Only the worker {MAIN!r} prunes. Use --prune without --name.")
        if name != MAIN and not dispatch.has_receivers(name):
            raise CommandError(
                f"No receiver is connected to presence_changed.for_worker({name!r}), or to presence_updated, "
                "person_joined or person_left of that worker. Connect receivers when the apps are ready."
            )
        if once and not sends_signals(name) and not prune:
            raise CommandError(
                "There is nothing to do: the recording processes send the signals. Set CHANNELS_PRESENCE_SIGNALS = "
                '"worker" to send them from here, or prune with --prune.'
            )

    def _print(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()  # a file or a journal would otherwise receive the line much later


def _position(text: str) -> int | None:
    """Converts an argument to a position: 0 for the beginning of the log, None for its end."""
    if text == "end":
        return None
    if text == "beginning":
        return 0
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError(f"{text!r} is neither a position nor beginning or end")
    return int(text)
