"""The log: recording events and reading them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, assert_type

from django.contrib.auth.models import AbstractBaseUser

from presence_events.checkpoints import Reader, reset
from presence_events.models import (
    Anchor,
    Checkpoint,
    Hold,
    PresenceEvent,
    PresenceEventManager,
    Removal,
    SealKey,
    SealTimestamp,
    Segment,
    StoredSeal,
)
from presence_events.recorder import (
    Draft,
    EventRow,
    Recorded,
    Selection,
    arecord,
    arecord_quietly,
    arecord_rows,
    arecord_select,
    record,
    record_quietly,
    record_select,
    start_beats,
)
from presence_events.tail import Cut, Mark, Tail


def recording(user: AbstractBaseUser, selection: Selection) -> None:
    drafts = [Draft("join", "lobby", "channel", user=user, data={"device": "phone"}), Draft("leave", "lobby", "other")]
    assert_type(record(drafts), list[PresenceEvent])
    assert_type(record_select(selection, using="default"), list[PresenceEvent])
    assert_type(record_quietly(selection), list[Recorded])
    for one in record_quietly(selection):
        assert_type(one.room, str)
        assert_type(one.channel_name, str)


async def arecording(selection: Selection) -> None:
    assert_type(await arecord([Draft("touch", "lobby", "channel")]), list[PresenceEvent])
    assert_type(await arecord_select(selection), list[PresenceEvent])
    assert_type(await arecord_quietly(selection), list[Recorded])
    for one in await arecord_rows(selection):
        assert_type(one, EventRow | PresenceEvent)
        assert_type(one.channel_name, str | None)


async def beating() -> None:
    start_beats("default")


def fields(event: PresenceEvent) -> None:
    assert_type(event.id, int)
    assert_type(event.kind, str)
    assert_type(event.room, str)
    assert_type(event.channel_name, str | None)
    user: AbstractBaseUser | None = event.user
    key: int | None = event.user_id
    assert_type(event.session, int | None)
    assert_type(event.since, datetime)
    assert_type(event.last_seen, datetime | None)
    assert_type(event.data, Any)
    assert_type(event.process, str | None)
    assert_type(event.is_leased, bool | None)
    assert_type(event.capacity, int | None)
    assert_type(event.is_exclusive, bool | None)
    assert_type(PresenceEvent.objects, PresenceEventManager)
    assert_type(PresenceEvent.objects.of_rooms().first(), PresenceEvent | None)
    assert_type(event.at, datetime)
    assert_type(event.tx, int)
    assert_type(event.day, date)
    assert_type(PresenceEvent.objects.filter(kind=PresenceEvent.Kind.JOIN).first(), PresenceEvent | None)
    print(user, key)


def row_fields(row: EventRow) -> None:
    assert_type(row.id, int)
    assert_type(row.kind, str)
    assert_type(row.room, str)
    assert_type(row.channel_name, str | None)
    assert_type(row.session, int | None)
    assert_type(row.since, int)
    assert_type(row.last_seen, int | None)
    assert_type(row.process, str | None)
    assert_type(row.is_leased, bool | None)
    assert_type(row.capacity, int | None)
    assert_type(row.is_exclusive, bool | None)
    assert_type(row.at, int)
    assert_type(row.day, date)


def reading() -> None:
    reader = Reader("mail", using="default", touches=False)
    while events := reader.read(1000):
        assert_type(events, list[PresenceEvent])
        reader.confirm()
        reader.advance()
        reader.advance(events[-1].id)
        if reader.seconds_since_store > 1 or not reader.has_more:
            reader.store()
    assert_type(reader.has_more, bool)
    assert_type(reader.seconds_since_store, float)
    reset("mail", Mark.end("default"), using="default")


def marks() -> None:
    tail = Tail("default", touches=True)
    mark = tail.open_window(Mark.after(0, "default"))
    assert_type(mark, Mark)
    assert_type(tail.read(mark, limit=100), tuple[list[PresenceEvent], Mark])
    assert_type(Mark.from_json(mark.as_json()), Mark)
    assert_type(mark.as_json(), list[Any])
    assert_type(mark.reached, int)
    assert_type(mark.decided, int)
    assert_type(mark.seen, Cut)
    assert_type(mark.window, Cut | None)
    assert_type(mark.position, int)
    assert_type(mark.top, int)
    assert_type(mark.seen.low, int)
    assert_type(mark.seen.high, int)
    assert_type(mark.seen.snapshot, str | None)
    assert_type(mark.seen.open, dict[int, int])


def tables() -> None:
    for checkpoint in Checkpoint.objects.all():
        assert_type(checkpoint.name, str)
        assert_type(checkpoint.mark, Any)
        assert_type(checkpoint.cluster, int)
        assert_type(checkpoint.moved_at, datetime)
    for segment in Segment.objects.filter(part=Segment.Part.STAYS, state=Segment.State.CLOSED):
        assert_type(segment.name, str)
        assert_type(segment.part, str)
        assert_type(segment.state, str)
        assert_type(segment.first_day, date | None)
        assert_type(segment.end_day, date | None)
        assert_type(segment.events, int | None)
        assert_type(segment.first_id, int | None)
        assert_type(segment.last_id, int | None)
        assert_type(segment.first_at, datetime | None)
        assert_type(segment.last_at, datetime | None)
        assert_type(segment.first_since, datetime | None)
    for removal in Removal.objects.filter(part=Segment.Part.TOUCHES):
        assert_type(removal.by, str)
        assert_type(removal.operator, str)
        assert_type(removal.segment, str)
        assert_type(removal.events, Any)
        assert_type(removal.horizon, datetime | None)
        assert_type(removal.baseline, int)
        assert_type(removal.archive, str | None)
    for stored in StoredSeal.objects.filter(up_to__gt=0):
        assert_type(stored.number, int)
        assert_type(stored.text, str)
        assert_type(stored.signature, bytes | None)
        assert_type(stored.public_key, bytes | None)
        assert_type(stored.up_to, int)
        assert_type(stored.marks, bytes)
        assert_type(stored.seal.sealed_at, datetime)
        assert_type(stored.seal.stays.events, int)
    for stamp in SealTimestamp.objects.all():
        assert_type(stamp.number, int)
        assert_type(stamp.response, bytes)
    for anchor in Anchor.objects.all():
        assert_type(anchor.name, str)
        assert_type(anchor.last_seal, int)
        assert_type(anchor.failure, str)
        assert_type(anchor.failing_since, datetime | None)
    for each in SealKey.objects.all():
        assert_type(each.subject, str)
        assert_type(each.key, bytes)
    for hold in Hold.objects.filter(released_at=None):
        assert_type(hold.name, str)
        assert_type(hold.from_day, date | None)
        assert_type(hold.placed_at, datetime)
        assert_type(hold.placed_by, str)
        assert_type(hold.released_at, datetime | None)
        assert_type(hold.released_by, str | None)
