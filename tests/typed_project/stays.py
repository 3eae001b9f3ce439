"""Stays: who was present."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, assert_type

from django.contrib.auth.models import AbstractBaseUser

from presence_events.segments.replicas import replayed_up_to
from projections.models import PresenceSession, Room, Timeline
from projections.sessions import PresenceSessionQuerySet


def queries(room: Room, user: AbstractBaseUser, start: datetime, end: datetime) -> None:
    assert_type(PresenceSession.objects.at(start), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.during(start, end), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.during(start, end, partial=True).at(end, partial=True), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.in_room(room), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.in_room("lobby").of_user(user), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.of_user(4711).at(start), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.all().in_room(room), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.filter(is_open=True).during(start, end), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.exclude(user=None).at(start), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.order_by("joined_at").at(start), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.select_related("user").at(start), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.using("replica").at(start), PresenceSessionQuerySet)
    assert_type(PresenceSession.objects.in_room(room).filter(is_open=True).first(), PresenceSession | None)
    assert_type(PresenceSession.objects.in_room(room).count(), int)
    assert_type(Timeline.objects.in_room(room), PresenceSessionQuerySet)
    assert_type(replayed_up_to("replica"), datetime | None)
    for stay in PresenceSession.objects.in_room("lobby").select_related("user"):
        assert_type(stay, PresenceSession)


async def aqueries(moment: datetime) -> None:
    async for stay in PresenceSession.objects.in_room("lobby").at(moment):
        assert_type(stay, PresenceSession)
    assert_type(await PresenceSession.objects.in_room("lobby").afirst(), PresenceSession | None)


def fields(stay: PresenceSession) -> None:
    assert_type(stay.session, int)
    assert_type(stay.room, str)
    assert_type(stay.channel_name, str)
    user: AbstractBaseUser | None = stay.user
    key: int | None = stay.user_id
    assert_type(stay.joined_at, datetime)
    assert_type(stay.left_at, datetime | None)
    assert_type(stay.last_seen, datetime)
    assert_type(stay.is_open, bool)
    assert_type(stay.ended_by, str | None)
    assert_type(stay.reason, Any)
    assert_type(stay.duration, timedelta)
    assert_type(stay.certain_until, datetime)
    print(user, key, PresenceSession.End.PRUNE.label)
