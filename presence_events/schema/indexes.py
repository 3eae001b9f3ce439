"""Indexes that find closed stays by the time when they lasted, and one for JSON. The first are B-trees.

A ``leave`` or ``prune`` is a closed stay: the interval ``[since, at)``. To find the stays that include a moment is an
interval query. A B-tree on the bounds does not help with it, and GiST doubles the cost of appends. So stays are indexed
by their magnitude, which is the power of 8 into which their seconds fall, and within a magnitude by their end. A stay
of magnitude 2 lasted less than 512 seconds, so it includes a moment only if it ended in the 512 seconds after it. Each
magnitude therefore needs one short range of its index, however long the log is. (The magnitudes are the levels of a
binary interval tree: Kriegel, Pötke and Seidl, "Managing Intervals Efficiently in Object-Relational Databases", VLDB
2000, with three levels merged into one and without nodes.)

The function ``presence_lasts`` of the projections queries them.

PostgreSQL tends to combine a suitable index with a scan of a whole other index, if that one is partial and the query
implies its condition. So the condition of each index is one that only the queries for this index imply.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Func, Q

__all__ = ["JsonIndex", "closed_stay_index"]

_MAGNITUDE = Func(
    F("at"),
    F("since"),
    arg_joiner=" - ",
    template="pg_catalog.width_bucket(pg_catalog.date_part('epoch', %(expressions)s), "
    "'{8,64,512,4096,32768,262144,2097152,16777216,134217728}'::float8[])",
    output_field=models.IntegerField(),
)
_CLOSED = Q(kind__in=["leave", "prune"], session__isnull=False)


def closed_stay_index(name: str, column: str | None = None) -> models.Index:
    """Returns an index of closed stays by time: of those with one value in ``column``, or of all."""
    if column is None:
        arguments: Any = []
        condition = Q(at__gte=F("since"))
    else:
        arguments = [column]
        condition = Q((f"{column}__isnull", False))
    return models.Index(*arguments, _MAGNITUDE, "at", "since", condition=_CLOSED & condition, name=name)


class JsonIndex(models.Index):
    """An index of a JSONField for ``contains``. Unlike that of Django, it does not need ``django.contrib.postgres``."""

    def __init__(self, field: str, *, name: str) -> None:
        super().__init__(fields=[field], opclasses=["jsonb_path_ops"], name=name)

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        return super().create_sql(model, schema_editor, using=" USING gin", **kwargs)

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, _, _ = super().deconstruct()
        return path, self.fields, {"name": self.name}
