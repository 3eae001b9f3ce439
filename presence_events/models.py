"""The models of the log: events, checkpoints of its readers, and server processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from presence_events.exceptions import LogIsAppendOnly
from presence_events.schema.fields import TransactionIdField
from presence_events.schema.indexes import closed_stay_index
from presence_events.schema.json_data import TolerantDecoder
from presence_events.schema.triggers import SqlTrigger

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import _User  # of the stubs: the user model, as far as the type checker knows it

__all__ = ["Checkpoint", "PresenceEvent", "Process"]


class PresenceEventQuerySet(models.QuerySet["PresenceEvent"]):
    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        raise LogIsAppendOnly


class PresenceEvent(models.Model):
    """One fact in the log: a join, touch, leave or prune that changed something.

    `presence_events.recorder` writes it, the database completes it (position, session, times), and it never changes. It
    remains complete when the room, the presence and the user no longer exist.
    """

    class Kind(models.TextChoices):
        JOIN = "join", _("Join")
        TOUCH = "touch", _("Touch")
        LEAVE = "leave", _("Leave")
        PRUNE = "prune", _("Prune")

    id: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("position"), primary_key=True, editable=False, help_text=_("Position in the log.")
    )
    kind: models.TextField[str, str] = models.TextField(_("kind"), choices=Kind.choices)
    room: models.TextField[str, str] = models.TextField(
        _("room"), db_collation="C", help_text=_("The name of the room.")
    )
    channel_name: models.TextField[str | None, str | None] = models.TextField(
        _("connection"),
        db_collation="C",
        null=True,
        help_text=_("The channel name of the connection; empty if the room itself was pruned."),
    )
    user: models.ForeignKey[_User | None, _User | None] = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("user"),
        help_text=_("The user; empty for anonymous connections. The value remains after the user is deleted."),
    )
    session: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(
        _("session"),
        null=True,
        help_text=_("The number of the stay. All events of one stay share it."),
    )
    since: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("since"), help_text=_("When the stay began.")
    )
    last_seen: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("last seen"),
        null=True,
        help_text=_(
            "For leave and prune: when the connection was last seen. It ended between then and the time of the event."
        ),
    )
    data: models.JSONField[Any, Any] = models.JSONField(
        _("data"),
        null=True,
        decoder=TolerantDecoder,
        help_text=_("For join and touch: JSON that describes the connection. For leave and prune: the reason."),
    )
    process: models.TextField[str | None, str | None] = models.TextField(
        _("process"),
        db_collation="C",
        null=True,
        help_text=_("For join: the server process that has claimed the connection, if any."),
    )
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("time"), help_text=_("When the event happened, by the clock of the database.")
    )
    tx = TransactionIdField(_("transaction"), help_text=_("The transaction that appended the event."))

    objects = PresenceEventQuerySet.as_manager()

    if TYPE_CHECKING:
        user_id: Any

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        db_table = "presence_event"
        ordering = ["id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["join", "touch", "leave", "prune"]), name="presence_event_kind"
            ),
            models.CheckConstraint(
                condition=models.Q(channel_name__isnull=False, session__isnull=False)
                | models.Q(channel_name__isnull=True, session__isnull=True, kind="prune"),
                name="presence_event_channel",
            ),
        ]
        indexes = [
            # Most events are touches. They are in no index but the primary key, so they pay for none.
            models.Index(fields=["room", "id"], condition=~models.Q(kind="touch"), name="presence_event_room"),
            models.Index(
                fields=["user", "id"],
                condition=~models.Q(kind="touch") & models.Q(user__isnull=False),
                name="presence_event_user",
            ),
            closed_stay_index("presence_event_room_stay", "room"),
            closed_stay_index("presence_event_user_stay", "user"),
            closed_stay_index("presence_event_stay"),
        ]
        triggers = [
            SqlTrigger(
                name="append_only",
                package="presence_events",
                source="append_only",
                level=pgtrigger.Statement,
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete | pgtrigger.Truncate,
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel_name or 'room'} {self.room}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise LogIsAppendOnly

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise LogIsAppendOnly


class Checkpoint(models.Model):
    """How far a reader has read the log. `presence_events.checkpoints` moves it."""

    name: models.TextField[str, str] = models.TextField(_("name"), primary_key=True)
    mark: models.JSONField[Any, Any] = models.JSONField(_("mark"), help_text=_("How far the log has been read."))
    cluster: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("cluster"), help_text=_("The database cluster for which the mark is valid.")
    )
    moved_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("moved at"), db_default=Now())

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        db_table = "presence_checkpoint"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class Process(models.Model):
    """A server process that has claimed connections. `presence_events.processes.registry` keeps it alive."""

    name: models.TextField[str, str] = models.TextField(_("name"), primary_key=True, db_collation="C")
    started_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("started at"), help_text=_("When the process first claimed a connection.")
    )
    seen_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("last seen"), help_text=_("The time of the last keep-alive.")
    )

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        db_table = "presence_process"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name
