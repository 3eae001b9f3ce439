"""Where seals are published: what each anchor gets, and what happens if it fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from presence_events import sql
from presence_events.exceptions import CopyDiffers
from presence_events.models import Anchor, StoredSeal
from presence_events.seals import anchors, copies, timestamps
from presence_events.seals.copies import SealCopy
from presence_events.seals.sealing import seal
from projections.models import Room
from tests.seals import attack
from tests.timestamp_server import TimestampServer

pytestmark = pytest.mark.django_db(transaction=True)

RECEIVED: list[tuple[SealCopy, str]] = []
FAILS_AT: list[int] = []


def receive(copied: SealCopy, using: str) -> None:
    """The function of a project."""
    if copied.seal.number in FAILS_AT:
        raise RuntimeError("the bucket\nis\0unavailable")
    RECEIVED.append((copied, using))


@pytest.fixture(autouse=True)
def nothing_received() -> None:
    RECEIVED.clear()
    FAILS_AT.clear()


FUNCTION = f"{__name__}.receive"


def make_seals(number: int) -> None:
    for _ in range(number):
        Room.objects.add("room", str(StoredSeal.objects.count()))
        seal("default")


def numbers() -> list[int]:
    return [copied.seal.number for copied, _ in RECEIVED]


def test_the_setting_says_where_seals_are_published(settings: Any) -> None:
    assert anchors.configured() == []
    assert anchors.place_of("copy", "default") is None
    settings.CHANNELS_PRESENCE_SEALS = {"function": FUNCTION, "key": "key", "copy": Path("/audit/{database}/seals")}
    assert anchors.configured() == ["copy", "function"]
    assert anchors.place_of("copy", "other") == "/audit/other/seals"


def test_a_function_gets_each_seal_once(settings: Any) -> None:
    make_seals(2)
    assert anchors.publish("function", FUNCTION, using="default") == 2
    make_seals(1)
    assert anchors.publish("function", FUNCTION, using="default") == 1
    assert anchors.publish("function", FUNCTION, using="default") == 0
    assert [(SealCopy.of(stored), "default") for stored in StoredSeal.objects.all()] == RECEIVED


def test_what_failed_is_stored_and_tried_again(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SEALS = {"function": FUNCTION}
    make_seals(3)
    FAILS_AT.append(2)
    since = set()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            anchors.publish("function", FUNCTION, using="default")
        anchor = Anchor.objects.get()
        assert (str(anchor), anchor.last_seal) == ("function", 1)
        assert anchor.failure == "RuntimeError: the bucket is unavailable"
        since.add(anchor.failing_since)
    (began,) = since
    assert began is not None
    assert datetime.now(UTC) - began < timedelta(hours=1)
    assert numbers() == [1]
    (status,) = anchors.statuses("default")
    assert status.failure == anchor.failure
    assert status.failing > 0
    assert status.waiting > 0
    FAILS_AT.clear()
    assert anchors.publish("function", FUNCTION, using="default") == 2
    assert numbers() == [1, 2, 3]
    assert anchors.statuses("default") == [anchors.AnchorStatus("function", 0, "", 0)]


def test_a_long_failure_is_shortened(tmp_path: Path) -> None:
    make_seals(1)
    with pytest.raises(OSError, match="File name too long"):
        anchors.publish("copy", str(tmp_path / ("x" * 3000)), using="default")
    assert len(Anchor.objects.get().failure) == anchors.MAX_FAILURE


def test_a_run_without_new_seals_writes_nothing(django_assert_num_queries: Any, tmp_path: Path) -> None:
    make_seals(1)
    anchors.publish("copy", str(tmp_path / "seals"), using="default")
    with django_assert_num_queries(4) as queries:
        anchors.publish("copy", str(tmp_path / "seals"), using="default")
    assert {query["sql"].split()[0] for query in queries.captured_queries} <= {"SELECT", "DECLARE"}


def test_an_anchor_that_has_more_than_is_stored_is_known_to_have_all(tmp_path: Path, settings: Any) -> None:
    """A process was killed after it published the seals, and before it stored that."""
    path = tmp_path / "seals"
    settings.CHANNELS_PRESENCE_SEALS = {"copy": path}
    make_seals(2)
    list(copies.append(path, using="default"))
    assert anchors.statuses("default")[0].waiting > 0
    assert anchors.publish("copy", str(path), using="default") == 0
    assert anchors.statuses("default")[0].waiting == 0


def test_a_directory_has_a_file_of_each_seal(tmp_path: Path) -> None:
    make_seals(2)
    assert anchors.publish("directory", str(tmp_path), using="default") == 2
    make_seals(1)
    assert anchors.publish("directory", str(tmp_path), using="default") == 1
    assert copies.read(tmp_path) == [SealCopy.of(stored) for stored in StoredSeal.objects.all()]
    assert [path.name for path in sorted(tmp_path.iterdir())][-1] == "000000000003.json"
    attack("DELETE FROM presence_seal WHERE number = 3")
    make_seals(1)
    with pytest.raises(CopyDiffers):
        anchors.publish("directory", str(tmp_path), using="default")


def test_a_time_stamp_server_is_an_anchor(tmp_path: Path) -> None:
    server = TimestampServer(tmp_path / "server")
    make_seals(2)
    with server.running() as url:
        assert anchors.publish("timestamp", url, using="default") == 1
        assert anchors.publish("timestamp", url, using="default") == 0
    assert Anchor.objects.get().last_seal == 2
    make_seals(1)
    with pytest.raises(OSError, match="refused"):
        anchors.publish("timestamp", url, using="default")
    assert Anchor.objects.get().last_seal == 2
    assert timestamps.read_certificates(server.root)


def test_a_seal_that_cannot_be_read_is_a_failure_of_each_anchor(tmp_path: Path, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SEALS = {"function": FUNCTION}
    make_seals(1)
    attack("UPDATE presence_seal SET text = 'changed'")
    with pytest.raises(ValueError, match="not enough values"):
        anchors.publish("function", FUNCTION, using="default")
    (status,) = anchors.statuses("default")
    assert (status.waiting, status.failure.split(":")[0]) == (0, "InvalidSeal")


def test_the_role_of_the_grant_files_can_publish(tmp_path: Path) -> None:
    server = TimestampServer(tmp_path / "server")
    make_seals(1)
    with connection.cursor() as cursor, server.running() as url:
        cursor.execute("CREATE ROLE publisher")
        for package in ("presence_events", "projections"):
            cursor.execute(sql.read(package, "grants/app").replace(':"role"', "publisher"))
        try:
            cursor.execute("SET ROLE publisher")
            for name, place in (("copy", tmp_path / "seals"), ("timestamp", url), ("function", FUNCTION)):
                assert anchors.publish(name, str(place), using="default") == 1
            make_seals(1)
            assert anchors.publish("copy", str(tmp_path / "seals"), using="default") == 1
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY publisher")
            cursor.execute("DROP ROLE publisher")
