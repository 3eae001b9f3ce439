"""Follows the log from a checkpoint and sends its signals, each at least once.

These signals survive the death of a process: they are not lost if the process that recorded an event, or the worker,
dies. Events that were inserted with SQL have signals too. A signal is sent again if a worker died before it had stored
its checkpoint; receivers recognize that by the position of the event. The signals of one stay are sent in the order of
the log. A receiver is not called with data that Python cannot read: it gets a dead letter.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction

from presence_events import concurrency, receivers
from presence_events.checkpoints import Reader
from presence_events.concurrency import in_thread
from presence_events.database_connections import drop_all, drop_broken, drop_open_transactions
from presence_events.exceptions import CheckpointMoved
from presence_events.models import PresenceEvent
from presence_events.schema.json_data import UnreadableData
from projections._delivery import dispatch
from projections.models import DeadLetter, Room
from projections.signals import MAIN, PresenceSignal

__all__ = ["MAX_ATTEMPTS", "Follower", "reset_connections"]

logger = logging.getLogger("projections.worker")

MAX_ATTEMPTS = 3
"""Calls of a receiver with one signal, if each of them raises."""

RETRY_DELAY = 0.2
"""Seconds before the second attempt. The delay before the third is twice as long."""

RETRY_BUDGET = 2.0
"""Seconds of such delays that a receiver gets in one batch. After that each signal is tried once."""

BATCH_SIZE = 1000
"""Maximum number of events between two moves of the checkpoint."""

BATCH_SECONDS = 0.5
"""Seconds after which a batch is cut short. A worker may take that long to stop when it is asked to, and if it is
killed, it repeats what it sent in that time."""

MAX_ERROR_CHARS = 10_000
"""Maximum length of the error that a dead letter stores."""

CHECKPOINT_INTERVAL = 10.0
"""Seconds after which the checkpoint is moved and groups are reconciled, even if there was nothing to deliver."""


class Follower:
    """Delivers the log of the database ``using`` from the checkpoint ``name``.

    ``is_leader`` returns whether this worker is the leader. It must depend on a database connection that ends with the
    database server: after a crash the server assigns the same transaction ids again, so what was read before the crash
    must not be stored after it.
    """

    def __init__(self, name: str, *, using: str, is_leader: Callable[[], bool] = lambda: True) -> None:
        self._name = name
        self._is_leader = is_leader
        self._using = using
        self._reader = Reader(name, using=using, touches=False)
        self._dead_letters: list[DeadLetter] = []
        self._failing: set[Any] = set()
        self._delayed: dict[Any, float] = {}

    def step(self) -> int:
        """Delivers the next batch of events and moves the checkpoint. Returns how many events were read.

        If it raises, the stored checkpoint has not moved. Raises `CheckpointMoved` if another process has moved it, or
        if this worker is no longer the leader.
        """
        events = self._reader.read(BATCH_SIZE)
        is_due = bool(events) or self._reader.seconds_since_store > CHECKPOINT_INTERVAL
        if is_due and self._name == MAIN:
            dispatch.reconcile_groups(events, self._using)
        self._dead_letters, self._delayed = [], {}
        self._reader.advance(self._deliver(events) if events else None)
        if is_due:
            if not self._is_leader():
                raise CheckpointMoved
            with transaction.atomic(self._using):
                DeadLetter.objects.using(self._using).bulk_create(self._dead_letters)
                self._reader.store()
        elif not self.is_behind:
            self._reader.confirm()
        return len(events)

    @property
    def is_behind(self) -> bool:
        """Whether the log had more events at the last step than that step read."""
        return self._reader.has_more

    def _deliver(self, events: list[PresenceEvent]) -> int | None:
        """Sends the signals of ``events``. Returns None, or the last position that was delivered if time ran out."""
        deadline = time.monotonic() + BATCH_SECONDS
        changes = dispatch.changes_of_people(self._name, events, self._reader.mark, self._using)
        ordered = list(dispatch.coalesce_prunes(events))
        for first, signals in dispatch.signals_for(self._name, ordered, self._using, changes):
            if time.monotonic() > deadline:
                rest = ordered[ordered.index(first) :]
                delivered = ordered[: len(ordered) - len(rest)]
                if delivered:
                    return self._cut_short(rest, max(event.id for event in delivered), changes)
            self._send_all(signals)
        return None

    def _cut_short(self, rest: list[PresenceEvent], position: int, changes: set[int]) -> int:
        """Delivers the events of ``rest`` that were held back and come before ``position``, which it returns."""
        held = [event for event in rest if event.id < position]
        for _, signals in dispatch.signals_for(self._name, held, self._using, changes):
            self._send_all(signals)
        return position

    def _send_all(self, signals: list[tuple[PresenceSignal, dict[str, Any]]]) -> None:
        for signal, arguments in signals:
            for receiver in signal.receivers_for(Room):
                self._send(signal, receiver, arguments)

    def _send(self, signal: PresenceSignal, receiver: Any, arguments: dict[str, Any]) -> None:
        unreadable = [event.id for event in arguments["events"] if isinstance(event.data, UnreadableData)]
        if unreadable:
            error = ValueError(f"Python cannot read the data of {unreadable}")
            self._give_up(signal.name_of(receiver), arguments["events"], 0, error)
            return
        key = signal, receiver
        failure = self._call(signal, receiver, arguments)
        if failure is None:
            self._failing.discard(key)
            return
        attempts = 1
        # A receiver that used up its attempts gets one per signal until it succeeds. It must not delay the others.
        while key not in self._failing and attempts < MAX_ATTEMPTS and self._delayed.get(key, 0.0) < RETRY_BUDGET:
            delay = RETRY_DELAY * attempts
            self._delayed[key] = self._delayed.get(key, 0.0) + delay
            time.sleep(delay)
            attempts += 1
            failure = self._call(signal, receiver, arguments)
            if failure is None:
                return
        self._failing.add(key)
        self._give_up(signal.name_of(receiver), arguments["events"], attempts, failure)

    def _call(self, signal: PresenceSignal, receiver: Any, arguments: dict[str, Any]) -> BaseException | None:
        """Calls ``receiver``. Returns what it raises, or an error if it left a transaction open, or None."""
        # The worker ends by requests, so a SystemExit comes from the receiver.
        failure = receivers.call(
            partial(signal.send_to, receiver, sender=Room, **arguments), endings=(KeyboardInterrupt,)
        )
        if failure is not None:
            _drop_broken_connections()
            return failure
        return _rolled_back_transaction()

    def _give_up(self, receiver: str, events: list[PresenceEvent], attempts: int, error: BaseException) -> None:
        first, last = events[0].id, events[-1].id
        logger.error(
            "The receiver %s failed on events %s to %s in %s attempts, and is not called again for them",
            receiver,
            first,
            last,
            attempts,
            exc_info=error,
        )
        letter = DeadLetter(
            worker=self._name, receiver=receiver, first=first, last=last, tries=attempts, error=_storable(error)
        )
        self._dead_letters.append(letter)


def reset_connections() -> None:
    """Drops all database connections, whatever state they are in."""
    drop_all()
    _close_old_connections_of_coroutines()


def _rolled_back_transaction() -> Exception | None:
    """Rolls back transactions that a receiver left open, in which nothing later would be committed.

    Returns an error that names their databases, or None if there were none.
    """
    aliases = drop_open_transactions()
    return RuntimeError(f"It left a transaction open in {', '.join(aliases)}: rolled back") if aliases else None


def _drop_broken_connections() -> None:
    """Drops broken connections. Django would do it at the end of a request, and the worker serves none."""
    drop_broken()
    _close_old_connections_of_coroutines()


def _close_old_connections_of_coroutines() -> None:
    """Coroutines query in a thread of their own, which closes its old connections before each call."""

    async def call_nothing() -> None:
        await in_thread(lambda: None)

    concurrency.run(call_nothing)


def _storable(error: BaseException) -> str:
    """Returns ``repr(error)`` as text that PostgreSQL can store, cut to `MAX_ERROR_CHARS`."""
    try:
        text = repr(error)
    except Exception:
        text = type(error).__name__
    return text.encode(errors="backslashreplace").decode().replace("\x00", "\\x00")[:MAX_ERROR_CHARS]
