"""The Django signals that applications receive.

`presence_changed` and `presence_updated` are about connections, `person_joined` and `person_left` about people, and
`attendance_report_made` about final reports.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.dispatch import Signal

from presence_events import concurrency, receivers
from presence_events.concurrency import in_thread

__all__ = [
    "MAIN",
    "PresenceSignal",
    "attendance_report_made",
    "person_joined",
    "person_left",
    "presence_changed",
    "presence_updated",
]

logger = logging.getLogger("projections.signals")

MAIN = "projector"
"""The name of the main worker, which sends the signals themselves, and not those of `PresenceSignal.for_worker`."""

_Receiver = Callable[..., Any]


class PresenceSignal(Signal):
    """A signal that can be sent in batches, by several workers, and to one receiver at a time."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._by_worker: dict[str, PresenceSignal] = {}

    def for_worker(self, name: str) -> PresenceSignal:
        """Returns the signal that only ``manage.py run_projector --name`` with this ``name`` sends.

        That worker has a checkpoint of its own. So when it was stopped, receivers of this signal catch up independently
        of all other receivers.
        """
        if name == MAIN:
            return self
        return self._by_worker.setdefault(name, PresenceSignal(f"{self._name} for {name}"))

    @classmethod
    def send_batch(cls, signals: Iterable[tuple[PresenceSignal, dict[str, Any]]], sender: Any) -> int:
        """Sends all ``signals``, which are consumed lazily, with their arguments. Returns how often a receiver raised.

        What a receiver raises is logged, by the rule of `presence_events.receivers`.
        """
        failures = 0
        with receivers.to_the_end() as call:
            for signal, arguments in signals:
                synchronous, asynchronous = signal._live_receivers(sender)
                for receiver in synchronous:
                    failures += signal._log(receiver, call(signal._call(receiver, sender, arguments)))
                if asynchronous:
                    calls = [signal._call(receiver, sender, arguments) for receiver in asynchronous]
                    errors: list[BaseException | None] = []
                    call(partial(_gather_into, errors, calls))
                    failures += sum(map(signal._log, asynchronous, errors))
        return failures

    @classmethod
    async def asend_batch(cls, signals: Iterable[tuple[PresenceSignal, dict[str, Any]]], sender: Any) -> None:
        """Does the same as `send_batch` from a coroutine. Each receiver gets the signals in order.

        First the synchronous receivers are called for all signals, in one switch to their thread. Then coroutines are
        awaited, signal by signal. If the task is cancelled, synchronous receivers still get all signals. The coroutines
        that are awaited are cancelled, and none is started after that.
        """
        batch = [(signal, arguments, *signal._live_receivers(sender)) for signal, arguments in signals]

        def call_synchronous() -> None:
            with receivers.to_the_end() as call:
                for signal, arguments, synchronous, _ in batch:
                    for receiver in synchronous:
                        signal._log(receiver, call(signal._call(receiver, sender, arguments)))

        if any(synchronous for _, _, synchronous, _ in batch):
            await in_thread(call_synchronous)
        for signal, arguments, _, asynchronous in batch:
            if asynchronous:
                calls = [signal._call(receiver, sender, arguments) for receiver in asynchronous]
                for receiver, error in zip(asynchronous, await receivers.gather(calls), strict=True):
                    signal._log(receiver, error)

    def _live_receivers(self, sender: Any) -> tuple[list[_Receiver], list[_Receiver]]:
        synchronous, asynchronous = super()._live_receivers(sender)
        return synchronous, asynchronous

    def is_awaited(self, sender: Any) -> bool:
        """Returns whether a coroutine function is connected for ``sender``."""
        return bool(self.receivers and self._live_receivers(sender)[1])

    def receivers_for(self, sender: Any) -> list[_Receiver]:
        """Returns the receivers that are connected for ``sender``, for `send_to`."""
        synchronous, asynchronous = self._live_receivers(sender)
        return [*synchronous, *asynchronous]

    def send_to(self, receiver: _Receiver, sender: Any, **arguments: Any) -> None:
        """Calls one receiver from synchronous code, also if it is a coroutine function. Raises what it raises."""
        call = self._call(receiver, sender, arguments)
        concurrency.run(call) if iscoroutinefunction(receiver) else call()

    def name_of(self, receiver: _Receiver) -> str:
        """Returns the dotted name of ``receiver``, for logs and dead letters."""
        name = getattr(receiver, "__qualname__", None) or repr(receiver)
        return f"{getattr(receiver, '__module__', None)}.{name}"

    def _call(self, receiver: _Receiver, sender: Any, arguments: dict[str, Any]) -> Callable[[], Any]:
        return partial(receiver, signal=self, sender=sender, **arguments)

    def _log(self, receiver: _Receiver, error: BaseException | None) -> bool:
        """Logs what ``receiver`` raised. Returns whether it raised."""
        if error is not None:
            self._log_robust_failure(receiver, error)
        return error is not None

    def _log_robust_failure(self, receiver: _Receiver, err: BaseException) -> None:
        logger.error("The receiver %s of %s raised %r", self.name_of(receiver), self._name, err, exc_info=err)


