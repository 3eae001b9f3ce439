"""Helpers for your tests: they assert who is present and what was recorded, and let time pass.

    async def test_a_disconnect_is_a_leave(alice):
        communicator = WebsocketCommunicator(ChatConsumer.as_asgi(), "/")
        communicator.scope["user"] = alice
        await communicator.connect()
        await aassert_present("lobby", alice)
        async with assert_recorded(("leave", "lobby", alice)):
            await communicator.disconnect()
        await aassert_present("lobby")

They work with any test runner, inside a transaction (``TestCase``) and outside (``TransactionTestCase``). They use the
database of the log; ``using`` names another one. The coroutine twin of ``name`` is ``aname``. The context managers
support ``with`` and ``async with``.

`RosterClient` is for tests of a consumer that serves rosters: it folds the messages as a browser does.
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
from presence_events.databases.rooms import alias_of_room
from presence_events.exceptions import NotATestDatabase
from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.rosters.client import RosterClient

__all__ = [
    "NotATestDatabase",
    "Recording",
    "RosterClient",
    "aage_presences",
    "aassert_present",
    "age_presences",
    "assert_present",
    "assert_recorded",
    "recorded",
]


def assert_present(room: Room | str, *users: Any, anonymous: int = 0, using: str | None = None) -> None:
    """Asserts that exactly ``users`` and ``anonymous`` anonymous connections are present in ``room``.

    A user may have one or more connections. ``room`` is a `Room` or its name; a room that does not exist is empty. Each
    AnonymousUser or None among ``users`` is one more anonymous connection.

    Raises an AssertionError that lists who was expected and who is present. Raises
    `presence_events.exceptions.InvalidUser` for a user who cannot be present, such as an unsaved one.
    """
    expected = Counter(map(_identity, users))
    expected[_ANONYMOUS] += anonymous
    presences = Presence.objects.using(alias_of_room(str(room), using)).filter(room=str(room)).prefetch_related("user")
    found = Counter(map(_identity_in, presences))
    same_users = found.keys() - {_ANONYMOUS} == expected.keys() - {_ANONYMOUS}
    if not same_users or found[_ANONYMOUS] != expected[_ANONYMOUS]:
        raise _failure(
            f"The presences in {room} are not the expected ones.",
            expected.elements(),
            (f"{identity}, connections: {connections}" for identity, connections in found.items()),
        )


async def aassert_present(room: Room | str, *users: Any, anonymous: int = 0, using: str | None = None) -> None:
    """As `assert_present`."""
    await in_thread(lambda: assert_present(room, *users, anonymous=anonymous, using=using))


class Recording:
    """The context manager that `recorded` and `assert_recorded` return, for ``with`` and ``async with``."""

    def __init__(self, using: str | None, check: Callable[[list[PresenceEvent]], None]) -> None:
        self._log = PresenceEvent.objects.using(write_alias(using)).order_by("id")
        self._check = check

    def __enter__(self) -> list[PresenceEvent]:
        self._before = self._log.aggregate(last=Max("id"))["last"] or 0
        self._events: list[PresenceEvent] = []
        return self._events

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self._events += self._log.exclude(room="").filter(id__gt=self._before)
            prefetch_related_objects(self._events, "user")
            self._check(self._events)

    async def __aenter__(self) -> list[PresenceEvent]:
        return await in_thread(self.__enter__)

    async def __aexit__(self, error: type[BaseException] | None, *_: object) -> None:
        await in_thread(lambda: self.__exit__(error))


def recorded(*, using: str | None = None) -> Recording:
    """Collects the events that are recorded in the block: ``with recorded() as events``. Leaves out the beats.

    The list is filled, in log order, when the block ends. The user of each event is fetched; a deleted user is None. If
    the block raises, the list stays empty.
    """
    return Recording(using, lambda _: None)


def assert_recorded(
    *expected: tuple[str, Room | str, Any] | tuple[str, Room | str], using: str | None = None
) -> Recording:
    """Asserts that exactly the ``expected`` events are recorded in the block.

        with assert_recorded(("join", "lobby", alice), ("join", "lobby", None)) as events:
            ...

    An expected event is a tuple of kind, room and user; the user of an anonymous connection is an AnonymousUser or
    None. The prune of a room itself is ``("prune", "lobby")``. The order is not compared, because connections that are
    pruned together are recorded by channel name, which is random. To check the order or other fields, use ``events``,
    which are in log order.

    Raises an AssertionError when the block ends, with the expected and the recorded events, unless the block itself
    raised. Raises `presence_events.exceptions.InvalidUser` for an unsaved user before the block starts.
    """
    expected_facts = [(kind, str(room), *map(_identity, user)) for kind, room, *user in expected]

    def check(events: list[PresenceEvent]) -> None:
        facts = [(event.kind, event.room, *([_identity_in(event)] if event.channel_name else [])) for event in events]
        if Counter(facts) != Counter(expected_facts):
            raise _failure(
                "The recorded events are not the expected ones.",
                (" ".join(map(str, fact)) for fact in expected_facts),
                (" ".join(map(str, fact)) for fact in facts),
            )

    return Recording(using, check)


def age_presences(seconds: float, *, using: str | None = None, **lookups: Any) -> int:
    """Makes presences ``seconds`` older: their join, their touches and their last sign of life move into the past.

    ``lookups`` select presences as in ``Presence.objects.filter``: ``room="lobby"``, ``user=alice``,
    ``channel_name=...``. Without lookups, all presences are aged. Their events in the log and the rooms that they
    created age with them, so the projections still match the log. Closed stays do not change. Returns how many
    presences were aged.

    No table is locked, so other connections, such as those of a live server, can read and write at the same time. The
    role must own the tables, as it does in test databases. Raises `NotATestDatabase` in any other database, and
    `presence_events.exceptions.InvalidAge`. In both cases nothing is changed.
    """
    alias = write_alias(using)
    age = validation.age(seconds)
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting('presence_events.test_database', true) = current_database()")
        if cursor.fetchone() != (True,):
            raise NotATestDatabase(f"{connections[alias].settings_dict['NAME']} is not a test database.")
        # The rows are locked first, so the statement that ages them sees all of their events.
        selected = Presence.objects.using(alias).filter(**lookups).select_for_update(of=("self",))
        sessions = [presence.pk for presence in selected.order_by("room_id", "channel_name")]
        # Disabling the guards would lock the tables against writers until the transaction of the test ends, and would
        # fail while foreign keys are yet to be checked. Replacing their functions, and restoring them in the same
        # transaction, does neither, and no other connection sees it.
        names = [
            trigger.get_pgid(model)
            for model, trigger in pgtrigger.registered(
                "presence_events.PresenceEvent:append_only",
                "presence_events.PresenceEvent:erased_only",
                "projections.Room:projected_only",
                "projections.Presence:projected_only",
            )
        ]
        guards = _rows(alias, "guards", names=names)
        for _, disabled in guards:
            sql.execute(cursor, disabled)
        ((aged,),) = _rows(alias, "age_presences", age=age, sessions=sessions)
        for original, _ in guards:
            sql.execute(cursor, original)
    return int(aged)


async def aage_presences(seconds: float, *, using: str | None = None, **lookups: Any) -> int:
    """As `age_presences`."""
    return await in_thread(lambda: age_presences(seconds, using=using, **lookups))


def _rows(alias: str, query: str, **params: Any) -> list[tuple[Any, ...]]:
    return sql.rows("projections", f"queries/testing/{query}", params, using=alias)


@dataclass(frozen=True)
class _Identity:
    """The user of a presence or an event, or anonymous. Compared by the primary key, displayed by the name."""

    key: Any
    name: Any = field(compare=False)

    def __str__(self) -> str:
        return str(self.name)


_ANONYMOUS = _Identity(None, "anonymous")


def _identity(user: Any) -> _Identity:
    return _ANONYMOUS if validation.user_id(user) is None else _Identity(user.pk, user)


def _identity_in(row: Presence | PresenceEvent) -> _Identity:
    return _ANONYMOUS if row.user_id is None else _Identity(row.user_id, row.user or row.user_id)


def _failure(summary: str, expected: Iterable[Any], found: Iterable[Any]) -> AssertionError:
    return AssertionError("\n".join([summary, "Expected:", *_lines(expected), "Found:", *_lines(found)]))


def _lines(items: Iterable[Any]) -> list[str]:
    return [f"  {item}" for item in items] or ["  nothing"]
