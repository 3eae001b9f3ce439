"""The limits of a join, and why a join with limits recorded nothing.

The fold leaves a join that its limits do not allow out of the log. It raises no error, because that would fail the
whole batch, unless a stay was to end for the join in the same statement. So the caller finds out what was in the way.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from django.db import IntegrityError

from presence_events import sql, validation
from presence_events.exceptions import AlreadyPresent, RoomIsFull
from presence_events.privacy import rules
from presence_events.users import user_key_type
from projections.selections import Exclusive

__all__ = ["MAX_ATTEMPTS", "NO_LIMITS", "LimitedJoin", "Limits"]

MAX_ATTEMPTS = 5
"""How often one join is attempted. It is repeated if what was in the way has ended, or can be ended, meanwhile."""

_ERRORS = {"presence_capacity", "presence_exclusive"}
"""The names of constraints in errors of the fold about limits."""


class Limits(NamedTuple):
    """``capacity`` is the largest number of people in the room after the join, or None.

    ``exclusive`` is which of two connections of the user remains in the room, or None if both may.
    """

    capacity: int | None = None
    exclusive: Exclusive | None = None

    @classmethod
    def of_rejoin(cls, *, is_exclusive: bool) -> Self:
        """Returns the limits with which a stay is joined again that was pruned by mistake.

        It has no capacity, because the client has never left. It ends no other connection of the user.
        """
        return cls(exclusive="oldest" if is_exclusive else None)


NO_LIMITS = Limits()


class LimitedJoin(NamedTuple):
    """A join with ``limits``."""

    using: str
    room: str
    channel_name: str
    user: Any
    limits: Limits

    def check(self, error: IntegrityError) -> None:
        """Returns if ``error`` is that of a join that has to be looked into (`is_present`). Otherwise raises.

        Raises `RoomIsFull` if the room is full, and ``error`` itself if it has nothing to do with limits.
        """
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint not in _ERRORS:
            raise error
        if constraint == "presence_capacity" and self.limits.capacity is not None:
            raise RoomIsFull(self.room, self.limits.capacity) from None

    def is_present(self, *, is_last_attempt: bool) -> bool:
        """Returns whether the connection is present, although its join recorded nothing. If not, repeat the join.

        Raises `RoomIsFull` or `AlreadyPresent` if that prevents the join, or if there is no other attempt. Runs a
        query.
        """
        rule = rules.of_room(self.room)
        query = "obstacle_pseudonymous" if rule.is_pseudonymous else "obstacle"
        user_id = rule.kept_user(validation.user_id(self.user))
        params = {"room": self.room, "channel_name": self.channel_name, "user_id": user_id}
        ((is_present, is_elsewhere, people),) = sql.rows(
            "projections", f"queries/live/{query}", params, using=self.using, user_id=user_key_type(self.using)
        )
        if is_present:
            return True
        capacity, exclusive = self.limits
        if capacity is not None and not is_elsewhere and (people >= capacity or is_last_attempt):
            raise RoomIsFull(self.room, capacity)
        if is_last_attempt or (exclusive == "oldest" and is_elsewhere):
            raise AlreadyPresent(self.room)
        return False
