"""The baseline: the projections as they were after an event of the log. A replay begins there.

Without removals there is no baseline, and a replay begins with the first event. `projections.retention` moves the
baseline forward before it removes events, and nothing else writes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pgtrigger
from django.conf import settings
from django.db import models

from presence_events.exceptions import ProjectionIsDerived
from presence_events.schema.json_data import TolerantDecoder
from presence_events.schema.triggers import SqlTrigger

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["MODELS", "Baseline", "BaselineProcess", "BaselineRoom", "BaselineStay", "Start", "start"]


def _guards() -> list[SqlTrigger]:
    """Returns a trigger that refuses every write. Retention disables it in its transaction."""
    return [
        SqlTrigger(
            name="retention_only",
            package="projections",
            source="retention_only",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete | pgtrigger.Truncate,
        )
    ]


class _Derived(models.Model):
    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise ProjectionIsDerived

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise ProjectionIsDerived


class Baseline(_Derived):
    """The event after which the baseline was taken: its position, and the latest time of an event up to it.

    There is at most one row.
    """

    id: models.SmallIntegerField[int, int] = models.SmallIntegerField(primary_key=True, default=1)
    position: models.BigIntegerField[int, int] = models.BigIntegerField()
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField()

    class Meta:
        db_table = "presence_baseline"
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="presence_baseline_one_row")]
        triggers = _guards()

    def __str__(self) -> str:
        return str(self.position)


class BaselineRoom(_Derived):
    """A room as it was. The columns are those of `projections.models.Room`."""

    channel_name: models.TextField[str, str] = models.TextField(primary_key=True, db_collation="C")
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()

    class Meta:
        db_table = "presence_baseline_room"
        default_permissions = ()
        triggers = _guards()

    def __str__(self) -> str:
        return self.channel_name


class BaselineStay(_Derived):
    """An open stay as it was. The columns are those of `projections.models.Presence`."""

    id: models.BigIntegerField[int, int] = models.BigIntegerField(primary_key=True)
    room: models.TextField[str, str] = models.TextField(db_collation="C")
    channel_name: models.TextField[str, str] = models.TextField(db_collation="C")
    user: models.ForeignKey[Any, Any] = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    joined_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    touched_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    data: models.JSONField[Any, Any] = models.JSONField(null=True, decoder=TolerantDecoder)
    process: models.TextField[str | None, str | None] = models.TextField(db_collation="C", null=True)
    is_leased: models.BooleanField[bool, bool] = models.BooleanField()
    exclusive_room: models.TextField[str | None, str | None] = models.TextField(db_collation="C", null=True)

    class Meta:
        db_table = "presence_baseline_stay"
        default_permissions = ()
        triggers = _guards()

    def __str__(self) -> str:
        return self.channel_name


class BaselineProcess(_Derived):
    """A lease as it was. The columns are those of `projections.models.Process`."""

    name: models.TextField[str, str] = models.TextField(primary_key=True, db_collation="C")
    started_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    seen_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()

    class Meta:
        db_table = "presence_baseline_process"
        default_permissions = ()
        triggers = _guards()

    def __str__(self) -> str:
        return self.name


MODELS: tuple[type[models.Model], ...] = (Baseline, BaselineRoom, BaselineStay, BaselineProcess)
"""The tables of the baseline."""


class Start(NamedTuple):
    """Where a replay begins: after the event at ``position``, and no earlier than ``at``.

    Without a baseline these are 0 and None.
    """

    position: int
    at: datetime | None


def start(using: str) -> Start:
    """Returns where a replay of the log in the database ``using`` begins."""
    found = Baseline.objects.using(using).values_list("position", "at").first()
    return Start(0, None) if found is None else Start(*found)
