"""Who was where: stays, those that are over and those that go on, with one model for both.

A stay is half open, ``[joined_at, left_at)``: who leaves at noon is not there at noon.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import F, Func, Value
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from presence_events import validation
from presence_events.exceptions import InvalidUser, LogIsAppendOnly

if TYPE_CHECKING:
    from projections.models import Room

__all__ = ["PresenceSession", "PresenceSessionQuerySet", "Timeline"]


class PresenceSessionQuerySet(models.QuerySet["PresenceSession"]):
    """Stays. The methods narrow, in any order and combination, and reach the indexes."""

    def at(self, moment: datetime) -> Self:
        """Who was there at ``moment``. Raises `InvalidMoment` for one that is naive or in the future."""
        moment = validation.moment(moment)
        return self.filter(_lasts(moment, moment), joined_at__lte=moment)

    def during(self, start: datetime, end: datetime) -> Self:
        """Who was there at any time from ``start`` on and before ``end``.

        If ``end`` is still to come, the answer is about the time until now. Raises `InvalidMoment` if either is naive,
        if ``start`` is in the future, or if ``end`` does not come after it.
        """
        start, end = validation.span(start, end)
        return self.filter(_lasts(start, end), joined_at__lt=end)

    def in_room(self, room: str | Room) -> Self:
        """Stays in the room, given by name or as a `Room`: also if the room itself has been pruned.

        There are none in a room that never was. Raises `InvalidRoomName` for what no room can be called.
        """
        return self.filter(room=validation.room_name(getattr(room, "channel_name", room)))

    def of_user(self, user: Any) -> Self:
        """Stays of ``user``, an instance, a primary key or an expression, deleted or not, in all connections.

        There are none of a user who never was. Raises `InvalidUser` for nobody (anonymous stays are those with
        ``user=None``, and belong to no one person) and for what cannot be a key.
        """
        if user is None or getattr(user, "is_anonymous", False):
            raise InvalidUser("Stays of nobody are those with user=None.")
        if not hasattr(user, "resolve_expression"):
            key = validation.user_id(user) if isinstance(user, models.Model) else validation.user_key(user)
            user = Value(key, get_user_model()._meta.pk)
        # A look-up by field would make the join of select_related() an inner one, and lose users who are no more.
        return self.filter(Exact(F("user_id"), user))


class PresenceSession(models.Model):
    """One stay: a connection in a room, from when to when. A row of the view ``presence_session``.

    A stay that goes on has neither ``left_at`` nor ``ended_by``; its ``last_seen`` and its ``duration`` grow. One that
    was pruned ended at some time between ``last_seen`` and ``left_at``.
    """

    class End(models.TextChoices):
        LEAVE = "leave", _("Leave")
        PRUNE = "prune", _("Prune")

    session = models.BigIntegerField(
        _("session"),
        primary_key=True,
        help_text=_("The number of the stay: the id of its presence, the session of its events."),
    )
    room = models.TextField(_("room"), db_collation="C", help_text=_("The group name of the room."))
    channel_name = models.TextField(_("connection"), db_collation="C", help_text=_("The connection."))
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
    joined_at = models.DateTimeField(_("joined at"))
    left_at = models.DateTimeField(_("left at"), null=True, help_text=_("When the stay ended; empty while it goes on."))
    last_seen = models.DateTimeField(
        _("last seen"),
        help_text=_("When the connection was last seen. A pruned stay truly ended between that and its end."),
    )
    is_open = models.BooleanField(_("still there"), help_text=_("Whether the stay goes on."))
    ended_by = models.TextField(
        _("ended by"), null=True, choices=End.choices, help_text=_("leave or prune; empty while it goes on.")
    )
    reason = models.JSONField(_("reason"), null=True, help_text=_("What the leave or prune says of why, if anything."))
    duration = models.DurationField(
        _("duration"), help_text=_("From joined_at to left_at; of a stay that goes on, until now.")
    )

    objects = PresenceSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
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


class Timeline(PresenceSession):
    """The entry of the admin's index under which stays are drawn."""

    class Meta:
        proxy = True
        verbose_name = _("timeline")
        verbose_name_plural = _("timeline")
        default_permissions = ()


def _lasts(start: datetime, stop: datetime) -> Func:
    """The condition that a stay which began by ``stop`` went on after ``start``."""
    return Func(
        F("joined_at"),
        F("left_at"),
        F("is_open"),
        Value(start, models.DateTimeField()),
        Value(stop, models.DateTimeField()),
        function="presence_lasts",
        output_field=models.BooleanField(),
    )
