"""The log."""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from presence_events.exceptions import LogIsAppendOnly
from presence_events.schema import indexes
from presence_events.schema.fields import TransactionIdField
from presence_events.schema.triggers import SqlTrigger

__all__ = ["Checkpoint", "PresenceEvent", "Process"]


class PresenceEventQuerySet(models.QuerySet["PresenceEvent"]):
    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        raise LogIsAppendOnly


class PresenceEvent(models.Model):
    """One fact: a join, touch, leave or prune that changed something.

    Written by `presence_events.recorder`, completed by the database (position, session, times), never changed. It
    stands on its own after the room, the presence and the user are gone.
    """

    class Kind(models.TextChoices):
        JOIN = "join", _("Join")
        TOUCH = "touch", _("Touch")
        LEAVE = "leave", _("Leave")
        PRUNE = "prune", _("Prune")

    id = models.BigIntegerField(_("position"), primary_key=True, editable=False, help_text=_("Position in the log."))
    kind = models.TextField(_("kind"), choices=Kind.choices)
    room = models.TextField(_("room"), db_collation="C", help_text=_("The group name of the room."))
    channel_name = models.TextField(
        _("connection"),
        db_collation="C",
        null=True,
        help_text=_("The connection; empty when the room itself was pruned."),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("user"),
        help_text=_("Who it was; empty for anonymous connections. Survives the user."),
    )
    session = models.BigIntegerField(
        _("session"),
        null=True,
        help_text=_("The stay this event belongs to: every event of one stay carries the same number."),
    )
    since = models.DateTimeField(_("since"), help_text=_("When that stay began."))
    last_seen = models.DateTimeField(
        _("last seen"),
        null=True,
        help_text=_(
            "On leave and prune: when the connection was last seen. The true end lies between that and the event."
        ),
    )
    data = models.JSONField(
        _("data"),
        null=True,
        help_text=_("On join and touch: what the connection says of itself. On leave and prune: why."),
    )
    process = models.TextField(
        _("process"),
        db_collation="C",
        null=True,
        help_text=_("On join: the server process that has the connection, if one has claimed it."),
    )
    at = models.DateTimeField(_("time"), help_text=_("When it happened, by the database's clock."))
    tx = TransactionIdField(_("transaction"), help_text=_("The transaction that recorded it."))

    objects = PresenceEventQuerySet.as_manager()

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
            # Touches, most of the log, are in no index but the primary key and so pay for none.
            models.Index(fields=["room", "id"], condition=~models.Q(kind="touch"), name="presence_event_room"),
            models.Index(
                fields=["user", "id"],
                condition=~models.Q(kind="touch") & models.Q(user__isnull=False),
                name="presence_event_user",
            ),
            indexes.index("presence_event_room_stay", "room"),
            indexes.index("presence_event_user_stay", "user"),
            indexes.index("presence_event_stay"),
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
    """How far somebody has read the log. Moved by `presence_events.checkpoints`."""

    name = models.TextField(_("name"), primary_key=True)
    mark = models.JSONField(_("mark"), help_text=_("What has been read."))
    cluster = models.BigIntegerField(
        _("cluster"), help_text=_("The database cluster in which the mark means something.")
    )
    moved_at = models.DateTimeField(_("moved at"), db_default=Now())

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoints")
        db_table = "presence_checkpoint"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class Process(models.Model):
    """A server process that has claimed connections, and keeps alive. Written by `presence_events.process_registry`."""

    name = models.TextField(_("name"), primary_key=True, db_collation="C")
    started_at = models.DateTimeField(_("started at"), help_text=_("When it first claimed a connection."))
    seen_at = models.DateTimeField(_("last seen"), help_text=_("When it last said that it is alive."))

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        db_table = "presence_process"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name
