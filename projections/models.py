"""The projections, which are tables that only the fold writes, and the dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, cast

import pgtrigger
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, router
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from presence_events.concurrency import in_thread
from presence_events.databases.rooms import alias_of_room, chosen_by_room
from presence_events.exceptions import ProjectionIsDerived
from presence_events.models import PresenceEvent
from presence_events.privacy.daily import is_daily
from presence_events.privacy.hidden import hide, is_hidden
from presence_events.recorder import Draft, record, record_select
from presence_events.schema.fields import FunctionTimeField, PrimaryKeyAlias
from presence_events.schema.instances import stored
from presence_events.schema.json_data import TolerantDecoder
from presence_events.schema.triggers import CallersTriggerSql, PartitionsTriggerSql, SqlTrigger
from projections import selections
from projections.compatibility import CurrentChannelLayer
from projections.final_reports.records import AttendanceReport, ReportAnnotation, ScheduledReport
from projections.managers import PresenceManager, ProcessManager, RoomManager
from projections.retention import baseline  # noqa: F401 - its models belong to this app
from projections.rosters.members import Counts, Member, members_of
from projections.sessions import PresenceSession, Timeline

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import _User  # of the stubs: the user model, as far as the type checker knows it
    from django.db.models.fields.related_descriptors import RelatedManager
    from django_stubs_ext import WithAnnotations

    class _ConnectionCount(TypedDict):
        connection_count: int

    class UserWithConnections(AbstractBaseUser):
        """A user as `Room.get_users_with_connections` returns it, for type checkers only.

        At run time it is an instance of the user model. Its other attributes are of any type.
        """

        connection_count: int

        class Meta:
            abstract = True

        def __getattr__(self, name: str) -> Any: ...

    # The plugin of django-stubs checks lookups by the first argument, and iteration gives the second.
    _UsersWithConnections = models.QuerySet[WithAnnotations[_User, _ConnectionCount], UserWithConnections]


__all__ = [
    "AttendanceReport",
    "DeadLetter",
    "Presence",
    "PresenceSession",
    "Process",
    "ReportAnnotation",
    "Room",
    "ScheduledReport",
    "Timeline",
    "channel_layer",
    "get_channel_layer",
]

channel_layer = CurrentChannelLayer()
"""The default channel layer, for code that imported it from django-channels-presence."""


def _guards(*names: str) -> list[SqlTrigger]:
    """Returns triggers that refuse every write that does not come from the fold.

    The fold runs inside a trigger of the log, so ``projected_only`` refuses statements that run outside of triggers.
    It fires for every statement of the fold, too. Its function asks where it is, because PostgreSQL would parse the
    condition of a trigger again for each statement.
    A role that may lock rows needs the UPDATE right on one column, and could change that column from a trigger of its
    own. ``names_are_final`` refuses this: ``names`` are columns that the fold never changes.
    """
    options: dict[str, Any] = {
        "package": "projections",
        "level": pgtrigger.Statement,
        "when": pgtrigger.Before,
    }
    return [
        SqlTrigger(
            name="projected_only",
            source="projected_only",
            operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
            compiled=CallersTriggerSql,
            **options,
        ),
        SqlTrigger(name="names_are_final", source="refuse", operation=pgtrigger.UpdateOf(*names), **options),
        SqlTrigger(name="never_truncated", source="refuse", operation=pgtrigger.Truncate, **options),
    ]


class Room(models.Model):
    """A name that connections join. It is also the name of their channel-layer group."""

    channel_name: models.TextField[str, str] = models.TextField(
        _("room"),
        primary_key=True,
        db_collation="C",
        help_text=_("The name of the room and of its channel-layer group."),
    )
    id = PrimaryKeyAlias()
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("created at"), help_text=_("When the first connection joined.")
    )

    objects = RoomManager["Room"]()

    if TYPE_CHECKING:
        presence_set: RelatedManager[Presence]

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        db_table = "presence_room"
        default_permissions = ("view",)
        triggers = _guards("channel_name")

    def __str__(self) -> str:
        return self.channel_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise ProjectionIsDerived

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Ends all stays in this room, and prunes it. As ``delete`` of a query, with Django's return value.

        The room keeps its name, which is its primary key, so you can use it again.
        """
        chosen = None if self._state.db else self._alias()
        alias = using or chosen or router.db_for_write(Room, instance=self)
        return Room.objects.using(alias).filter(pk=self.pk).delete()

    @classmethod
    def named(cls, name: str, using: str | None = None) -> Room:
        """Returns the room of that name without a query. The room need not exist.

        A room without connections is pruned, and ``Room.objects.get`` then raises `Room.DoesNotExist`. ``using`` is the
        alias of its database. The default is the choice of ``CHANNELS_PRESENCE_DATABASE``, or that of the routers.
        ``created_at`` is fetched when you read it. In a coroutine, ``await room.arefresh_from_db()`` first.
        """
        return cls.objects.named(name, using)

    def add_presence(
        self,
        channel_name: str,
        user: Any = None,
        data: Any = None,
        *,
        capacity: int | None = None,
        exclusive: selections.Exclusive | None = None,
        hidden: bool = False,
    ) -> None:
        """Records that a connection joins this room. As `Room.objects.add`."""
        Room.objects.db_manager(self._state.db).add(
            self.channel_name, channel_name, user, data, capacity=capacity, exclusive=exclusive, hidden=hidden
        )

    def remove_presence(self, channel_name: str | None = None, presence: Presence | None = None) -> None:
        """Records that the connection ``channel_name`` leaves this room, or that the stay ``presence`` ends.

        Nothing is recorded if the connection is not in the room, or if that stay has ended. Raises a TypeError unless
        exactly one of the two is given.
        """
        if (channel_name is None) == (presence is None):
            raise TypeError("remove_presence takes either a channel_name or a presence.")
        if presence is not None:
            draft = Draft("leave", self.channel_name, presence.channel_name, session=presence.pk)
        else:
            draft = Draft("leave", self.channel_name, channel_name)
        record([draft], using=self._alias())

    def prune_presences(self, age_in_seconds: float | None = None) -> int:
        """Prunes the silent connections of this room. As `Room.objects.prune_presences`."""
        return len(record_select(selections.prune_presences(self.channel_name, age_in_seconds), using=self._alias()))

    def get_users(self) -> models.QuerySet[_User]:
        """Returns the users who are present in this room, each once."""
        users, presences = self._users_and_presences()
        keys = presences.values_list("user_id", flat=True).distinct()
        return users.filter(pk__in=keys if users.db == presences.db else list(keys))

    def get_users_with_connections(self) -> _UsersWithConnections:
        """Returns the users who are present in this room, each once, with their number of connections.

        The number is the attribute ``connection_count``. The users are in the order of the user model, if it has one.
        It is one query. If users are in another database, this call runs a second query that counts the connections.
        """
        users, presences = self._users_and_presences()
        if users.db == presences.db:
            presence = Presence._meta.get_field("user").related_query_name()  # see projections.reverse_names
            is_here = models.Q((f"{presence}__room", self))
            found = users.filter(is_here).annotate(connection_count=models.Count(presence, distinct=True))
            return cast("_UsersWithConnections", found)
        counts = dict(presences.values_list("user_id").annotate(models.Count("id")))
        cases = [models.When(pk=key, then=count) for key, count in counts.items()]
        count = models.Case(*cases, output_field=models.IntegerField())
        found = users.filter(pk__in=counts).annotate(connection_count=count)
        return cast("_UsersWithConnections", found)

    def _alias(self) -> str | None:
        """Returns the database that the room was read from, or that of its name. None leaves the choice to routers."""
        return self._state.db or (alias_of_room(self.channel_name) if chosen_by_room() else None)

    def _presences(self) -> Any:
        return Presence.objects.using(self._alias()).filter(room=self)

    def _users_and_presences(self) -> tuple[models.QuerySet[_User], Any]:
        """Returns all users, and the presences of users in this room, each as a query on its own database."""
        user_model = get_user_model()
        alias = router.db_for_read(user_model, instance=self)
        presences = self._presences().filter(user_id__isnull=False)
        return user_model._default_manager.using(alias), presences

    def members(self) -> list[Member]:
        """Returns the people who are present in this room, with their users, connections and data.

        They are in the order in which they arrived. Anonymous and hidden connections are left out. It is one query, and
        a second one for the users.
        """
        presences = self._presences().shown().filter(user_id__isnull=False)
        return members_of(presences.order_by("joined_at", "id").prefetch_related("user"))

    async def amembers(self) -> list[Member]:
        return await in_thread(self.members)

    def get_anonymous_count(self) -> int:
        """Returns the number of anonymous connections in this room."""
        return int(self._presences().filter(user__isnull=True).count())

    def counts(self) -> Counts:
        """Returns how many connections, people and anonymous connections are in this room, with one query."""
        found = self._presences().aggregate(
            connections=models.Count("id"),
            people=models.Count("user_id", distinct=True),
            anonymous=models.Count("id", filter=models.Q(user__isnull=True)),
        )
        return Counts(**found)

    async def acounts(self) -> Counts:
        return await in_thread(self.counts)


