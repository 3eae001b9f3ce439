"""For the tests of those who use the library: assert who is present and what was recorded, and let time pass.

    async def test_who_disconnects_leaves(alice):
        communicator = WebsocketCommunicator(ChatConsumer.as_asgi(), "/")
        communicator.scope["user"] = alice
        await communicator.connect()
        await aassert_present("lobby", alice)
        async with assert_recorded(("leave", "lobby", alice)):
            await communicator.disconnect()
        await aassert_present("lobby")

They serve any test runner, inside a transaction (``TestCase``) and outside (``TransactionTestCase``). They look at the
database that the library writes to; ``using`` names another. The coroutine twin of ``name`` is ``aname``; what takes
``with`` also takes ``async with``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pgtrigger
from django.db import connections, transaction
from django.db.models import Max, prefetch_related_objects

from presence_events import sql, validation
from presence_events.concurrency import in_thread
from presence_events.databases import write_alias
from presence_events.exceptions import NotATestDatabase
from presence_events.models import PresenceEvent
from projections.models import Presence, Room

__all__ = [
    "NotATestDatabase",
    "Recording",
    "aage_presences",
    "aassert_present",
    "age_presences",
    "assert_present",
    "assert_recorded",
    "recorded",
]


def assert_present(room: Room | str, *users: Any, anonymous: int = 0, using: str | None = None) -> None:
    """In ``room`` are exactly ``users``, each with one connection or more, and ``anonymous`` connections without one.

    ``room`` is a room or its name; one that does not exist is empty. An AnonymousUser or None among ``users`` is one
    more anonymous connection. Raises an AssertionError that says who was expected and who is there, and
    `presence_events.exceptions.InvalidUser` for what can be nowhere, such as an unsaved user.
    """
    expected = Counter(map(_who, users))
    expected[_ANONYMOUS] += anonymous
    presences = Presence.objects.using(write_alias(using)).filter(room=str(room)).prefetch_related("user")
    found = Counter(map(_who_of, presences))
    same_users = found.keys() - {_ANONYMOUS} == expected.keys() - {_ANONYMOUS}
    if not same_users or found[_ANONYMOUS] != expected[_ANONYMOUS]:
        raise _difference(
            f"Others are in {room} than expected.",
            expected.elements(),
            (f"{who}, connections: {connections}" for who, connections in found.items()),
        )


async def aassert_present(room: Room | str, *users: Any, anonymous: int = 0, using: str | None = None) -> None:
    """As `assert_present`."""
    await in_thread(lambda: assert_present(room, *users, anonymous=anonymous, using=using))


class Recording:
    """The context that `recorded` and `assert_recorded` return, for ``with`` and ``async with``."""

    def __init__(self, using: str | None, check: Callable[[list[PresenceEvent]], None]) -> None:
        self._log = PresenceEvent.objects.using(write_alias(using)).order_by("id")
        self._check = check

    def __enter__(self) -> list[PresenceEvent]:
        self._before = self._log.aggregate(last=Max("id"))["last"] or 0
        self._events: list[PresenceEvent] = []
        return self._events

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._events += self._log.filter(id__gt=self._before)
            prefetch_related_objects(self._events, "user")
            self._check(self._events)

    async def __aenter__(self) -> list[PresenceEvent]:
        return await in_thread(self.__enter__)

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        await in_thread(lambda: self.__exit__(error))


def recorded(*, using: str | None = None) -> Recording:
    """``with recorded() as events``: after the block, ``events`` are those that were recorded meanwhile, in log order.

    The user of each is fetched, and None if there is none any more. If the block raises, the list stays empty.
    """
    return Recording(using, lambda _: None)


def assert_recorded(
    *expected: tuple[str, Room | str, Any] | tuple[str, Room | str], using: str | None = None
) -> Recording:
    """``with assert_recorded(("join", "lobby", alice), ("join", "lobby", None))``: meanwhile exactly this is recorded.

    An event is its kind, its room and its user (AnonymousUser or None for a connection without one); the prune of a
    room itself is ``("prune", "lobby")``. Their order is not looked at, since connections that are pruned together go
    by their channel names, which are random: ``as events`` gives the events in log order, for this and all else.

    When the block is left, raises an AssertionError that shows what was expected and what was recorded, unless the
    block raised. Raises `presence_events.exceptions.InvalidUser` at once for an unsaved user.
    """
    wanted = [(kind, str(room), *map(_who, user)) for kind, room, *user in expected]

    def check(events: list[PresenceEvent]) -> None:
        found = [(event.kind, event.room, *([_who_of(event)] if event.channel_name else [])) for event in events]
        if Counter(found) != Counter(wanted):
            raise _difference(
                "Something else was recorded than expected.",
                (" ".join(map(str, fact)) for fact in wanted),
                (" ".join(map(str, fact)) for fact in found),
            )

    return Recording(using, check)


def age_presences(seconds: float, *, using: str | None = None, **lookups: Any) -> int:
    """Presences become ``seconds`` older, as if they had joined and were last seen, and touched, that much earlier.

    ``lookups`` say which, as in ``Presence.objects.filter``: ``room="lobby"``, ``user=alice``, ``channel_name=...``;
    all of them if there are none. Their events in the log and the rooms they made age with them, so that the present is
    still what the log says. Stays that have ended remain. Returns how many presences were aged.

    No table is locked: others, such as a live server, may read and write meanwhile. It takes the role that owns the
    tables, as in test databases it does. Raises `NotATestDatabase` in all others, and
    `presence_events.exceptions.InvalidAge`; nothing is changed then.
    """
    alias = write_alias(using)
    age = validation.age(seconds)
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting('presence_events.test_database', true) = current_database()")
        if cursor.fetchone() != (True,):
            raise NotATestDatabase(f"{connections[alias].settings_dict['NAME']} is none.")
        # Locked first: the statement that ages them then sees every event of theirs.
        chosen = Presence.objects.using(alias).filter(**lookups).select_for_update(of=("self",))
        sessions = [presence.pk for presence in chosen.order_by("room_id", "channel_name")]
        # Disabling triggers would lock the tables against all writers until the test's transaction ends, and fail while
        # foreign keys wait to be checked. Their functions can be replaced instead, and put back: nobody else sees that.
        names = [
            trigger.get_pgid(model)
            for model, trigger in pgtrigger.registered(
                "presence_events.PresenceEvent:append_only",
                "projections.Room:projected_only",
                "projections.Presence:projected_only",
            )
        ]
        cursor.execute(sql.read("projections", "queries/testing/guards"), {"names": names})
        guards = cursor.fetchall()
        for _, lowered in guards:
            cursor.execute(lowered)
        cursor.execute(sql.read("projections", "queries/testing/age_presences"), {"age": age, "sessions": sessions})
        (aged,) = cursor.fetchone()
        for guard, _ in guards:
            cursor.execute(guard)
    return int(aged)


async def aage_presences(seconds: float, *, using: str | None = None, **lookups: Any) -> int:
    """As `age_presences`."""
    return await in_thread(lambda: age_presences(seconds, using=using, **lookups))


@dataclass(frozen=True)
class _Who:
    """Somebody, told by the key and shown by the name."""

    key: Any
    name: Any = field(compare=False)

    def __str__(self) -> str:
        return str(self.name)


_ANONYMOUS = _Who(None, "anonymous")


def _who(user: Any) -> _Who:
    return _ANONYMOUS if validation.user_id(user) is None else _Who(user.pk, user)


def _who_of(row: Presence | PresenceEvent) -> _Who:
    return _ANONYMOUS if row.user_id is None else _Who(row.user_id, row.user or row.user_id)


def _difference(what: str, expected: Iterable[Any], found: Iterable[Any]) -> AssertionError:
    return AssertionError("\n".join([what, "Expected:", *_lines(expected), "Found:", *_lines(found)]))


def _lines(items: Iterable[Any]) -> list[str]:
    return [f"  {item}" for item in items] or ["  nothing"]
