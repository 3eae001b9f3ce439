"""What every process under test does besides: a line a log entry, and a line an event that it is told of."""

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
        from presence_events import process_registry
        from projections.signals import presence_changed

        process_registry.KEEP_ALIVE_INTERVAL = float(
            os.environ.get("PRESENCE_CHAOS_EVERY", process_registry.KEEP_ALIVE_INTERVAL)
        )
        if "PRESENCE_HEARD" in os.environ:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            presence_changed.connect(Scribe(os.open(os.environ["PRESENCE_HEARD"], flags)), weak=False)


class Scribe:
    """Writes down what it hears: when, by the clock that all processes share, and which event of which stay."""

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
