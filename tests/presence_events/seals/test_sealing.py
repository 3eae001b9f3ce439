"""Sealing the settled part of the log."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from presence_events import sql
from presence_events.models import PresenceEvent, SealKey, StoredSeal
from presence_events.seals import reading, sealing
from presence_events.seals.merkle import EMPTY
from presence_events.seals.seal import FIRST, Part
from presence_events.seals.sealing import seal
from presence_events.seals.verifying import verify
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_empty_log_has_no_seal() -> None:
    assert seal("default") == []
    assert not StoredSeal.objects.exists()


def test_seals_follow_each_other_and_count_the_events(user: Any) -> None:
    Room.objects.add("room", "1", user)
    Presence.objects.touch("1")
    (first,) = seal("default")
    assert seal("default") == []
    Room.objects.remove("room", "1")
    (second,) = seal("default")
    assert [first.seal, second.seal] == [each.seal for each in StoredSeal.objects.all()]
    assert (first.seal.number, first.seal.previous, first.seal.after) == (1, FIRST, 0)
    assert (first.seal.stays.events, first.seal.touches.events) == (1, 1)
    assert second.seal.follows(first.seal)
    assert second.seal.up_to == second.up_to == PresenceEvent.objects.last().pk  # type: ignore[union-attr]
    assert second.seal.touches == Part(0, EMPTY.hex())


def test_a_seal_has_a_limited_number_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MAX_EVENTS", 2)
    for number in range(5):
        Room.objects.add("room", str(number))
    reported: list[tuple[str, int, int]] = []
    made = seal("default", report=lambda *progress: reported.append(progress))
    assert [each.seal.stays.events for each in made] == [2, 2, 1]
    assert reported[-1][1] == reported[-1][2]
    assert [done for _, done, _ in reported] == sorted(done for _, done, _ in reported)


def test_the_keys_of_people_are_made_once(user: Any) -> None:
    Room.objects.add("room", "1", user)
    Room.objects.add("room", "2", None, {"nickname": "B"})
    seal("default")
    keys = dict(SealKey.objects.values_list("subject", "key"))
    assert {subject.split(":")[0] for subject in keys} == {"user", "session"}
    assert {len(key) for key in keys.values()} == {32}
    Room.objects.add("other", "3", user)
    seal("default")
    assert dict(SealKey.objects.values_list("subject", "key")) == keys


def test_a_process_that_seals_at_the_same_time_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    Room.objects.add("room", "1")
    read = reading.pages

    def pages(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(reading, "pages", read)
        seal("default")
        return read(*args, **kwargs)

    monkeypatch.setattr(reading, "pages", pages)
    assert seal("default") == []
    assert StoredSeal.objects.count() == 1


@pytest.mark.parametrize("table", ["presence_seal", "presence_seal_key", "presence_seal_timestamp"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_seals_and_keys_do_not_change(table: str, statement: str, user: Any) -> None:
    Room.objects.add("room", "1", user)
    seal("default")
    column = {"presence_seal": "text", "presence_seal_key": "key"}.get(table, "number")
    with (
        pytest.raises(Exception, match=f"on {table} is refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL presence_events.test_database = ''")
        cursor.execute(statement.format(table, column, column))


def test_the_role_of_the_grant_files_can_seal_and_verify(user: Any) -> None:
    Room.objects.add("room", "1", user)
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE sealer")
        for package in ("presence_events", "projections"):
            cursor.execute(sql.read(package, "grants/app").replace(':"role"', "sealer"))
        try:
            cursor.execute("SET ROLE sealer")
            assert len(seal("default")) == 1
            assert verify("default").findings == []
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute("DELETE FROM presence_seal_key")
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY sealer")
            cursor.execute("DROP ROLE sealer")
