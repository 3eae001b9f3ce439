"""What a worker under test hears is written to a file, a line a signal."""

from __future__ import annotations

import os
from typing import Any

from django.apps import AppConfig


class WorkerReceiversConfig(AppConfig):
    name = "tests.live"
    label = "worker_receivers"

    def ready(self) -> None:
        from projections.signals import presence_changed

        presence_changed.connect(write_down)


def write_down(events: list[Any], **kwargs: Any) -> None:
    heard = "".join(f"{os.getpid()} {event.id} {event.session} {event.kind}\n" for event in events)
    with open(os.environ["PRESENCE_HEARD"], "a", encoding="ascii") as file:  # noqa: PTH123
        file.write(heard)
