"""Tests of a project, with the helpers of the library."""

from __future__ import annotations

from typing import Any, assert_type

from django.contrib.auth.models import AbstractBaseUser

from presence_events.models import PresenceEvent
from projections.models import Room
from projections.testing import (
    NotATestDatabase,
    Recording,
    RosterClient,
    aage_presences,
    aassert_present,
    age_presences,
    assert_present,
    assert_recorded,
    recorded,
)


def check(room: Room, user: AbstractBaseUser) -> None:
    assert_present(room, user, None, anonymous=1)
    with recorded() as events:
        assert_type(events, list[PresenceEvent])
    with assert_recorded(("join", "lobby", user), ("prune", room)) as events:
        assert_type(events, list[PresenceEvent])
    try:
        assert_type(age_presences(60, room=room), int)
    except NotATestDatabase as error:
        print(error)


async def acheck(user: AbstractBaseUser) -> None:
    await aassert_present("lobby", user)
    async with assert_recorded(("leave", "lobby", None)) as events:
        assert_type(events, list[PresenceEvent])
    assert_type(await aage_presences(60, user=user), int)
    assert_type(recorded(using="default"), Recording)


def check_roster() -> None:
    sent: list[dict[str, Any]] = []
    client = RosterClient("lobby", sent.append)
    removals = [
        client.on_join(lambda member, before: print(member["id"])),
        client.on_leave(lambda member, before: print(member["id"])),
        client.on_update(lambda member, before: print(member["info"], before and before["info"])),
        client.on_sync(lambda: print(client.people, client.anonymous)),
    ]
    client.follow()
    assert_type(client.receive("{}"), bool)
    client.unfollow()
    removals[0]()
    assert_type(client.mark, str | None)
    assert_type(client.refused, str | None)
    assert_type(client.listed_all, bool | None)
    assert_type(client.missing(["7"]), list[str] | None)
    assert_type(client.members, dict[str, dict[str, Any]])
