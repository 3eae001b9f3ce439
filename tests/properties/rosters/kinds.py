"""Rosters that show a room differently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from projections.rosters import Member, Roster


class ModelRoster(Roster):
    """A roster whose viewers say what they may see."""

    def view(self, scope: Any) -> Any:
        return scope["view"]

    def is_secret(self, key: str, view: Any) -> bool:
        """Whether viewers with ``view`` may never be sent anything of the person ``key``."""
        return False


class Hiding(ModelRoster):
    """Hides the users whose key is even from viewers who are no staff, and a person whose data says so from all."""

    def show(self, member: Member, view: Any) -> dict[str, Any] | None:
        if member.data.get("hidden") or self.is_secret(member.id, view):
            return None
        return super().show(member, view)

    def is_secret(self, key: str, view: Any) -> bool:
        return view != "staff" and int(key) % 2 == 0


class Guests(ModelRoster):
    """Names connections without a user by their data."""

    def person(self, user_id: Any, data: Any) -> str | None:
        guest = data.get("guest") if isinstance(data, dict) else None
        return f"guest {guest}" if guest else super().person(user_id, data)


KINDS: dict[str, Callable[[float, int], ModelRoster]] = {
    "plain": lambda grace, limit: ModelRoster(grace=grace, limit=limit),
    "data": lambda grace, limit: ModelRoster(grace=grace, limit=limit, data=True),
    "hiding": lambda grace, limit: Hiding(grace=grace, limit=limit, data=True),
    "guests": lambda grace, limit: Guests(grace=grace, limit=limit),
    "count": lambda grace, limit: ModelRoster(grace=grace, count_only=True),
}
"""Makes a roster of each kind, from its grace and its limit."""
