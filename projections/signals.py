"""What users listen to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.dispatch import Signal

from presence_events import concurrency
from presence_events.concurrency import in_thread

__all__ = ["MAIN", "PresenceSignal", "presence_changed", "presence_updated"]

logger = logging.getLogger(__name__)

MAIN = "projector"
"""The worker that sends the signals themselves, if it is a worker that does."""

_Receiver = Callable[..., Any]


class PresenceSignal(Signal):
    """A signal that is sent often: many are sent in one go, and each receiver still gets them in order."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._of_workers: dict[str, PresenceSignal] = {}

    def for_worker(self, name: str) -> PresenceSignal:
        """The signal that only ``manage.py run_projector --name`` with that ``name`` sends, from a checkpoint of its
        own. Receivers that are connected to it catch up after they were away, whatever the others do."""
        if name == MAIN:
            return self
        return self._of_workers.setdefault(name, PresenceSignal(f"{self._name} for {name}"))

    @classmethod
    async def asend_in_turn(cls, signals: Iterable[tuple[PresenceSignal, dict[str, Any]]], sender: Any) -> None:
        """Sends all ``signals`` with their arguments, as `send_robust` does.

        The synchronous receivers are called first, all in one visit to their thread; then the coroutines are awaited.
        """
        receivers = [(signal, arguments, *signal._live_receivers(sender)) for signal, arguments in signals]

        def call_synchronous_ones() -> None:
            for signal, arguments, synchronous, _ in receivers:
                for receiver in synchronous:
                    try:
                        receiver(signal=signal, sender=sender, **arguments)
                    except Exception as error:
                        signal._log_robust_failure(receiver, error)

        if any(synchronous for _, _, synchronous, _ in receivers):
            await in_thread(call_synchronous_ones)
        for signal, arguments, _, asynchronous in receivers:
            results = await asyncio.gather(
                *(receiver(signal=signal, sender=sender, **arguments) for receiver in asynchronous),
                return_exceptions=True,
            )
            for receiver, error in zip(asynchronous, results, strict=True):
                if isinstance(error, Exception):
                    signal._log_robust_failure(receiver, error)

    def _live_receivers(self, sender: Any) -> tuple[list[_Receiver], list[_Receiver]]:
        synchronous, asynchronous = super()._live_receivers(sender)
        return synchronous, asynchronous

    def receivers_for(self, sender: Any) -> list[_Receiver]:
        """Whom `send_to` may call, one after the other."""
        synchronous, asynchronous = self._live_receivers(sender)
        return [*synchronous, *asynchronous]

    def send_to(self, receiver: _Receiver, sender: Any, **arguments: Any) -> None:
        """Calls one receiver, in synchronous code. Raises what it raises."""
        call = partial(receiver, signal=self, sender=sender, **arguments)
        concurrency.run(call) if iscoroutinefunction(receiver) else call()

    def name_of(self, receiver: _Receiver) -> str:
        """What to call ``receiver`` where somebody looks for it."""
        name = getattr(receiver, "__qualname__", None) or repr(receiver)
        return f"{getattr(receiver, '__module__', None)}.{name}"

    def _log_robust_failure(self, receiver: _Receiver, err: BaseException) -> None:
        logger.error("The receiver %s of %s raised %r", self.name_of(receiver), self._name, err, exc_info=err)


presence_changed = PresenceSignal("presence_changed")
"""Somebody joined or left a room. Sent after the commit; never for what was rolled back. What one thread records, and
what one event loop records of one room, is signalled in the order of the log.

Arguments:

``sender``
    The class `projections.models.Room`.
``room``
    The `Room`.
``added``
    The `Presence` that joined, or None.
``removed``
    The `Presence` that left, or None. Its ``data`` is None: what it said of itself stands in the log.
``bulk_change``
    True if connections were pruned: ``added`` and ``removed`` are None, and ``events`` names everyone.
``events``
    The `PresenceEvent` objects behind this signal.
``replayed``
    True if it was sent before: ``manage.py replay_presence --signals`` sends it once more.

A receiver that raises is logged and keeps nobody else from being called. Coroutine functions are welcome as receivers.
"""

presence_updated = PresenceSignal("presence_updated")
"""A connection says something else of itself than before. Sent like `presence_changed`, and in one order with it.

Arguments:

``sender``
    The class `projections.models.Room`.
``room``
    The `Room`.
``presence``
    The `Presence` as it is now; ``presence.data`` is what changed.
``events``
    The one `PresenceEvent` behind this signal, a touch.
``replayed``
    As of `presence_changed`.
"""
