"""Signals that survive: the log is followed from a checkpoint, and its signals are sent at least once.

Unlike those that a process sends after it has committed, these are not lost if the process dies, and events that
somebody inserted with SQL have them as well. Each signal is sent once, and once more after a worker died before it had
stored how far it was; receivers know by the position of the event. Those of one stay come in the order of the log.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from django.db import transaction

from presence_events.checkpoints import Reader
from projections import projector
from projections.models import DeadLetter, Room
from projections.signals import PresenceSignal

__all__ = ["TRIES", "Worker"]

logger = logging.getLogger(__name__)

TRIES = 3
"""How often a receiver that raises is called with one signal, at most."""

PAUSE = 0.2
"""Seconds before the second try; twice as long before the third."""


class Worker:
    """Follows the log of the database ``using`` from the checkpoint ``name``."""

    def __init__(self, name: str, *, using: str) -> None:
        self._using = using
        self._reader = Reader(name, using=using, touches=False)
        self._letters: list[DeadLetter] = []
        self._failing: set[str] = set()

    def step(self, limit: int) -> int:
        """Delivers the next events, at most ``limit``, and moves the checkpoint. Returns how many there were.

        If it raises, the checkpoint stands where it stood. Raises `CheckpointMoved` if somebody else has moved it.
        """
        events = self._reader.read(limit)
        if events:
            self._letters = []
            projector.catch_up(events, self._using, self._send)
        self._reader.advance()
        if events:
            with transaction.atomic(self._using):
                DeadLetter.objects.using(self._using).bulk_create(self._letters)
                self._reader.store()
        return len(events)

    @property
    def is_behind(self) -> bool:
        """Whether there was more in the log at the last step than it took."""
        return self._reader.is_between

    def _send(self, signal: PresenceSignal, arguments: dict[str, Any]) -> None:
        for receiver, error in signal.send_robust(sender=Room, **arguments):
            if isinstance(error, Exception):
                self._try_again(signal, receiver, arguments, error)
            else:
                self._failing.discard(signal.name_of(receiver))

    def _try_again(self, signal: PresenceSignal, receiver: Any, arguments: dict[str, Any], error: Exception) -> None:
        name, tries = signal.name_of(receiver), 1
        # One that has just failed so often gets no more than one try until it succeeds: it must not hold up the rest.
        while name not in self._failing and tries < TRIES:
            time.sleep(PAUSE * tries)
            tries += 1
            try:
                signal.send_to(receiver, sender=Room, **arguments)
            except Exception as again:
                error = again
            else:
                return
        self._failing.add(name)
        event = arguments["events"][0]
        logger.error("The receiver %s did not take event %s in %s tries, and is not asked again", name, event.id, tries)
        self._letters.append(
            DeadLetter(
                receiver=name,
                position=event.id,
                positions=len(arguments["events"]),
                tries=tries,
                error=repr(error),
            )
        )
