"""Finding stays that are over by when they were: indexes of B-trees alone.

A ``leave`` or ``prune`` is a closed stay, ``[since, at)``. Who was there at a moment is a question about intervals, for
which a B-tree is no good and GiST makes appends twice as expensive. So stays are indexed by their magnitude, the power
of 8 into which their seconds fall, and within it by their end: a stay of magnitude 2 lasted less than 512 seconds, so
it was there at a moment only if it ended in the 512 seconds after it. That is a short range of each magnitude, however
long the log is. (The magnitudes are the levels of a binary interval tree, Kriegel, Poetke and Seidl, "Managing
Intervals Efficiently in Object-Relational Databases", VLDB 2000, with three levels in one and no nodes.)

The function ``presence_lasts`` of the projections asks in this way.

PostgreSQL likes to combine an index that fits with all of another one, if that is partial and its condition is implied.
So each of these has a condition that only those queries imply that it is for.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Func, Q

__all__ = ["index"]

_MAGNITUDE = Func(
    F("at"),
    F("since"),
    arg_joiner=" - ",
    template="width_bucket(date_part('epoch', %(expressions)s), "
    "'{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[])",
    output_field=models.IntegerField(),
)
_CLOSED = Q(kind__in=["leave", "prune"], session__isnull=False)


def index(name: str, column: str | None = None) -> models.Index:
    """An index of closed stays by when they were: of those that have one value in ``column``, or of all."""
    if column is None:
        arguments: Any = []
        condition = Q(at__gte=F("since"))
    else:
        arguments = [column]
        condition = Q((f"{column}__isnull", False))
    return models.Index(*arguments, _MAGNITUDE, "at", "since", condition=_CLOSED & condition, name=name)
