"""The canonical lines of events, and their leaves, against a second implementation."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.seals import reading, verifier
from presence_events.seals.subject_keys import SubjectKey
from projections.models import Presence, Room
from tests.archives import HOSTILE
from tests.leases import beat
from tests.seals import leaf, line_of

VECTORS: list[tuple[str, str | None, str]] = [
    (
        '1\tjoin\tlobby\tchannel.1\t7\t1764500000000000\t1764500000000000\t\\N\t\\N\tf\t\\N\t\\N\t42\t{"a": 1}',
        "user:42",
        "feb622e9cb434a29c2378239032176c52eeb83f4163d48845f072842f1053d8e",
    ),
    (
        "2\ttouch\tlobby\tchannel.2\t8\t1764500000000001\t1764500000000000\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N",
        None,
        "e82b6b2afc95b52a87d74273c6f40dc36db17e4dc7452bd41336fcbd50d9b7d5",
    ),
    (
        "3\tprune\tlobby\tchannel.2\t8\t1764500000000002\t1764500000000000\t1764500000000001\t\\N\tf\t\\N\t\\N\t\\N\t[]",
        "session:8",
        "05957ac14828f473b28b74e125f2c5f72e45dff1d6aed876292aaa588953d7d9",
    ),
    (
        "4\tjoin\tlobby\tchannel.3\t-9\t1764500000000003\t1764500000000003\t\\N\t\\N\tf\t\\N\t\\N\t42\t\\N",
        "session:-9",
        "f3388dc782bea45458dc0df653ebc96c5ce7e88de34994627b2a21f99229b116",
    ),
]
"""Lines, their subjects, and the hashes of their leaves with the key of 32 bytes 0, as in the documentation."""


def escaped(value: Any) -> str:
    """Writes a value as docs/reference/seal-format.md says."""
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(value)
    for plain, letter in zip("\\\b\f\n\r\t\v", "\\bfnrtv", strict=True):
        text = text.replace(plain, f"\\{letter}")
    return text


def microseconds(time: Any) -> int | None:
    return None if time is None else round(time.timestamp() * 1_000_000)


def expected(event: PresenceEvent, key: bytes) -> bytes:
    """Computes the leaf of an event that was read with the ORM."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM presence_event WHERE id = %s", [event.pk])
        ((data,),) = cursor.fetchall()
    public = [
        event.id, event.kind, event.room, event.channel_name, event.session, microseconds(event.at),
        microseconds(event.since), microseconds(event.last_seen), event.process, event.is_leased, event.capacity,
        event.is_exclusive,
    ]  # fmt: skip
    if event.user_id is None and data is None:
        commitment = "\\N"
    else:
        personal = "\t".join(map(escaped, (event.user_id, data)))
        event_key = hmac.new(key, str(event.id).encode(), sha256).digest()
        commitment = sha256(event_key + personal.encode()).hexdigest()
    line = "\t".join(["1", *map(escaped, public), commitment])
    return sha256(b"\0" + line.encode()).digest()


@pytest.mark.django_db(transaction=True)
def test_a_leaf_is_what_the_specification_says(user: Any) -> None:
    Room.objects.add("room", "a.1", user, {"text": "tab\t, newline\n, backslash \\, \u00e9 and \u2603", "n": 1.50})
    Room.objects.add("room", "a.2", None, None, capacity=7)
    Room.objects.add("room", "a.3", user, exclusive="newest")
    Presence.objects.touch("a.3")
    Presence.objects.touch("a.2", {"nickname": "B"})
    beat("process\twith a tab")
    Presence.objects.leave_all("a.2")
    Presence.objects.leave_user(user, "removed")
    record([Draft("prune", "room", None)])
    events = list(PresenceEvent.objects.all())
    lines = list(reading.lines(0, events[-1].id, 100, using="default"))
    keys = {subject: bytes([number]) * 32 for number, subject in enumerate(sorted({it.subject or "" for it in lines}))}
    assert [leaf(line, keys) for line in lines] == [
        expected(event, keys[line.subject or ""]) for event, line in zip(events, lines, strict=True)
    ]
    assert {line.subject and line.subject.split(":")[0] for line in lines} == {"user", "session", None}
    assert [line.is_touch for line in lines] == [event.kind == "touch" for event in events]


COPIED = """
COPY (
    SELECT
        id, kind, room, channel_name, session, (extract(epoch FROM at) * 1000000)::bigint,
        (extract(epoch FROM since) * 1000000)::bigint, (extract(epoch FROM last_seen) * 1000000)::bigint, process,
        is_leased, capacity, is_exclusive, user_id, data
    FROM presence_event ORDER BY id
) TO STDOUT WITH (FORMAT text, ENCODING 'UTF8')
"""
CONTROLS = "".join(map(chr, range(1, 33))) + "\\\x7f"


@pytest.mark.django_db(transaction=True)
def test_a_line_is_that_of_copy(user: Any) -> None:
    names = [*HOSTILE, *CONTROLS, *(f"{before}{after}N" for before in "\t\\" for after in "\\\v")]
    with connection.cursor() as cursor:
        for name in names:
            draft = (
                "INSERT INTO presence_event (kind, room, channel_name, process, data) VALUES ('join', %s, %s, %s, %s)"
            )
            cursor.execute(draft, [name, name, name, json.dumps({name: name})])
    Room.objects.add("room", "1", user, capacity=7, exclusive="newest")
    Presence.objects.touch("1", {"text": CONTROLS})
    beat("process")
    with connection.cursor() as cursor, cursor.copy(COPIED) as rows:
        expected = [bytes(row)[:-1].decode() for row in rows]
    found = list(reading.lines(0, 2**62, 2 * len(expected), using="default"))
    assert [f"{line.public}\t{line.personal}" for line in found] == expected
    assert len(found) > len(names)


@given(st.binary(max_size=64), st.binary(max_size=200))
def test_a_ready_key_makes_the_digests_of_hmac(key: bytes, message: bytes) -> None:
    inner, outer = (each.copy() for each in SubjectKey.of(key))
    inner.update(message)
    outer.update(inner.digest())
    assert outer.digest() == hmac.digest(key, message, "sha256")


@pytest.mark.django_db(transaction=True)
def test_the_data_of_an_event_without_a_connection_has_a_key_of_its_own() -> None:
    Room.objects.add("room", "1")
    Presence.objects.leave_all("1")
    record([Draft("prune", "room", None, data={})])
    *_, line = reading.lines(0, 2**62, 3, using="default")
    assert line.subject == f"event:{line.position}"
    assert verifier.subject_of({"id": 9, "session": None, "user_id": None, "data": "{}"}) == "event:9"


@pytest.mark.parametrize(("line", "subject", "root"), VECTORS)
def test_the_vectors(line: str, subject: str | None, root: str) -> None:
    parsed = line_of(line)
    assert parsed.subject == subject
    assert leaf(parsed, {subject: bytes(32)} if subject else {}).hex() == root
