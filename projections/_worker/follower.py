"""Signals that survive: the log is followed from a checkpoint, and its signals are sent at least once.

Unlike those that a process sends after it has committed, these are not lost if the process dies, and events that
somebody inserted with SQL have them as well. Each signal is sent once, and once more after a worker died before it had
stored how far it was; receivers know by the position of the event. Those of one stay come in the order of the log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import transaction

from presence_events import concurrency
from presence_events.checkpoints import Reader
from presence_events.concurrency import in_thread
from presence_events.connections import drop_all, drop_broken, drop_open_transactions
from presence_events.exceptions import CheckpointMoved
from presence_events.models import PresenceEvent
from projections._delivery import dispatch
from projections.models import DeadLetter, Room
from projections.signals import MAIN, PresenceSignal

__all__ = ["TRIES", "Worker", "reset_connections"]

logger = logging.getLogger(__name__)

TRIES = 3
"""How often a receiver that raises is called with one signal, at most."""

PAUSE = 0.2
"""Seconds before the second try; twice as long before the third."""

PATIENCE = 2.0
"""Seconds of such pauses that a receiver gets in one batch. After that each signal is tried once."""

BATCH = 1000
"""Events between two moves of the checkpoint, at most."""

LONG = 0.5
"""Seconds after which a batch is cut short: a worker that is asked to stop may go on that long, and what it did in that
time is done again if it is killed."""

LONGEST = 10_000
"""Characters that are kept of an error."""

STORE = 10.0
"""Seconds after which the checkpoint is moved, and groups are looked at, even though there was nothing to deliver."""


class Worker:
    """Follows the log of the database ``using`` from the checkpoint ``name``."""

    def __init__(self, name: str, *, using: str, still: Callable[[], bool] = lambda: True) -> None:
        """``still`` says whether this one leads, on a session that ends with the database server: what was seen before
        a crash of the server must not be stored after it, for it gives the same transaction ids out again."""
        self._name = name
        self._still = still
        self._using = using
        self._reader = Reader(name, using=using, touches=False)
        self._letters: list[DeadLetter] = []
        self._failing: set[Any] = set()
        self._paused: dict[Any, float] = {}

    def step(self) -> int:
        """Delivers the next events, and moves the checkpoint. Returns how many there were.

        If it raises, the checkpoint stands where it stood. Raises `CheckpointMoved` if somebody else has moved it.
        """
        events = self._reader.read(BATCH)
        is_due = bool(events) or self._reader.stored_ago > STORE
        if is_due and self._name == MAIN:
            dispatch.discard_the_gone(events, self._using)
        self._letters, self._paused = [], {}
        self._reader.advance(self._deliver(events) if events else None)
        if is_due:
            if not self._still():
                raise CheckpointMoved
            with transaction.atomic(self._using):
                DeadLetter.objects.using(self._using).bulk_create(self._letters)
                self._reader.store()
        elif not self.is_behind:
            self._reader.confirm()
        return len(events)

    @property
    def is_behind(self) -> bool:
        """Whether there was more in the log at the last step than it took."""
        return self._reader.is_between

    def _deliver(self, events: list[PresenceEvent]) -> int | None:
        """Returns the position up to which it has, if it took too long to deliver all of ``events``."""
        deadline = time.monotonic() + LONG
        in_turn = list(dispatch.with_prunes_together(events))
        for signal, arguments in dispatch.signals_for(self._name, in_turn, self._using):
            if time.monotonic() > deadline:
                rest = in_turn[in_turn.index(arguments["events"][0]) :]
                delivered = in_turn[: len(in_turn) - len(rest)]
                if delivered:
                    return self._cut_short(rest, max(event.id for event in delivered))
            self._send_to_all(signal, arguments)
        return None

    def _cut_short(self, rest: list[PresenceEvent], position: int) -> int:
        """Delivers what was held up to come together with later prunes, and returns ``position``."""
        held = [event for event in rest if event.id < position]
        for signal, arguments in dispatch.signals_for(self._name, held, self._using):
            self._send_to_all(signal, arguments)
        return position

    def _send_to_all(self, signal: PresenceSignal, arguments: dict[str, Any]) -> None:
        for receiver in signal.receivers_for(Room):
            self._send(signal, receiver, arguments)

    def _send(self, signal: PresenceSignal, receiver: Any, arguments: dict[str, Any]) -> None:
        key = signal, receiver
        error = self._error(signal, receiver, arguments)
        if error is None:
            self._failing.discard(key)
            return
        tries = 1
        # One that has just failed so often gets no more than one try until it succeeds: it must not hold up the rest.
        while key not in self._failing and tries < TRIES and self._paused.get(key, 0.0) < PATIENCE:
            pause = PAUSE * tries
            self._paused[key] = self._paused.get(key, 0.0) + pause
            time.sleep(pause)
            tries += 1
            error = self._error(signal, receiver, arguments)
            if error is None:
                return
        self._failing.add(key)
        self._give_up(signal.name_of(receiver), arguments["events"], tries, error)

    def _error(self, signal: PresenceSignal, receiver: Any, arguments: dict[str, Any]) -> BaseException | None:
        """What ``receiver`` raises."""
        try:
            signal.send_to(receiver, sender=Room, **arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a CancelledError or a SystemExit is about what the receiver did
            _drop_broken_connections()
            return error
        return _transaction_left_open()

    def _give_up(self, receiver: str, events: list[PresenceEvent], tries: int, error: BaseException) -> None:
        first, last = events[0].id, events[-1].id
        logger.error(
            "The receiver %s did not take events %s to %s in %s tries, and is not asked again",
            receiver,
            first,
            last,
            tries,
            exc_info=error,
        )
        letter = DeadLetter(
            worker=self._name, receiver=receiver, first=first, last=last, tries=tries, error=_text(error)
        )
        self._letters.append(letter)


def reset_connections() -> None:
    """Drops all database connections, whatever state they are in."""
    drop_all()
    _repair_those_of_coroutines()


def _transaction_left_open() -> Exception | None:
    """The error of a receiver that left a transaction open. It is rolled back: nothing would be committed any more."""
    left = drop_open_transactions()
    return RuntimeError(f"It left a transaction open in {', '.join(left)}: rolled back") if left else None


def _drop_broken_connections() -> None:
    """No request ends here, so Django never replaces a broken connection by itself."""
    drop_broken()
    _repair_those_of_coroutines()


def _repair_those_of_coroutines() -> None:
    """Coroutines query in a thread of their own."""

    async def repair() -> None:
        await in_thread(lambda: None)

    concurrency.run(repair)


def _text(error: BaseException) -> str:
    """What PostgreSQL can store of ``error``."""
    try:
        text = repr(error)
    except Exception:
        text = type(error).__name__
    return text.encode(errors="backslashreplace").decode().replace("\x00", "\\x00")[:LONGEST]
