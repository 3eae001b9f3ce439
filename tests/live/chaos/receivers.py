"""The app of the processes under test. It formats log entries as single lines, and writes received events to a file."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    name = "tests.live.chaos"
    label = "chaos"

    def ready(self) -> None:
        from presence_events.processes import registry
        from projections.signals import presence_changed

        registry.CHECK_INTERVAL = float(os.environ.get("PRESENCE_CHAOS_EVERY", registry.CHECK_INTERVAL))
        registry.MAX_BEAT_INTERVAL = 2 * registry.CHECK_INTERVAL
        if "PRESENCE_SIGNAL_FILE" in os.environ:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            presence_changed.connect(SignalWriter(os.open(os.environ["PRESENCE_SIGNAL_FILE"], flags)), weak=False)


class SignalWriter:
    """A receiver that writes a line for each event: time, position, session and kind.

    The time is that of the monotonic clock, which all processes of the machine share.
    """

    def __init__(self, file: int) -> None:
        self._file = file

    def __call__(self, events: list[Any], **kwargs: Any) -> None:
        for event in events:
            os.write(self._file, f"{time.monotonic_ns()} {event.id} {event.session} {event.kind}\n".encode())


class OneLine(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", " | ")
