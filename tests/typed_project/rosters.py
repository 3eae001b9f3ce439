"""Rosters: what a page shows of the people in a room."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_type

from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from django.http import HttpRequest, HttpResponse

from presence_events.tail import Cut
from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.rosters import Connection, Member, Roster, RosterSocket
from projections.rosters.http import RosterView


class TeamRoster(Roster):
    def person(self, user_id: Any, data: Any) -> str | None:
        return super().person(user_id, data)

    def serialize(self, members: Sequence[Member]) -> Mapping[str, dict[str, Any]]:
        return {**super().serialize(members), **{member.id: {"name": str(member.user)} for member in members}}

    def view(self, scope: Any) -> Hashable:
        return "staff"

    def show(self, member: Member, view: Hashable) -> dict[str, Any] | None:
        return super().show(member, view)


ROSTER = TeamRoster(grace=10, limit=50, count_only=False, data=True)


class Team(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    presence_roster = ROSTER

    async def connect(self) -> None:
        await self.observe_roster("team")
        await self.unobserve_roster("team")


class SyncTeam(PresenceMixin, JsonWebsocketConsumer):
    presence_roster = ROSTER

    def connect(self) -> None:
        self.observe_roster("team")
        self.unobserve_roster("team")


def members(member: Member) -> None:
    assert_type(member.since, datetime)
    assert_type(member.name, str)
    assert_type(member.activity, str)
    assert_type(member.data, dict[str, Any])
    assert_type(member.as_json(data=True), dict[str, Any])
    assert_type(member.connections, Sequence[Connection])
    assert_type(ROSTER.has_info, bool)
    assert_type(ROSTER.can_hide, bool)
    assert_type(ROSTER.names_people, bool)
    assert_type(ROSTER.identity, str)
    assert_type(Cut.now("default"), Cut)


class TeamView(RosterView):
    roster = ROSTER

    def may_see(self, request: HttpRequest, room: str) -> bool:
        return super().may_see(request, room)

    def get(self, request: HttpRequest, room: str) -> HttpResponse:
        return super().get(request, room)


async def by_hand(scope: Any, send: Any, receive: Any) -> None:
    socket = RosterSocket(ROSTER, scope, send)
    socket.allow("team", "channel")
    socket.observe("team", using="default")
    socket.unobserve("team")
    assert_type(await socket.receive("text"), bool)
    await socket.filter(receive)()
    socket.close()
