"""Periods of presence: when the people of a room were certainly there, and when possibly.

A period is half open, like a stay. The periods of one person do not overlap: tabs are merged, and time that is certain
because of one tab is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from projections.sessions import PresenceSession

__all__ = ["Period", "periods"]

_Span = tuple[datetime, datetime]


class Period(NamedTuple):
    """A time in which a person was present, or possibly present if it is not ``is_certain``."""

    start: datetime
    end: datetime
    is_certain: bool


def periods(stays: Iterable[PresenceSession], start: datetime, end: datetime) -> list[Period]:
    """Returns the periods of the ``stays`` of one person in the span from ``start`` to ``end``, in their order.

    A stay that is open lasts until ``end``, which is now at the latest.
    """
    certain, possible = [], []
    for stay in stays:
        possible.append((stay.joined_at, stay.left_at or end))
        certain.append((stay.joined_at, stay.certain_until))
    sure = list(_merged(certain, start, end))
    unsure = _without(_merged(possible, start, end), sure)
    return sorted([*(Period(*span, True) for span in sure), *(Period(*span, False) for span in unsure)])


def _merged(spans: Iterable[_Span], start: datetime, end: datetime) -> Iterator[_Span]:
    """Yields the union of ``spans``, cut to the span from ``start`` to ``end``, without empty ones."""
    cut = ((max(first, start), min(last, end)) for first, last in sorted(spans))
    begun: datetime | None = None
    until = start
    for first, last in cut:
        if first >= last:
            continue
        if begun is not None and first > until:
            yield begun, until
            begun = None
        if begun is None:
            begun = first
        until = max(until, last)
    if begun is not None:
        yield begun, until


def _without(spans: Iterable[_Span], parts: Iterable[_Span]) -> Iterator[_Span]:
    """Yields what is left of ``spans`` without ``parts`` of them. Both are in order, and none overlap."""
    rest = iter(parts)
    part = next(rest, None)
    for first, last in spans:
        begun = first
        while part is not None and part[0] < last:
            if begun < part[0]:
                yield begun, part[0]
            begun = part[1]
            part = next(rest, None)
        if begun < last:
            yield begun, last
