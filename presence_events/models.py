"""The models of the log: events, their segments, what was removed of them, and the checkpoints of readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from presence_events.exceptions import LogIsAppendOnly
from presence_events.schema.fields import PositionField, TransactionIdField
from presence_events.schema.indexes import closed_stay_index
from presence_events.schema.json_data import TolerantDecoder
from presence_events.schema.triggers import PartitionsTriggerSql, SqlTrigger, permanent
from presence_events.seals.seal import Seal

if TYPE_CHECKING:
    from datetime import date, datetime

    from django.contrib.auth.models import _User  # of the stubs: the user model, as far as the type checker knows it

__all__ = [
    "Anchor",
    "Checkpoint",
    "Erasure",
    "ErasureInProgress",
    "Hold",
    "PresenceEvent",
    "PresenceEventManager",
    "Removal",
    "SealKey",
    "SealTimestamp",
    "Segment",
    "StoredSeal",
]


class _PresenceEventQuerySet(models.QuerySet["PresenceEvent"]):
    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        raise LogIsAppendOnly


class PresenceEventManager(models.Manager["PresenceEvent"]):
    def get_queryset(self) -> models.QuerySet[PresenceEvent]:
        return _PresenceEventQuerySet(self.model, using=self._db)

    def of_rooms(self) -> models.QuerySet[PresenceEvent]:
        """Returns the events of connections and rooms, without those of server processes: beats and ends of leases."""
        return self.get_queryset().exclude(room="")


class PresenceEvent(models.Model):
    """One fact in the log: a join, touch, leave or prune that changed something.

    Most events concern a connection in a room. An event with an empty ``room`` concerns a server process, ``process``:
    a touch is a beat, which keeps all connections alive that depend on the lease of the process, and a prune is the end
    of the lease.

    `presence_events.recorder` writes it, the database completes it (position, session, times), and it never changes. It
    remains complete when the room, the presence and the user no longer exist.
    """

    class Kind(models.TextChoices):
        JOIN = "join", _("Join")
        TOUCH = "touch", _("Touch")
        LEAVE = "leave", _("Leave")
        PRUNE = "prune", _("Prune")

    id = PositionField(_("position"), primary_key=True, editable=False, help_text=_("Position in the log."))
    kind: models.TextField[str, str] = models.TextField(_("kind"), choices=Kind.choices)
    room: models.TextField[str, str] = models.TextField(
        _("room"), db_collation="C", help_text=_("The name of the room; empty for events of a server process.")
    )
    channel_name: models.TextField[str | None, str | None] = models.TextField(
        _("connection"),
        db_collation="C",
        null=True,
        help_text=_("The channel name of the connection; empty for the prune of a room and for events of a process."),
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
        help_text=_("The number of the stay. All events of one stay share it. It is negative without history."),
    )
    since: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("since"), help_text=_("When the stay, the room or the lease began.")
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
        help_text=_(
            "For join: the server process that has claimed the connection, if any. For its own events: itself."
        ),
    )
    is_leased: models.BooleanField[bool | None, bool | None] = models.BooleanField(
        _("leased"),
        null=True,
        help_text=_("For join and touch: whether the stay depends on the lease of the process; empty if unchanged."),
    )
    capacity: models.IntegerField[int | None, int | None] = models.IntegerField(
        _("capacity"),
        null=True,
        help_text=_("For join: how many people the room could have with this one, if that was limited."),
    )
    is_exclusive: models.BooleanField[bool | None, bool | None] = models.BooleanField(
        _("exclusive"),
        null=True,
        help_text=_(
            "For join: yes if the user could have no other connection in the room. "
            "For leave: yes if the stay ended for such a join. Otherwise empty."
        ),
    )
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("time"), help_text=_("When the event happened, by the clock of the database.")
    )
    tx = TransactionIdField(_("transaction"), help_text=_("The transaction that appended the event."))
    day: models.DateField[date, date] = models.DateField(
        _("day"),
        db_default=RawSQL("(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::pg_catalog.date", ()),
        editable=False,
        help_text=_("The day on which the event was appended, in UTC. It decides the segment."),
    )
    commitment: models.TextField[str | None, str | None] = models.TextField(
        _("commitment"),
        db_collation="C",
        null=True,
        help_text=_("Of an event that was erased: a hash that stands for the user and the data that it had."),
    )

    objects = PresenceEventManager()

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
                condition=models.Q(channel_name__isnull=False, session__isnull=False)
                | models.Q(channel_name__isnull=True, session__isnull=True, kind="prune")
                | models.Q(
                    room="",
                    channel_name__isnull=True,
                    session__isnull=True,
                    process__isnull=False,
                    kind__in=["touch", "prune"],
                ),
                name="presence_event_subject",
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
            # The replay reads the beats apart from all other touches.
            models.Index(fields=["id"], condition=models.Q(room=""), name="presence_event_process"),
            # Stays without history whose user and data are still known. The rest of the log pays nothing for it.
            models.Index(
                fields=["session"],
                condition=models.Q(session__lt=0, commitment__isnull=True)
                & (models.Q(user__isnull=False) | models.Q(data__isnull=False)),
                name="presence_event_remembered",
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
            ),
            # Segments are changed one by one, where the trigger above does not fire.
            SqlTrigger(
                name="erased_only",
                package="presence_events",
                source="erased_only",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                compiled=PartitionsTriggerSql,
            ),
        ]

    def __str__(self) -> str:
        if not self.room:
            return f"{self.kind} process {self.process}"
        return f"{self.kind} {self.channel_name or 'room'} {self.room}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise LogIsAppendOnly

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise LogIsAppendOnly


class Segment(models.Model):
    """A partition of the log: the touches, or all other events, that were appended on some days.

    `presence_events.segments` creates and closes them. A closed segment is complete, and its figures are final.
    """

    class Part(models.TextChoices):
        TOUCHES = "touches", _("touches")
        STAYS = "stays", _("stays")

    class State(models.TextChoices):
        OPEN = "open", _("open")
        CLOSED = "closed", _("closed")
        LEAVING = "leaving", _("leaving")
        REMOVED = "removed", _("removed")

    name: models.TextField[str, str] = models.TextField(
        _("name"), primary_key=True, help_text=_("The name of the table.")
    )
    part: models.TextField[str, str] = models.TextField(
        _("part"), choices=Part.choices, help_text=_("Touches, or stays: joins, leaves and prunes.")
    )
    first_day: models.DateField[date | None, date | None] = models.DateField(
        _("first day"), null=True, help_text=_("In UTC; empty for the beginning of the log.")
    )
    end_day: models.DateField[date | None, date | None] = models.DateField(
        _("end"), null=True, help_text=_("The day after the last one; empty for the last segment.")
    )
    state: models.TextField[str, str] = models.TextField(_("state"), choices=State.choices)
    events: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(
        _("events"), null=True, help_text=_("How many it contains; empty until it is closed.")
    )
    first_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(_("first position"), null=True)
    last_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(_("last position"), null=True)
    first_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(_("first time"), null=True)
    last_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(_("last time"), null=True)
    first_since: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("since"), null=True, help_text=_("The earliest beginning of a stay that an event belongs to.")
    )

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        db_table = "presence_segment"
        managed = False
        ordering = ["part", models.F("first_day").asc(nulls_first=True)]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class Removal(models.Model):
    """The permanent record of a segment that retention has removed. Rows are added, and never changed or deleted."""

    id: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("time"), db_default=Now())
    by: models.TextField[str, str] = models.TextField(
        _("by"), db_default=RawSQL("SESSION_USER", ()), help_text=_("The role that was logged in to the database.")
    )
    operator: models.TextField[str, str] = models.TextField(
        _("operator"), blank=True, help_text=_("The user of the operating system, if known.")
    )
    segment: models.TextField[str, str] = models.TextField(_("segment"), help_text=_("The name of the table."))
    part: models.TextField[str, str] = models.TextField(_("part"), choices=Segment.Part.choices)
    first_day: models.DateField[date | None, date | None] = models.DateField(_("first day"), null=True)
    end_day: models.DateField[date, date] = models.DateField(_("end"), help_text=_("The day after the last one."))
    first_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(_("first position"), null=True)
    last_id: models.BigIntegerField[int | None, int | None] = models.BigIntegerField(_("last position"), null=True)
    first_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(_("first time"), null=True)
    last_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(_("last time"), null=True)
    events: models.JSONField[Any, Any] = models.JSONField(
        _("events"), help_text=_("How many events of each kind the segment had.")
    )
    horizon: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("horizon"), null=True, help_text=_("The horizon of the part after the removal.")
    )
    baseline: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("baseline"), help_text=_("The position at which a replay begins after the removal.")
    )
    archive: models.TextField[str | None, str | None] = models.TextField(
        _("archive"),
        null=True,
        help_text=_("The SHA-256 of the manifests of its days, if the segment was archived first."),
    )

    class Meta:
        verbose_name = _("removal")
        verbose_name_plural = _("removals")
        db_table = "presence_removal"
        ordering = ["id"]
        default_permissions = ("view",)
        triggers = [permanent()]

    def __str__(self) -> str:
        return self.segment


class Erasure(models.Model):
    """The permanent record of what was erased from one segment, or one file of an archive, without the person.

    Rows are added, and never changed or deleted. Seals cover them.
    """

    id: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("time"), db_default=Now())
    tx = TransactionIdField(_("transaction"), help_text=_("The transaction that erased."))
    by: models.TextField[str, str] = models.TextField(
        _("by"), db_default=RawSQL("SESSION_USER", ()), help_text=_("The role that was logged in to the database.")
    )
    operator: models.TextField[str, str] = models.TextField(
        _("operator"), blank=True, help_text=_("The user of the operating system, if known.")
    )
    segment: models.TextField[str, str] = models.TextField(_("segment"), help_text=_("The name of the table."))
    events: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("events"), help_text=_("How many events were erased that had not been erased before.")
    )

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        db_table = "presence_erasure"
        ordering = ["id"]
        default_permissions = ("view",)
        triggers = [permanent()]

    def __str__(self) -> str:
        return self.segment


class ErasureInProgress(models.Model):
    """An erasure that has begun and not ended. It alone links a person to a pseudonym, and is deleted at the end."""

    person: models.TextField[str, str] = models.TextField(primary_key=True, db_collation="C")
    pseudonym: models.TextField[str, str] = models.TextField(unique=True, db_collation="C")
    begun_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "presence_erasing"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.begun_at)


class Hold(models.Model):
    """A legal hold: retention removes no segment with events of ``from_day`` or later as long as it is in force.

    A released hold remains as a record. Its name can be used again.
    """

    id: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    name: models.TextField[str, str] = models.TextField(_("name"))
    from_day: models.DateField[date | None, date | None] = models.DateField(
        _("from day"), null=True, help_text=_("In UTC; empty for all that is in the log.")
    )
    placed_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("placed at"), db_default=Now())
    placed_by: models.TextField[str, str] = models.TextField(_("placed by"), db_default=RawSQL("SESSION_USER", ()))
    released_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("released at"), null=True
    )
    released_by: models.TextField[str | None, str | None] = models.TextField(_("released by"), null=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        db_table = "presence_hold"
        ordering = ["id"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(released_at__isnull=True), name="presence_hold_in_force"
            ),
            models.CheckConstraint(
                condition=models.Q(released_at__isnull=True, released_by__isnull=True)
                | models.Q(released_at__isnull=False, released_by__isnull=False),
                name="presence_hold_release",
            ),
        ]
        triggers = [
            permanent(pgtrigger.Delete | pgtrigger.Truncate),
            SqlTrigger(
                name="released_once",
                package="presence_events",
                source="released_once",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
            ),
        ]

    def __str__(self) -> str:
        return self.name


class StoredSeal(models.Model):
    """A seal of a range of the log. `presence_events.seals` makes it. Rows are added, and never changed or deleted."""

    number: models.BigIntegerField[int, int] = models.BigIntegerField(_("number"), primary_key=True)
    up_to: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("up to"), unique=True, help_text=_("The last position that is sealed.")
    )
    text: models.TextField[str, str] = models.TextField(_("text"), help_text=_("The seal, as it is signed."))
    marks: models.BinaryField[bytes, bytes] = models.BinaryField(
        _("marks"), help_text=_("The first bytes of the hash of each event, to find the one that differs.")
    )
    signature: models.BinaryField[bytes | None, bytes | None] = models.BinaryField(_("signature"), null=True)
    public_key: models.BinaryField[bytes | None, bytes | None] = models.BinaryField(_("public key"), null=True)

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        db_table = "presence_seal"
        ordering = ["number"]
        default_permissions = ("view",)
        triggers = [permanent()]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def seal(self) -> Seal:
        """The seal that the text is. Raises `InvalidSeal` if it is none."""
        return Seal.parse(self.text)


class SealTimestamp(models.Model):
    """What a time-stamp server has answered for a seal, and so for all seals before it. Rows are added, and never
    changed or deleted."""

    number: models.BigIntegerField[int, int] = models.BigIntegerField(_("number"), primary_key=True)
    response: models.BinaryField[bytes, bytes] = models.BinaryField(
        _("response"), help_text=_("The response as RFC 3161 defines it.")
    )

    class Meta:
        verbose_name = _("time stamp of a seal")
        verbose_name_plural = _("time stamps of seals")
        db_table = "presence_seal_timestamp"
        ordering = ["number"]
        default_permissions = ()
        triggers = [permanent()]

    def __str__(self) -> str:
        return str(self.number)


class Anchor(models.Model):
    """A place outside of the database where seals are published, and up to which seal. `seals.anchors` writes it."""

    name: models.TextField[str, str] = models.TextField(_("name"), primary_key=True)
    last_seal: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("last seal"), default=0, help_text=_("The number of the last seal that it has; 0 if it has none.")
    )
    failure: models.TextField[str, str] = models.TextField(
        _("failure"), blank=True, help_text=_("Why the last attempt failed; empty if it did not.")
    )
    failing_since: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("failing since"), null=True
    )

    class Meta:
        verbose_name = _("anchor of seals")
        verbose_name_plural = _("anchors of seals")
        db_table = "presence_anchor"
        ordering = ["name"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class SealKey(models.Model):
    """The secret key of a subject of personal data in the log, under which seals commit to these data."""

    subject: models.TextField[str, str] = models.TextField(_("subject"), primary_key=True, db_collation="C")
    key: models.BinaryField[bytes, bytes] = models.BinaryField(_("key"))

    class Meta:
        verbose_name = _("key of a subject")
        verbose_name_plural = _("keys of subjects")
        db_table = "presence_seal_key"
        default_permissions = ()
        triggers = [
            permanent(pgtrigger.Update | pgtrigger.Truncate),
            SqlTrigger(
                name="forgotten",
                package="presence_events",
                source="forgotten",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
            ),
        ]

    def __str__(self) -> str:
        return self.subject


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
