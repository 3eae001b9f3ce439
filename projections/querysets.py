"""Deleting rooms and presences with Django's own methods, which records events.

The log is the only way into the tables, so a deletion records leaves and prunes, and signals follow. Before that, it
does what ``on_delete`` says to rows of your models that refer to the deleted ones: all in one transaction, with
Django's errors (`ProtectedError`, `RestrictedError`) and return values. Django's ``pre_delete`` and ``post_delete`` are
not sent for rooms and presences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar

from django.db import models, transaction
from django.db.models.deletion import Collector

from presence_events.exceptions import ProjectionIsDerived
from presence_events.privacy.hidden import HIDDEN
from presence_events.recorder import Selection, record_select
from projections import selections

__all__ = ["PresenceQuerySet", "ProcessQuerySet", "ProjectionQuerySet", "RoomQuerySet"]

_Row = TypeVar("_Row", bound=models.Model)


class ProjectionQuerySet(models.QuerySet[_Row]):
    """A query for rows of a projection. Only events can change them."""

    _endings: ClassVar[tuple[Callable[[list[Any]], Selection], ...]] = ()
    """The selections that delete the rows with some keys, in the order in which they are recorded."""

    def delete(self) -> tuple[int, dict[str, int]]:
        """Ends what the rows stand for. Returns how many rows were deleted, in all and by model.

        A row that has changed meanwhile, for example a room that a connection has joined, is kept. If no row is found,
        nothing is recorded. Raises a TypeError where Django's ``delete`` does.
        """
        query: Any = self
        query._not_support_combined_queries("delete")
        if query.query.is_sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with delete().")
        if query.query.distinct_fields or query._fields is not None:
            raise TypeError("Cannot call delete() after .distinct(*fields), .values() or .values_list().")
        found = query._chain()
        found._for_write = True
        found.query.select_for_update = False
        found.query.select_related = False
        found.query.clear_ordering(force=True)
        using, rows = found.db, list(found)
        query._result_cache = None
        if not rows:
            return 0, {}
        counts: dict[str, int] = {}
        with transaction.atomic(using):
            collector: Any = Collector(using, origin=self)
            collector.collect(rows)
            del collector.data[self.model]
            counts.update(collector.delete()[1])
            keys = [row.pk for row in rows]
            for select in self._endings:
                for event in record_select(select(keys), using=using):
                    label = "projections.Room" if event.channel_name is None else "projections.Presence"
                    counts[label] = counts.get(label, 0) + 1
        return sum(counts.values()), counts

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def update(self, **kwargs: Any) -> Any:
        raise ProjectionIsDerived

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        raise ProjectionIsDerived


class RoomQuerySet(ProjectionQuerySet[_Row]):
    _endings = (selections.leave_rooms, selections.prune_named_rooms)


class ProcessQuerySet(models.QuerySet[_Row]):
    """A query for leases. Only events change them."""

    def delete(self) -> tuple[int, dict[str, int]]:
        raise ProjectionIsDerived

    def update(self, **kwargs: Any) -> Any:
        raise ProjectionIsDerived

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        raise ProjectionIsDerived


class PresenceQuerySet(ProjectionQuerySet[_Row]):
    _endings = (selections.leave_stays,)

    def shown(self) -> Self:
        """Returns those that may be shown to others: all but the presences of hidden connections."""
        return self.exclude(data__contains={HIDDEN: True})
