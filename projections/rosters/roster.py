"""What the page of a room shows of the people in it. Subclass `Roster` to show more than who and since when."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from projections.rosters.members import Member

__all__ = ["Roster"]


class Roster:
    """The options of a roster, and what it shows. Set one as ``presence_roster`` of a consumer.

    ``grace``
        Seconds for which a connection that has ended still counts. A person who reloads the page within this time is
        not reported.
    ``limit``
        How many people are listed. Of a larger room, the first ones are listed and all are counted.
    ``count_only``
        Whether people are counted only. No name is sent then.
    ``data``
        Whether the data of connections is sent. It is what `join_room` and `touch_presence` were given.

    Raises ValueError for options that are out of range.
    """

    def __init__(self, *, grace: float = 5.0, limit: int = 200, count_only: bool = False, data: bool = False) -> None:
        if not 0 <= grace <= 3600:
            raise ValueError(f"grace is in seconds, from 0 to 3600. Got {grace!r}.")
        if limit < 1:
            raise ValueError(f"limit has to be at least 1. Got {limit!r}. To list no people, use count_only=True.")
        self.grace = grace
        self.limit = 0 if count_only else limit
        self.count_only = count_only
        self.data = data

    def person(self, user_id: Any, data: Any) -> str | None:
        """Returns the id of the person that a connection belongs to, or None if the connection is anonymous.

        The id is sent to clients. ``user_id`` is the key of the user, or None. ``data`` is the present data of
        the connection. By default, a person is a user, and the id is the key of the user as text.
        """
        return None if user_id is None else str(user_id)

    def serialize(self, members: Sequence[Member]) -> Mapping[str, dict[str, Any]]:
        """Returns what is shown of ``members`` besides their connections: a dict for JSON for each ``member.id``.

        It is called in a thread, once for all members that have changed, and may run queries. ``member.user`` has been
        fetched. The result is sent to all viewers, unless `show` says otherwise.
        """
        return {}

    def view(self, scope: Any) -> Hashable:
        """Returns what the viewer with the ASGI ``scope`` may see, in the form that `show` needs: text, for example.

        All viewers for whom it returns the same value receive the same messages, which are made once for all of them.
        Its ``repr`` has to be the same in all processes. By default, all viewers see the same.
        """
        return None

    def show(self, member: Member, view: Hashable) -> dict[str, Any] | None:
        """Returns what viewers with ``view`` see of ``member``: a dict for JSON. None hides the member from them.

        A member who is hidden appears in no message and in no count. Call it of the superclass, and change the result
        as you need. It is called often, and in the event loop: do not run queries.
        """
        return member.as_json(data=self.data)

    @property
    def has_info(self) -> bool:
        """Whether `serialize` is overridden."""
        return type(self).serialize is not Roster.serialize

    @property
    def can_hide(self) -> bool:
        """Whether `show` is overridden."""
        return type(self).show is not Roster.show

    @property
    def names_people(self) -> bool:
        """Whether `person` is overridden."""
        return type(self).person is not Roster.person

    @property
    def identity(self) -> str:
        """Which rosters show the same, in all processes. Marks of one are of no use to another."""
        of = type(self)
        return f"{of.__module__}.{of.__qualname__} {self.limit} {self.data}"
