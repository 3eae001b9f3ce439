"""Queries about who was where: one model for closed stays and open stays.

A stay is a half-open interval, ``[joined_at, left_at)``: a connection that leaves at noon is not present at noon.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import F, Func, Value
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.exceptions import InvalidUser, LogIsAppendOnly
from presence_events.privacy.hidden import HIDDEN
from presence_events.schema.json_data import TolerantDecoder
from presence_events.segments.catalogue import MayContain

if TYPE_CHECKING:
    from django.contrib.auth.models import _User  # of the stubs: the user model, as far as the type checker knows it

__all__ = ["PresenceSession", "PresenceSessionQuerySet", "Timeline"]


class PresenceSessionQuerySet(models.QuerySet["PresenceSession"]):
    """A query for stays. You can combine its methods in any order, each narrows the result, and all use the indexes.

    Methods that write raise `LogIsAppendOnly`.
    """

    def at(self, moment: datetime, *, partial: bool = False) -> Self:
        """Returns the stays at ``moment``. Raises `InvalidMoment` if it is naive or in the future.

        If ``moment`` is before the horizon of stays, the evaluation of the query raises `BeforeHorizon`. If it reads a
        replica that has not reached ``moment``, it raises `NotYetReplicated`. With ``partial``, it returns what the
        database has.
        """
        moment = validation.moment(moment)
        return self.filter(_lasts(moment, moment), _has_segment(moment, moment, partial), joined_at__lte=moment)

    def during(self, start: datetime, end: datetime, *, partial: bool = False) -> Self:
        """Returns the stays that overlap the span from ``start`` (included) to ``end`` (excluded).

        If ``end`` is in the future, the result covers the time until now. On a replica, it covers the time until the
        replica's `replayed_up_to`, and may lack events of a later time. Raises `InvalidMoment` if either is naive, if
        ``start`` is in the future, or if ``end`` is not after ``start``. ``start`` and ``partial`` are as in `at`.
        """
        start, end = validation.span(start, end)
        return self.filter(_lasts(start, end), _has_segment(start, end, partial), joined_at__lt=end)

    def in_room(self, room: str | models.Model) -> Self:
        """Returns the stays in ``room``, a name or a `Room`, even if the room itself has been pruned.

        The result is empty for a room that never existed. Raises `InvalidRoomName` for a name that no room can have.
        """
        return self.filter(room=validation.recorded_room_name(getattr(room, "channel_name", room)))

    def of_user(self, user: Any) -> Self:
        """Returns the stays of ``user`` in all connections, even if the user has been deleted.

        ``user`` is an instance, a primary key or an expression. The result is empty for a user who never existed.
        Raises `InvalidUser` for an unsaved user and for a value that cannot be a key. It also raises for None and for
        an AnonymousUser, because anonymous stays do not belong to one person: filter by ``user=None`` to find them.
        """
        if user is None or getattr(user, "is_anonymous", False):
            raise InvalidUser("To find the stays of anonymous connections, filter by user=None.")
        if not hasattr(user, "resolve_expression"):
            user = Value(validation.person_key(user), get_user_model()._meta.pk)
        # A lookup by field would turn the join of select_related() into an inner join, which drops the stays of deleted
        # users.
        return self.filter(Exact(F("user_id"), user))

    def update(self, **kwargs: Any) -> int:
        raise LogIsAppendOnly

    def delete(self) -> tuple[int, dict[str, int]]:
        raise LogIsAppendOnly

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        raise LogIsAppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> Any:
        raise LogIsAppendOnly

    update.alters_data = True  # type: ignore[attr-defined]
    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


if TYPE_CHECKING:
    # Type checkers without the plugin of django-stubs do not know what from_queryset makes.
    class PresenceSessionManager(models.Manager["PresenceSession"]):
        """Has the methods of `PresenceSessionQuerySet`."""

        def at(self, moment: datetime, *, partial: bool = False) -> PresenceSessionQuerySet: ...
        def during(self, start: datetime, end: datetime, *, partial: bool = False) -> PresenceSessionQuerySet: ...
        def in_room(self, room: str | models.Model) -> PresenceSessionQuerySet: ...
        def of_user(self, user: Any) -> PresenceSessionQuerySet: ...

        def get_queryset(self) -> PresenceSessionQuerySet: ...
        def all(self) -> PresenceSessionQuerySet: ...
        def exclude(self, *args: Any, **kwargs: Any) -> PresenceSessionQuerySet: ...
        def filter(self, *args: Any, **kwargs: Any) -> PresenceSessionQuerySet: ...
        def order_by(self, *field_names: Any) -> PresenceSessionQuerySet: ...
        def select_related(self, *fields: Any) -> PresenceSessionQuerySet: ...
        def using(self, alias: str | None) -> PresenceSessionQuerySet: ...
else:
    PresenceSessionManager = models.Manager.from_queryset(PresenceSessionQuerySet)


class PresenceSession(models.Model):
    """One stay: a connection in a room, from its join to its end. A row of the view ``presence_session``.

    An open stay has neither ``left_at`` nor ``ended_by``, and its ``last_seen`` and ``duration`` grow. The connection
    of a pruned stay was really lost at some time between ``last_seen`` and ``left_at``.
    """

    class End(models.TextChoices):
        LEAVE = "leave", _("Leave")
        PRUNE = "prune", _("Prune")

    session: models.BigIntegerField[int, int] = models.BigIntegerField(
        _("session"),
        primary_key=True,
        help_text=_("The number of the stay. Its presence and its events have the same number."),
    )
    room: models.TextField[str, str] = models.TextField(
        _("room"), db_collation="C", help_text=_("The name of the room.")
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
        related_name="+",
        verbose_name=_("user"),
        help_text=_("The user; empty for anonymous connections. The value remains after the user is deleted."),
    )
    joined_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(_("joined at"))
    left_at: models.DateTimeField[datetime | None, datetime | None] = models.DateTimeField(
        _("left at"), null=True, help_text=_("When the stay ended; empty for an open stay.")
    )
    last_seen: models.DateTimeField[datetime, datetime] = models.DateTimeField(
        _("last seen"),
        help_text=_(
            "When the connection was last seen. A pruned connection ended between then and the end of the stay."
        ),
    )
    is_open: models.BooleanField[bool, bool] = models.BooleanField(_("open"), help_text=_("Whether the stay is open."))
    ended_by: models.TextField[str | None, str | None] = models.TextField(
        _("ended by"), null=True, choices=End.choices, help_text=_("Leave or prune; empty for an open stay.")
    )
    reason: models.JSONField[Any, Any] = models.JSONField(
        _("reason"),
        null=True,
        decoder=TolerantDecoder,
        help_text=_("The reason in the data of the leave or prune, if any."),
    )
    duration: models.DurationField[timedelta, timedelta] = models.DurationField(
        _("duration"), help_text=_("From joined_at to left_at; for an open stay, until now.")
    )

    objects: ClassVar[PresenceSessionManager] = PresenceSessionManager()

    if TYPE_CHECKING:
        user_id: Any

    class Meta:
        verbose_name = _("stay")
        verbose_name_plural = _("stays")
        db_table = "presence_session"
        managed = False
        ordering = ["joined_at", "session"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.channel_name} in {self.room}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise LogIsAppendOnly

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise LogIsAppendOnly

    @property
    def certain_until(self) -> datetime:
        """Until when the connection was certainly in the room: its leave, or else its last sign of life.

        A leave with a reason is none: others have ended the stay. The SQL function ``presence_attendance`` has the same
        rule.
        """
        if self.left_at is None:
            return self.last_seen
        if self.ended_by == self.End.LEAVE and self.reason in (None, {HIDDEN: True}):
            return self.left_at
        # A clock may have been set back before the end.
        return min(self.last_seen, self.left_at)


class Timeline(PresenceSession):
    """The entry in the index of the admin that leads to the drawing of stays."""

    class Meta:
        proxy = True
        verbose_name = _("timeline")
        verbose_name_plural = _("timeline")
        default_permissions = ()


def _lasts(start: datetime, stop: datetime) -> Func:
    """Returns the condition that a stay which began no later than ``stop`` ended after ``start`` or is open."""
    return Func(
        F("joined_at"),
        F("left_at"),
        F("is_open"),
        Value(start, models.DateTimeField()),
        Value(stop, models.DateTimeField()),
        function="presence_lasts",
        output_field=models.BooleanField(),
    )


def _has_segment(start: datetime, stop: datetime, partial: bool) -> MayContain:
    """Returns a condition that all these stays meet. It leaves out the segments that have none of them.

    Unless ``partial`` is true, it raises an error if ``start`` is before the horizon.
    """
    complete_from = None if partial else start
    return MayContain("left_at", unless="is_open", only="stays", start=start, stop=stop, complete_from=complete_from)
