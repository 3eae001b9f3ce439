"""A receiver that writes each event to a file, one per line."""

from __future__ import annotations

import os
from typing import Any

from django.apps import AppConfig


class WorkerReceiversConfig(AppConfig):
    name = "tests.live"
    label = "worker_receivers"

    def ready(self) -> None:
        from projections.signals import presence_changed

        presence_changed.connect(write)


def write(events: list[Any], **kwargs: Any) -> None:
    lines = "".join(f"{os.getpid()} {event.id} {event.session} {event.kind}\n" for event in events)
    with open(os.environ["PRESENCE_RECEIVED"], "a", encoding="ascii") as file:  # noqa: PTH123
        file.write(lines)
