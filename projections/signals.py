"""What users listen to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.dispatch import Signal

__all__ = ["presence_changed"]

logger = logging.getLogger(__name__)


class _LoggedSignal(Signal):
    """A signal whose robust sending logs any receiver that raises, one without a ``__qualname__`` too."""

    def _log_robust_failure(self, receiver: Callable[..., Any], err: BaseException) -> None:
        name = getattr(receiver, "__qualname__", None) or repr(receiver)
        module = getattr(receiver, "__module__", None)
        logger.error("The receiver %s.%s of presence_changed raised %r", module, name, err, exc_info=err)


presence_changed = _LoggedSignal()
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

A receiver that raises is logged and keeps nobody else from being called. Coroutine functions are welcome as receivers.
"""
