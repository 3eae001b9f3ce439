"""The projections: tables that only the fold writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pgtrigger
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, router
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record, record_select
from presence_events.schema.triggers import SqlTrigger
from projections import selections
from projections.managers import PresenceManager, RoomManager
from projections.sessions import PresenceSession, Timeline

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

__all__ = ["DeadLetter", "Presence", "PresenceSession", "Room", "Timeline"]


def _guards(*names: str) -> list[SqlTrigger]:
    """Refuse what does not come from the fold, which runs inside a trigger of the log.

    The fold never changes ``names``; whoever may lock rows needs the right to, and has triggers of their own.
    """
    options: dict[str, Any] = {
        "package": "projections",
        "source": "projected_only",
        "level": pgtrigger.Statement,
        "when": pgtrigger.Before,
    }
    return [
        SqlTrigger(
            name="projected_only",
            operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
            condition=pgtrigger.Condition("pg_trigger_depth() = 0"),
            **options,
        ),
        SqlTrigger(name="names_are_final", operation=pgtrigger.UpdateOf(*names), **options),
        SqlTrigger(name="never_truncated", operation=pgtrigger.Truncate, **options),
    ]


class Room(models.Model):
    """A room is its name: the name of the channel-layer group of everyone in it."""

    channel_name = models.TextField(
        _("room"), primary_key=True, db_collation="C", help_text=_("Group channel name for this room")
    )
    created_at = models.DateTimeField(_("created at"), help_text=_("When somebody first joined."))

    objects = RoomManager()

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        db_table = "presence_room"
        default_permissions = ("view",)
        triggers = _guards("channel_name")

    def __str__(self) -> str:
        return self.channel_name

    @classmethod
    def named(cls, name: str, using: str) -> Room:
        """The room of that name without asking the database.

        ``created_at`` is fetched when it is read; in a coroutine, ``await room.arefresh_from_db()`` first.
        """
        return cls.from_db(using, ["channel_name"], [name])

    def add_presence(self, channel_name: str, user: Any = None, data: Any = None) -> None:
        """As `Room.objects.add`, for this room."""
        Room.objects.db_manager(self._state.db).add(self.channel_name, channel_name, user, data)

    def remove_presence(self, channel_name: str | None = None, presence: Presence | None = None) -> None:
        """The connection of that name leaves, or exactly the stay ``presence``. Nothing happens if it is not there."""
        if (channel_name is None) == (presence is None):
            raise TypeError("remove_presence takes either a channel_name or a presence.")
        if presence is not None:
            draft = Draft("leave", self.channel_name, presence.channel_name, session=presence.pk)
        else:
            draft = Draft("leave", self.channel_name, channel_name)
        record([draft], using=self._state.db)

    def prune_presences(self, age_in_seconds: float | None = None) -> int:
        """As `Room.objects.prune_presences`, for this room."""
        return len(record_select(selections.prune_presences(self.channel_name, age_in_seconds), using=self._state.db))

    def get_users(self) -> models.QuerySet[AbstractBaseUser]:
        """The authenticated users who are here, each once, however many connections they have."""
        users, here = self._users_and_presences()
        keys = here.values_list("user_id", flat=True).distinct()
        return users.filter(pk__in=keys if users.db == here.db else list(keys))

    def get_users_with_connections(self) -> models.QuerySet[AbstractBaseUser]:
        """The authenticated users who are here, each once, with how many connections as ``connection_count``.

        One query. They come in the order of the user model, if it has one. Of users who live in another database, the
        connections are counted at once, in a query of their own.
        """
        users, here = self._users_and_presences()
        if users.db == here.db:
            here_too = models.Q(presence__room=self)
            return users.filter(here_too).annotate(connection_count=models.Count("presence", distinct=True))
        counts = dict(here.values_list("user_id").annotate(models.Count("id")))
        cases = [models.When(pk=key, then=count) for key, count in counts.items()]
        count = models.Case(*cases, output_field=models.IntegerField())
        return users.filter(pk__in=counts).annotate(connection_count=count)

    def _users_and_presences(self) -> tuple[models.QuerySet[AbstractBaseUser], Any]:
        """All users, and the presences of users here, each in the database where they live."""
        user_model = get_user_model()
        alias = router.db_for_read(user_model, instance=self)
        here = Presence.objects.using(self._state.db).filter(room=self, user_id__isnull=False)
        return user_model._default_manager.using(alias), here

    def get_anonymous_count(self) -> int:
        """How many connections without a user are here."""
        return self.presence_set.filter(user__isnull=True).count()


class Presence(models.Model):
    """One connection in one room, now. Its ``id`` is the ``session`` of all events of this stay."""

    id = models.BigIntegerField(_("session"), primary_key=True, editable=False)
    room = models.ForeignKey(
        Room, on_delete=models.DO_NOTHING, db_column="room", db_index=False, verbose_name=_("room")
    )
    channel_name = models.TextField(
        _("connection"), db_collation="C", help_text=_("Reply channel for connection that is present")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        verbose_name=_("user"),
    )
    joined_at = models.DateTimeField(_("joined at"))
    last_seen = models.DateTimeField(_("last seen"), help_text=_("When the connection joined or was last touched."))
    data = models.JSONField(_("data"), null=True, help_text=_("What the connection says of itself."))
    process = models.TextField(
        _("process"),
        db_collation="C",
        null=True,
        help_text=_("The server process that has the connection, if one has claimed it."),
    )

    objects = PresenceManager()

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presences")
        db_table = "presence"
        default_permissions = ("view",)
        permissions = [("end_presence", "Can make connections leave")]
        constraints = [
            # The room comes first, so that every index with the channel name in front is as good as unique: whatever
            # the planner chooses for the fold, it reads a row or two.
            models.UniqueConstraint(fields=["room", "channel_name"], name="presence_room_channel_name"),
        ]
        indexes = [models.Index(fields=["channel_name"], name="presence_channel_name")]
        triggers = _guards("id", "room", "channel_name")

    def __str__(self) -> str:
        return self.channel_name

    @classmethod
    def of_event(cls, event: PresenceEvent, room: Room) -> Presence:
        """The presence as ``event`` left it, without asking the database.

        Only a join knows its process; of a touch, it is fetched when it is read.
        """
        fields = [field.attname for field in cls._meta.concrete_fields]
        values = [
            event.session,
            event.room,
            event.channel_name,
            event.user_id,
            event.since,
            event.at if event.last_seen is None else event.last_seen,
            event.data if event.kind in ("join", "touch") else None,
            event.process,
        ]
        known = len(fields) - (event.kind == "touch")
        presence = cls.from_db(room._state.db, fields[:known], values[:known])
        presence.room = room
        if "user" in event._state.fields_cache:
            presence._state.fields_cache["user"] = event._state.fields_cache["user"]
        return presence


class DeadLetter(models.Model):
    """A signal that a receiver did not take, however often ``run_projector`` tried."""

    id = models.BigAutoField(primary_key=True)
    worker = models.TextField(_("worker"), help_text=_("Its name, and that of its checkpoint."))
    receiver = models.TextField(_("receiver"))
    first = models.BigIntegerField(
        _("first event"), help_text=_("The position in the log of the first event of the signal.")
    )
    last = models.BigIntegerField(
        _("last event"), help_text=_("The position in the log of the last event of the signal.")
    )
    tries = models.IntegerField(_("tries"))
    error = models.TextField(_("error"), help_text=_("What the receiver raised last."))
    at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        db_table = "presence_dead_letter"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.first} for {self.receiver}"


class ProjectedEvent(PresenceEvent):
    """The log as the projections see it: what is appended is folded."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = [
            SqlTrigger(
                name="fold",
                package="projections",
                source="fold",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
            )
        ]
