"""What a range of the log contains, as a seal states it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from presence_events.seals.leaves import Line, leaf
from presence_events.seals.merkle import Tree
from presence_events.seals.seal import Part

__all__ = ["MARK_BYTES", "Contents", "contents"]

MARK_BYTES = 2
"""How many bytes of each leaf are stored with a seal, to find the event that differs."""


class Contents(NamedTuple):
    """The two parts of a seal, and the first bytes of all leaves in the order of positions."""

    stays: Part
    touches: Part
    marks: bytes


def contents(events: Iterable[Line], keys: Mapping[str, bytes]) -> Contents:
    """Returns the contents of a range with ``events``. Raises a KeyError for a subject that is not in ``keys``."""
    stays, touches, marks = Tree(), Tree(), bytearray()
    for event in events:
        node = leaf(event, keys)
        (touches if event.is_touch else stays).add(node)
        marks += node[:MARK_BYTES]
    return Contents(Part.of(stays), Part.of(touches), bytes(marks))
