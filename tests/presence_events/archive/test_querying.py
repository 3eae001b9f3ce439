"""Stays from the files are those of the view ``presence_session``."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from presence_events.archive import manifests, querying, writing
from presence_events.archive.querying import ArchivedStay, at, during
from presence_events.exceptions import (
    ArchiveDamaged,
    ArchiveNotInstalled,
    InvalidMoment,
    InvalidRoomName,
    InvalidUser,
    NotInArchive,
)
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.schema.json_data import UnreadableData
from projections.models import PresenceSession, Room
from tests import archives, backdating, leases, unreadable
from tests.archives import A_DAY
from tests.projections.replay.histories import record_history
from tests.properties.test_replay import STEPS, record_steps

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

in_the_test = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


def expected(stays: Iterable[Any], directory: Path) -> list[ArchivedStay]:
    """Returns ``stays`` of the view as the archive gives them: open stays last until the end of the last day."""
    midnight = datetime.combine(manifests.days(directory)[-1] + A_DAY, datetime.min.time(), UTC)
    return [
        ArchivedStay(
            *(getattr(stay, name) for name in ArchivedStay._fields[:-1]),
            duration=midnight - stay.joined_at if stay.is_open else stay.duration,
        )
        for stay in stays
    ]


def assert_same_answers(directory: Path, rooms: Iterable[str], users: Iterable[Any]) -> None:
    """Compares the answers of the archive with those of the view, at the time of each event and around it."""
    stays = PresenceSession.objects
    times = sorted(PresenceEvent.objects.values_list("at", flat=True))
    some = times[:: max(1, len(times) // 3)]
    for moment in {time + around for time in some for around in (-timedelta(microseconds=1), timedelta())}:
        if moment.date() >= manifests.days(directory)[0]:
            assert list(at(directory, moment)) == expected(stays.at(moment), directory)
            for end in times[-1:]:
                if moment < end:
                    assert list(during(directory, moment, end)) == expected(stays.during(moment, end), directory)
    for room in rooms:
        found = list(at(directory, some[-1], room))
        assert found == expected(stays.in_room(room).at(some[-1]), directory)
    for user in users:
        found = list(during(directory, times[0], times[-1] + HOUR, user=user))
        assert found == expected(stays.of_user(user).during(times[0], times[-1] + HOUR), directory)


@committed
def test_answers_equal_the_view_for_every_kind_of_event(tmp_path: Path, user: Any) -> None:
    record_history(user)
    archives.age()
    archives.archive(tmp_path)
    assert_same_answers(tmp_path, ["a", "b", "gone", "nowhere"], [user, user.pk])
    moment = PresenceEvent.objects.latest("id").at
    assert {(stay.is_open, stay.last_seen > stay.joined_at) for stay in at(tmp_path, moment)} == {
        (True, True),
        (True, False),
    }


@committed
@hypothesis_settings(max_examples=5)
@given(steps=STEPS)
def test_answers_equal_the_view_after_any_recording(steps: list[Any]) -> None:
    record_steps([*steps, ("join", "a", "1", 1, None)])
    archives.age()
    with tempfile.TemporaryDirectory() as name:
        archives.archive(Path(name))
        assert_same_answers(Path(name), ["a", "B"], get_user_model()._default_manager.all())


HOURS = st.integers(0, 60)
STAYS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 2), HOURS, st.none() | HOURS, st.booleans(), st.booleans()),
    min_size=1,
    max_size=12,
)


@in_the_test
@hypothesis_settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=STAYS)
def test_answers_equal_the_view_over_many_days(history: list[Any], user: Any, other_user: Any) -> None:
    users = [None, user, other_user]
    with transaction.atomic(), tempfile.TemporaryDirectory() as name:
        backdating.write(
            *(
                backdating.Stay(
                    room,
                    f"channel{number}",
                    users[who],
                    joined := NOON + start * HOUR,
                    None if lasts is None else joined + lasts * HOUR,
                    "prune" if is_pruned else "leave",
                    joined + (HOUR if lasts is None else lasts * HOUR / 2) if is_touched else None,
                    reason={"hours": lasts} if is_pruned else None,
                )
                for number, (room, who, start, lasts, is_pruned, is_touched) in enumerate(history)
            )
        )
        archives.archive(Path(name))
        assert_same_answers(Path(name), "ab", users[1:])
        transaction.set_rollback(True)


class TestOpenStays:
    @committed
    def test_a_stay_was_last_seen_with_its_lease(self, tmp_path: Path) -> None:
        leases.beat("one", "two")
        leases.join_leased("one", "room", "leased", "moved", "released", "touched")
        Room.objects.add("room", "without")
        leases.beat("one")
        leases.put_on_lease("two", ("room", "moved"))
        leases.put_on_lease("one", ("room", "released"), is_leased=False)
        leases.beat("one", "two")
        record([Draft("touch", "room", "touched", data="new")])
        archives.age()
        archives.archive(tmp_path)
        last = PresenceEvent.objects.latest("id").at
        found = list(at(tmp_path, last))
        assert found == expected(PresenceSession.objects.at(last), tmp_path)
        assert len({stay.last_seen for stay in found}) == 5

    @committed
    def test_the_end_of_an_earlier_lease_of_the_process_does_not_count(self, tmp_path: Path) -> None:
        leases.beat("one")
        leases.end_lease("one")
        leases.join_leased("one", "room", "channel")
        archives.age()
        archives.archive(tmp_path)
        last = PresenceEvent.objects.latest("id").at
        assert list(at(tmp_path, last)) == expected(PresenceSession.objects.at(last), tmp_path)

    @in_the_test
    def test_a_stay_that_ended_after_the_last_day_is_open(self, tmp_path: Path) -> None:
        backdating.write(backdating.Stay("room", "channel", None, NOON, NOON + 30 * HOUR, last_seen=NOON + 29 * HOUR))
        writing.write(tmp_path, using="default", start=DAY, end=DAY + A_DAY)
        (stay,) = at(tmp_path, NOON)
        assert (stay.is_open, stay.left_at, stay.ended_by, stay.last_seen, stay.duration) == (
            *(True, None, None, NOON),
            12 * HOUR,
        )
        writing.write(tmp_path, using="default", start=DAY + A_DAY, end=DAY + 2 * A_DAY)
        (stay,) = at(tmp_path, NOON)
        assert stay == expected(PresenceSession.objects.all(), tmp_path)[0]
        assert (stay.is_open, stay.left_at, stay.duration) == (False, NOON + 30 * HOUR, 30 * HOUR)

    @in_the_test
    def test_a_stay_that_began_before_the_first_day_is_found_by_its_end(self, tmp_path: Path) -> None:
        backdating.write(
            backdating.Stay("room", "ended", None, NOON, NOON + 30 * HOUR),
            backdating.Stay("room", "open", None, NOON, last_seen=NOON + 30 * HOUR),
        )
        writing.write(tmp_path, using="default", start=DAY + A_DAY, end=DAY + 2 * A_DAY)
        assert [stay.channel_name for stay in at(tmp_path, NOON + 14 * HOUR)] == ["ended"]


class TestConditions:
    @in_the_test
    @pytest.mark.parametrize("text", archives.HOSTILE)
    def test_names_of_rooms_are_values_and_not_sql(self, tmp_path: Path, text: str) -> None:
        with connection.cursor() as cursor:
            for room in (text, "other", "\\'"):
                cursor.execute(
                    "INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', %s, %s)", [room, text]
                )
        archives.age()
        archives.archive(tmp_path)
        last = PresenceEvent.objects.latest("id").at
        assert [(stay.room, stay.channel_name) for stay in at(tmp_path, last, text)] == [(text, text)]
        assert [stay.room for stay in during(tmp_path, last - HOUR, last + HOUR, room=text)] == [text]
        assert len(list(at(tmp_path, last))) == 3

    @in_the_test
    def test_a_room_may_be_an_instance(self, tmp_path: Path, user: Any) -> None:
        backdating.write(backdating.Stay("room", "a", user, NOON), backdating.Stay("hall", "a", user, NOON))
        writing.write(tmp_path, using="default", start=DAY, end=DAY + A_DAY)
        assert [stay.room for stay in at(tmp_path, NOON, Room.named("room"), user)] == ["room"]

    @in_the_test
    def test_a_directory_may_have_any_name(self, tmp_path: Path) -> None:
        backdating.write(backdating.Stay("room", "a", None, NOON))
        for name in ("it's [a-z]*?", "''; --", "{conditions}", "$start"):
            writing.write(tmp_path / name, using="default", start=DAY, end=DAY + A_DAY)
            assert len(list(at(str(tmp_path / name), NOON))) == 1

    @pytest.mark.parametrize("text", unreadable.DATA.values(), ids=list(unreadable.DATA))
    @in_the_test
    def test_a_reason_that_python_cannot_read_is_replaced(self, tmp_path: Path, text: str) -> None:
        backdating.write(backdating.Stay("room", "a", None, NOON, NOON + HOUR))
        unreadable.set_data(text, where="kind = 'leave'")
        writing.write(tmp_path, using="default", start=DAY, end=DAY + A_DAY)
        (stay,) = at(tmp_path, NOON)
        assert stay.reason == PresenceSession.objects.get().reason
        assert isinstance(stay.reason, UnreadableData)

    @in_the_test
    def test_without_use_tz_a_moment_may_be_naive(self, tmp_path: Path, settings: Any) -> None:
        backdating.write(backdating.Stay("room", "a", None, NOON, NOON + HOUR))
        writing.write(tmp_path, using="default", start=DAY, end=DAY + A_DAY)
        settings.USE_TZ = False
        settings.TIME_ZONE = "Asia/Tokyo"
        assert len(list(at(tmp_path, datetime(2026, 3, 1, 21)))) == 1
        assert not list(during(tmp_path, datetime(2026, 3, 1, 12), datetime(2026, 3, 1, 21)))


class TestErrors:
    @pytest.fixture
    def archive(self, db: None, tmp_path: Path) -> Path:
        backdating.write(backdating.Stay("room", "a", None, NOON, NOON + HOUR))
        writing.write(tmp_path, using="default", start=DAY, end=DAY + 3 * A_DAY)
        return tmp_path

    def test_the_archive_must_have_the_moment(self, archive: Path) -> None:
        for moment in (NOON - A_DAY, NOON + 3 * A_DAY):
            with pytest.raises(NotInArchive, match=r"from 2026-03-01 to 2026-03-03\. Got 2026-0"):
                at(archive, moment)
            with pytest.raises(NotInArchive):
                during(archive, moment, moment + HOUR)
        assert len(list(during(archive, NOON, NOON + 5 * A_DAY))) == 1

    def test_an_empty_archive_has_no_moment(self, tmp_path: Path) -> None:
        with pytest.raises(NotInArchive, match="It is empty"):
            at(tmp_path, NOON)

    def test_arguments_are_validated(self, archive: Path) -> None:
        with pytest.raises(InvalidMoment):
            at(archive, datetime(2026, 3, 1))
        with pytest.raises(InvalidMoment):
            during(archive, NOON, NOON)
        with pytest.raises(InvalidRoomName):
            at(archive, NOON, "")
        with pytest.raises(InvalidUser):
            at(archive, NOON, user="not a key")

    @pytest.mark.parametrize("name", ["2026-03-01.touches.parquet", "2026-03-02.joins-and-ends.parquet"])
    def test_each_file_must_be_there(self, archive: Path, name: str) -> None:
        (archive / name).rename(archive / "away")
        with pytest.raises(ArchiveDamaged, match=rf"{name} is missing"):
            at(archive, NOON)
        (archive / name).write_bytes((archive / "away").read_bytes() + b" ")
        with pytest.raises(ArchiveDamaged, match=rf"{name} is missing, or its size is not"):
            at(archive, NOON)

    def test_each_day_must_be_there(self, archive: Path) -> None:
        for path in archive.glob("2026-03-02*"):
            path.unlink()
        with pytest.raises(ArchiveDamaged, match="Days between two others are missing: 2026-03-02"):
            at(archive, NOON)

    def test_a_file_that_cannot_be_read_is_an_error(self, archive: Path) -> None:
        path = archive / "2026-03-01.joins-and-ends.parquet"
        path.write_bytes(bytes(path.stat().st_size))
        with pytest.raises(ArchiveDamaged, match=r"2026-03-01\.joins-and-ends\.parquet"):
            list(at(archive, NOON))

    def test_without_the_packages(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "duckdb", None)
        with pytest.raises(ArchiveNotInstalled):
            at(tmp_path, NOON)


def test_rows_are_fetched_in_parts(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(querying, "_ROWS", 2)
    backdating.write(*(backdating.Stay("room", f"channel{number}", None, NOON, NOON + HOUR) for number in range(5)))
    writing.write(tmp_path, using="default", start=DAY, end=DAY + A_DAY)
    stays = at(tmp_path, NOON)
    assert next(stays).channel_name == "channel0"
    assert len(list(stays)) == 4
    next(at(tmp_path, NOON)).session.bit_length()
    assert json.loads((tmp_path / "2026-03-01.json").read_text())["files"][0]["events"] == {"join": 5, "leave": 5}
