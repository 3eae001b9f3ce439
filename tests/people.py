"""Receivers of the signals for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from presence_events.models import PresenceEvent
from projections._worker.log_follower import Follower
from projections.signals import person_joined, person_left

Change = tuple[str, PresenceEvent]
"""Whether a user joined or left, and the event."""


class Heard:
    """Receives the signals for people. ``names`` says what it received, in order."""

    def __init__(self) -> None:
        self.arguments: list[dict[str, Any]] = []
        self.names: list[str] = []

    def joined(self, **arguments: Any) -> None:
        self._hear("joined", arguments)

    def left(self, **arguments: Any) -> None:
        self._hear("left", arguments)

    def _hear(self, what: str, arguments: dict[str, Any]) -> None:
        (event,) = arguments["events"]
        self.arguments.append(arguments)
        self.names.append(f"{what} {event.channel_name}")

    def changes(self) -> list[Change]:
        return [
            ("joined" if arguments["signal"] is person_joined else "left", arguments["events"][0])
            for arguments in self.arguments
        ]


@contextmanager
def connected(heard: Heard, worker: str = "projector") -> Iterator[Heard]:
    with ExitStack() as stack:
        for signal, receiver in ((person_joined, heard.joined), (person_left, heard.left)):
            signal.for_worker(worker).connect(receiver, weak=False)
            stack.callback(signal.for_worker(worker).disconnect, receiver)
        yield heard


def run(follower: Follower) -> None:
    while follower.step() or follower.is_behind:
        """Each step delivers a batch."""
