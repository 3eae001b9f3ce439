"""The main loop of a worker: it stands by, leads, follows the log, runs maintenance, and retries after errors."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import connections

from presence_events.exceptions import PresenceError
from presence_events.positions import drawn_position
from projections import conf
from projections._worker.delivery import ERROR_DELAY, FOLLOWING, TRANSIENT_ERRORS, Delivery, one_line
from projections._worker.leader_lock import LeaderLock
from projections._worker.log_follower import Follower, reset_connections
from projections._worker.maintenance import Maintenance
from projections._worker.shutdown import ShutdownRequest
from projections.models import Room
from projections.signals import MAIN

__all__ = ["Runner", "sends_signals"]

logger = logging.getLogger("projections.worker")

MIN_POLL_INTERVAL, MAX_POLL_INTERVAL = 0.02, 1.0
"""Seconds between two steps of the leader: the minimum after events, doubled up to the maximum while there are none."""

STANDBY_INTERVAL = 1.0
"""Seconds between two attempts of a standby to become the leader."""


class Runner:
    """Runs the worker ``name`` on the database ``using``.

    The main worker detects dead servers. If ``prune`` is true, it also prunes presences and rooms. It sends signals
    only if ``CHANNELS_PRESENCE_SIGNALS`` is ``"worker"``; a worker of another name always does, and does nothing else.
    ``shutdown`` ends the worker, after the step that is under way. ``report`` is called with each line for the
    operator.
    """

    def __init__(
        self, name: str, *, using: str, prune: bool, shutdown: ShutdownRequest, report: Callable[[str], None]
    ) -> None:
        self._name = name
        self._using = using
        self._prune = prune
        self._shutdown = shutdown
        self._report = report
        self._last_report = ""
        self._sends_signals = sends_signals(name)
        self._has_led = False

    def run_once(self) -> None:
        """Prunes if asked to, delivers the events that are in the log now, and returns.

        Does nothing if another worker of this name is the leader. Reports what it did. Raises what the database raises.
        """
        lock = LeaderLock(self._name, using=self._using)
        try:
            if not lock.acquire():
                self._report("Another worker is following the log.")
                return
            if self._prune:
                rooms = Room.objects.db_manager(self._using)
                self._report(f"{rooms.prune_presences()} presences and {rooms.prune_rooms()} rooms pruned")
            if self._sends_signals:
                self._report(f"{self._deliver_current(lock)} events delivered")
        finally:
            lock.release()

    def run(self) -> None:
        """Runs until the shutdown is requested, and reports each change of state.

        After a transient database error, or if another worker has moved the checkpoint, it starts again after
        `ERROR_DELAY`. So it does after any other error, which is logged, with two exceptions that it raises: an error
        before the first step was complete, and a `PresenceError`. An error in the delivery of the main worker is none
        of these: `Delivery` tries again, and maintenance goes on.
        """
        while not self._shutdown.is_requested:
            lock = LeaderLock(self._name, using=self._using)
            try:
                if self._stand_by(lock):
                    self._lead(lock)
            except TRANSIENT_ERRORS as error:
                self._report_change(one_line(error))
                connections[self._using].close()
                self._shutdown.wait(ERROR_DELAY)
            except Exception as error:
                if not self._has_led or isinstance(error, PresenceError):
                    raise
                logger.exception("The worker failed and starts again")
                reset_connections()
                self._shutdown.wait(ERROR_DELAY)
            finally:
                lock.release()
        self._report("Stopped.")

    def _stand_by(self, lock: LeaderLock) -> bool:
        """Waits until this worker is the leader. Returns False if the shutdown was requested first."""
        while not lock.acquire():
            self._report_change("Standing by.")
            if self._shutdown.wait(STANDBY_INTERVAL):
                return False
        return True

    def _lead(self, lock: LeaderLock) -> None:
        """Follows the log and runs maintenance until the shutdown is requested or the lock is lost."""
        if self._sends_signals:
            drawn_position(self._using)  # raises what no retry of the delivery can help, above all on a standby
        delivery = self._delivery(lock) if self._sends_signals else None
        maintenance = Maintenance(self._using, prune=self._prune) if self._name == MAIN else None
        if delivery is None:
            self._report_change("Running maintenance. The recording processes send the signals.")
        try:
            self._loop(lock, delivery, maintenance)
        finally:
            if maintenance:
                maintenance.stop()

    def _loop(self, lock: LeaderLock, delivery: Follower | Delivery | None, maintenance: Maintenance | None) -> None:
        interval = MIN_POLL_INTERVAL
        while not self._shutdown.is_requested and lock.is_held():
            if maintenance:
                self._maintain(maintenance)
            delivered = delivery.step() if delivery else 0
            self._has_led = True
            interval = MIN_POLL_INTERVAL if delivered else min(2 * interval, MAX_POLL_INTERVAL)
            if delivery and delivery.is_behind:
                continue
            lock.wait(interval) if conf.notify() else self._shutdown.wait(interval)

    def _maintain(self, maintenance: Maintenance) -> None:
        """Runs the jobs that are due. An error that is not transient is logged, unless it is one of the first step."""
        try:
            maintenance.run_due_jobs()
        except TRANSIENT_ERRORS:
            raise
        except Exception:
            if not self._has_led:
                raise
            logger.exception("Maintenance failed and is tried again")
            reset_connections()

    def _delivery(self, lock: LeaderLock) -> Follower | Delivery:
        """Returns what follows the log. The main worker also runs maintenance, which no error of it may stop."""
        if self._name == MAIN:
            return Delivery(lambda: self._follower(lock), using=self._using, report=self._report_change)
        follower = self._follower(lock)
        self._report_change(FOLLOWING)
        return follower

    def _deliver_current(self, lock: LeaderLock) -> int:
        """Delivers the events that are in the log now, and none that are recorded meanwhile. Returns how many."""
        follower = self._follower(lock)
        delivered = 0
        # A window that an earlier worker did not finish comes first. The second pass reads what is in the log now.
        for _ in range(2 if follower.is_behind else 1):
            delivered += follower.step()
            while follower.is_behind and not self._shutdown.is_requested:
                delivered += follower.step()
        return delivered

    def _follower(self, lock: LeaderLock) -> Follower:
        return Follower(self._name, using=self._using, is_leader=lock.is_held)

    def _report_change(self, text: str) -> None:
        """Reports ``text``, unless it is the same as last time."""
        if text != self._last_report:
            self._report(text)
            self._last_report = text


def sends_signals(name: str) -> bool:
    """Returns whether the worker ``name`` sends signals. The main worker only does if the setting asks for it."""
    return name != MAIN or conf.signals() == "worker"
