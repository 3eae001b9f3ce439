from __future__ import annotations

from typing import Any

from django.apps import AppConfig


class ListeningConfig(AppConfig):
    name = "tests.benchmarks.projector"
    label = "listening"

    def ready(self) -> None:
        from projections.signals import presence_changed

        presence_changed.connect(listen)


def listen(**kwargs: Any) -> None:
    """Does nothing, so that only the delivery is measured."""