class Process(models.Model):
    """The lease of a server process. Its beats renew it, and keep the connections alive that depend on it."""

    name: models.TextField[str, str] = models.TextField(_("name"), primary_key=True, db_collation="C")
    started_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("started at"), help_text=_("The time of the first beat.")
    )
    seen_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("last seen"), help_text=_("The time of the last beat.")
    )

    objects = ProcessManager["Process"]()

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("processes")
        db_table = "presence_process"
        default_permissions = ("view",)
        triggers = _guards("name")

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise ProjectionIsDerived

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise ProjectionIsDerived


class Presence(models.Model):
    """One connection in one room, now: an open stay. Its ``id`` is the ``session`` of all events of its stay.

    In SQL, read the view ``presence``. The table is ``presence_open_stay``, to which foreign keys refer.
    """

    id: models.BigIntegerField[int, int] = models.BigIntegerField(_("session"), primary_key=True, editable=False)
    room: models.ForeignKey[Room, Room] = models.ForeignKey(
        Room, on_delete=models.DO_NOTHING, db_column="room", db_index=False, verbose_name=_("room")
    )
    channel_name: models.TextField[str, str] = models.TextField(
        _("connection"), db_collation="C", help_text=_("The channel name of the connection.")
    )
    user: models.ForeignKey[_User | None, _User | None] = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        verbose_name=_("user"),
    )
    joined_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("joined at"))
    last_seen = FunctionTimeField(
        _("last seen"),
        editable=False,
        help_text=_("The last sign of life: the join, the latest touch, or the latest beat of the process."),
    )
    touched_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("touched at"), help_text=_("The join, or the latest touch of the connection itself.")
    )
    data: models.JSONField[Any, Any] = models.JSONField(
        _("data"), null=True, decoder=TolerantDecoder, help_text=_("JSON that describes the connection.")
    )
    process: models.TextField[str | None, str | None] = models.TextField(
        _("process"),
        db_collation="C",
        null=True,
        help_text=_("The server process that has claimed the connection, if any."),
    )
    is_leased: models.BooleanField[bool, bool] = models.BooleanField(
        _("leased"), help_text=_("Whether the beats of the process keep the connection alive.")
    )
    exclusive_room: models.TextField[str | None, str | None] = models.TextField(
        _("exclusive"),
        db_collation="C",
        null=True,
        help_text=_(
            "The room, if the user could have no other connection in it when this one joined; otherwise empty."
        ),
    )

    objects = PresenceManager["Presence"]()

    if TYPE_CHECKING:
        room_id: str
        user_id: Any

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presences")
        db_table = "presence_open_stay"
        default_permissions = ("view",)
        permissions = [("end_presence", "Can make connections leave")]
        constraints = [
            # The room is the first column, so both indexes that the planner can choose for the fold are selective: it
            # reads one or two rows with either of them.
            models.UniqueConstraint(fields=["room", "channel_name"], name="presence_room_channel_name"),
            # Serves as the index of the user, too. A null is unlike any other, so only exclusive stays are in conflict.
            models.UniqueConstraint(fields=["user", "exclusive_room"], name="presence_exclusive"),
        ]
        indexes = [
            models.Index(fields=["channel_name"], name="presence_channel_name"),
            # Each beat of a process compares the stays on its lease. Pruning reads those that are on no lease.
            models.Index(fields=["is_leased", "process"], include=["id"], name="presence_leased"),
        ]
        triggers = _guards("id", "room", "channel_name")

    def __str__(self) -> str:
        return self.channel_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise ProjectionIsDerived

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Records that this stay ends. As ``delete`` of a query, with Django's return value.

        Nothing is recorded if the stay has ended already, even if the connection is present again.
        """
        alias = using or router.db_for_write(Presence, instance=self)
        return Presence.objects.using(alias).filter(pk=self.pk).delete()

    @property
    def is_exclusive(self) -> bool:
        """Whether the user could have no other connection in the room when this one joined."""
        return self.exclusive_room is not None

    @property
    def is_hidden(self) -> bool:
        """Whether the connection is hidden: left out of rosters, and of what is shown to others."""
        return is_hidden(self.data)

    @classmethod
    def of_event(cls, event: PresenceEvent, room: Room) -> Presence:
        """Returns the presence as it was after ``event``, without a query.

        A touch does not contain ``process``, ``is_leased`` and ``exclusive_room``: they are fetched when you read them.
        After an end they are None, False and None, and so is the data, except that a connection was hidden.
        """
        seen = event.at if event.last_seen is None else event.last_seen
        values = {
            "id": event.session,
            "room_id": event.room,
            "channel_name": event.channel_name,
            "user_id": event.user_id,
            "joined_at": event.since,
            "last_seen": seen,
            "touched_at": seen,
            "data": event.data if event.kind in ("join", "touch") else hide(None) if is_hidden(event.data) else None,
        }
        if event.kind != "touch":
            exclusive_room = event.room if event.kind == "join" and event.is_exclusive else None
            values |= {"process": event.process, "is_leased": bool(event.is_leased), "exclusive_room": exclusive_room}
        presence = stored(cls, str(room._state.db), values)
        presence.room = room
        if "user" in event._state.fields_cache:
            presence._state.fields_cache["user"] = event._state.fields_cache["user"]
        elif is_daily(event.user_id):
            presence._state.fields_cache["user"] = None
        return presence


class DeadLetter(models.Model):
    """A signal that a receiver failed to take in every attempt of ``run_projector``.

    ``tries`` is 0 if it was not called, because Python cannot read the data of the events.
    """

    id: models.BigAutoField[int, int] = models.BigAutoField(primary_key=True)
    worker: models.TextField[str, str] = models.TextField(
        _("worker"), help_text=_("The name of the worker and of its checkpoint.")
    )
    receiver: models.TextField[str, str] = models.TextField(_("receiver"))
    first: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("first event"), help_text=_("The position in the log of the first event of the signal.")
    )
    last: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("last event"), help_text=_("The position in the log of the last event of the signal.")
    )
    tries: models.IntegerField[int, int] = models.IntegerField(_("tries"))
    error: models.TextField[str, str] = models.TextField(_("error"), help_text=_("The last exception of the receiver."))
    at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        db_table = "presence_dead_letter"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.first} for {self.receiver}"


class Leader(models.Model):
    """Which database connection leads the workers of a name, if it still holds the advisory lock with the key.

    ``role`` is the number of the role that the connection has logged in as. PostgreSQL may give the process id of an
    ended connection to one of another role.
    """

    name = models.TextField(primary_key=True)
    pid = models.IntegerField()
    role = models.BigIntegerField()
    key = models.BigIntegerField()
    since = models.DateTimeField()

    class Meta:
        db_table = "presence_leader"
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class ProjectedEvent(PresenceEvent):
    """The log, with the trigger that folds each appended event into the projections."""

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
                compiled=PartitionsTriggerSql,
            )
        ]