def _gather_into(errors: list[BaseException | None], calls: list[Callable[[], Any]]) -> None:
    errors.extend(concurrency.run(receivers.gather, calls))


presence_changed = PresenceSignal("presence_changed")
"""A connection joined or left a room, or connections were pruned.

Sent after the commit, and never for what was rolled back. The signals of one thread, and those that one event loop
sends for one room, come in the order of the log.

Arguments:

``sender``
    The class `projections.models.Room`.
``room``
    The `Room`.
``added``
    The `Presence` that joined, or None.
``removed``
    The `Presence` that left, or None. Its ``data`` is None: the log has the data of its join and touches.
    ``added.user``, ``removed.user`` and the ``user`` of events can be read without a query if one of the receivers of
    the signal is a coroutine function. The user is None then if the user has been deleted.
``bulk_change``
    True if connections were pruned: ``added`` and ``removed`` are None, and ``events`` has all of them.
``events``
    The `PresenceEvent` objects behind this signal.
``replayed``
    True if ``manage.py presence_resend`` sends the signal again.

If a receiver raises, the error is logged and the other receivers are still called. A CancelledError that it raises
itself is such an error. Receivers may be coroutine functions.
"""

presence_updated = PresenceSignal("presence_updated")
"""The data of a connection changed. Sent like `presence_changed`, and in one order with it.

Arguments:

``sender``
    The class `projections.models.Room`.
``room``
    The `Room`.
``presence``
    The `Presence` as it is now. Its ``data`` is new.
``events``
    The one `PresenceEvent` behind this signal, a touch.
``replayed``
    See `presence_changed`.
"""

person_joined = PresenceSignal("person_joined")
"""A user joined a room with the first of their connections there. Sent like `presence_changed`, and after it.

Sent once for each arrival by a worker, if that does not die. A recording process (``CHANNELS_PRESENCE_SIGNALS`` is
``"inline"``) may send it for several connections that the user opens or closes at the same moment. For connections
without a user it is not sent.

Arguments:

``sender``
    The class `projections.models.Room`.
``room``
    The `Room`.
``presence``
    The `Presence` that joined. Its ``user`` can be read without a query in coroutine functions, as that of
    `presence_changed`.
``events``
    The one `PresenceEvent` behind this signal, a join.
``replayed``
    See `presence_changed`.
"""

person_left = PresenceSignal("person_left")
"""The last connection of a user in a room ended. Sent like `person_joined`.

It is not sent if the connection was replaced by an exclusive join of the same user, who was never absent then. A worker
does not send it either if another connection of the user joined in the same transaction, and it reads both together.

The arguments are those of `person_joined`. ``presence`` is the one that ended, and its ``data`` is None. The event is a
leave or a prune.
"""

attendance_report_made = PresenceSignal("attendance_report_made")
"""A final report is stored. The process that makes reports sends it, which is the main worker.

It is sent in the transaction that records that it was sent. So what a receiver writes to the same database is written
once for each report, also if the process is killed: then the transaction is rolled back, and the signal is sent again.
Do what reaches beyond the database in ``transaction.on_commit``. If a receiver raises, what it wrote is rolled back,
the error is logged, and the other receivers are still called. The signal is not repeated for it.

Arguments:

``sender``
    The class `projections.models.AttendanceReport`.
``report``
    The `AttendanceReport`.
"""
