"""What a range of the log contains, as a seal states it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import compress
from operator import not_
from typing import NamedTuple

from presence_events.seals.leaves import Row, leaves
from presence_events.seals.merkle import Tree
from presence_events.seals.seal import Part
from presence_events.seals.subject_keys import SubjectKeys

__all__ = ["MARK_BYTES", "Contents", "FindKeys", "contents"]

MARK_BYTES = 2
"""How many bytes of each leaf are stored with a seal, to find the event that differs."""

FindKeys = Callable[[Collection[str]], Mapping[str, bytes]]
"""Returns the keys of subjects."""


class Contents(NamedTuple):
    """The two parts of a seal, and what was found out on the way."""

    stays: Part
    touches: Part
    marks: bytes
    """The first bytes of all leaves in the order of positions."""
    last: int
    """The position of the last event, or 0 if there is none."""


def contents(pages: Iterable[Sequence[Row]], find_keys: FindKeys) -> Contents:
    """Returns the contents of a range with the events of ``pages``.

    ``find_keys`` is called with subjects whose keys are needed, with each of them once. Raises a KeyError for a subject
    whose key it does not return.
    """
    stays, touches, marks, last = Tree(), Tree(), bytearray(), "0"
    keys = SubjectKeys()
    for page in pages:
        new = {subject for _, _, _, _, subject, _ in page if subject is not None} - keys.keys()
        if new:
            keys.add(find_keys(new))
        nodes = leaves(page, keys)
        are_touches = [is_touch for _, is_touch, *_ in page]
        touches.extend(compress(nodes, are_touches))
        stays.extend(compress(nodes, map(not_, are_touches)))
        marks += b"".join([node[:MARK_BYTES] for node in nodes])
        last = page[-1][0]
    return Contents(Part.of(stays), Part.of(touches), bytes(marks), int(last))
