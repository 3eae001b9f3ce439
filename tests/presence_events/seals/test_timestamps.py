"""Time stamps of seals, by a server that the tests create."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presence_events.exceptions import InvalidSealKey, NotTimestamped, SealsNotInstalled
from presence_events.models import SealTimestamp, StoredSeal
from presence_events.seals import timestamps
from presence_events.seals.sealing import seal
from presence_events.seals.verifying import COMPLETENESS, FRESHNESS, INTEGRITY, verify
from projections.models import Room
from tests.seals import attack
from tests.timestamp_server import TimestampServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> TimestampServer:
    return TimestampServer(tmp_path_factory.mktemp("server") / "files")


@pytest.fixture(scope="module")
def url(server: TimestampServer) -> Iterator[str]:
    with server.running() as address:
        yield address


@pytest.fixture
def roots(server: TimestampServer) -> list[Any]:
    return timestamps.read_certificates(server.root)


def make_seal() -> StoredSeal:
    Room.objects.add("room", str(StoredSeal.objects.count()))
    (made,) = seal("default")
    return made


def add(url: str) -> list[int]:
    return list(timestamps.add(url, using="default"))


def test_the_last_seal_gets_a_time_stamp(url: str, server: TimestampServer, roots: list[Any]) -> None:
    assert add(url) == []
    make_seal()
    made = make_seal().seal
    before = server.requests
    assert add(url) == [2]
    assert add(url) == []
    assert server.requests == before + 1
    response = SealTimestamp.objects.get().response
    at = timestamps.time_of(response, made, roots)
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=5)
    assert timestamps.time_of(response, made, None) == at
    found = verify("default", roots=roots, max_age=timedelta(hours=1))
    assert (found.findings, found.stamped, found.stamped_at) == ([], 2, at)


def test_what_is_no_time_stamp_of_the_seal_is_refused(url: str, server: TimestampServer) -> None:
    made = make_seal().seal
    server.answers = [b"", b"not one", b"x" * 2_000_000]
    for _ in range(3):
        with pytest.raises(NotTimestamped, match=r"ASN\.1"):
            add(url)
    server.accept("sha512")
    try:
        with pytest.raises(NotTimestamped, match=r"The server has refused: .*digest"):
            add(url)
    finally:
        server.accept("sha256")
    server.answers = [timestamps.request(url, made._replace(up_to=7))]
    with pytest.raises(NotTimestamped, match="of something else"):
        add(url)
    server.answers = [timestamps.request(url, made)]
    with pytest.raises(NotTimestamped, match="that to another request"):
        add(url)
    assert not SealTimestamp.objects.exists()


def test_a_server_that_does_not_answer_raises(server: TimestampServer) -> None:
    make_seal()
    with server.running() as url:
        pass
    with pytest.raises(OSError, match="refused"):
        add(url)


def test_a_time_stamp_by_another_server_is_found(url: str, tmp_path: Path) -> None:
    make_seal()
    add(url)
    other = timestamps.read_certificates(TimestampServer(tmp_path / "other").root)
    (finding,) = verify("default", roots=other).findings
    assert finding.kind == INTEGRITY
    assert finding.text.startswith("The time stamp of seal 1 is not valid. ")
    assert "\n" not in finding.text
    assert verify("default").findings == []


def test_a_time_stamp_of_another_seal_is_found(url: str) -> None:
    make_seal()
    add(url)
    make_seal()
    attack("UPDATE presence_seal_timestamp SET number = 2")
    (finding,) = verify("default").findings
    assert (finding.kind, "The time stamp of seal 2 is not valid." in finding.text) == (INTEGRITY, True)


def test_a_missing_seal_that_has_a_time_stamp_is_found(url: str) -> None:
    """An old dump was restored, and later time stamps kept."""
    make_seal()
    make_seal()
    add(url)
    attack("DELETE FROM presence_seal WHERE number = 2")
    attack("DELETE FROM presence_event WHERE id > (SELECT up_to FROM presence_seal)")
    (finding,) = verify("default").findings
    assert finding == (COMPLETENESS, "Seal 2, of which there is a time stamp, is missing.")


def test_seals_without_a_time_stamp_are_not_fresh(url: str, roots: list[Any]) -> None:
    make_seal()
    options: dict[str, Any] = {"roots": roots, "max_age": timedelta(0)}
    (finding,) = verify("default", **options).findings
    assert (finding.kind, finding.text.startswith("1 seals have no time stamp, the first since")) == (FRESHNESS, True)
    assert verify("default", roots=roots).findings == []
    assert verify("default", max_age=timedelta(0)).findings == []
    assert verify("default", roots=roots, max_age=timedelta(hours=1)).findings == []


def sealed_at(moment: datetime) -> None:
    """Makes a seal anew that says that it was made at another time."""
    stored = StoredSeal.objects.get()
    attack("UPDATE presence_seal SET text = %s", stored.seal._replace(sealed_at=moment).text)


def test_a_seal_that_was_made_long_before_its_time_stamp_is_found(url: str, roots: list[Any]) -> None:
    """Everything was built anew, with a time in the past."""
    make_seal()
    sealed_at(datetime.now(UTC) - timedelta(days=3))
    add(url)
    assert verify("default", roots=roots).findings == []
    (finding,) = verify("default", roots=roots, max_age=timedelta(days=1)).findings
    assert finding.kind == FRESHNESS
    assert finding.text.startswith("Seal 1 says that it was made at ")
    assert " and has no time stamp before " in finding.text


def test_a_seal_that_was_made_after_its_time_stamp_is_found(url: str, roots: list[Any]) -> None:
    make_seal()
    sealed_at(datetime.now(UTC) + timedelta(days=3))
    add(url)
    (finding,) = verify("default", roots=roots).findings
    assert finding.kind == INTEGRITY
    assert finding.text.startswith("Seal 1 says that it was made after its time stamp of ")


def test_openssl_accepts_a_time_stamp_with_the_text_of_the_seal(
    url: str, server: TimestampServer, tmp_path: Path
) -> None:
    made = make_seal()
    add(url)
    timestamps.write(tmp_path, using="default")
    (tmp_path / "text").write_text(made.text)
    command = ["openssl", "ts", "-verify", "-in", "000000000001.tsr", "-data", "text", "-CAfile", str(server.root)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr != ""
    (tmp_path / "text").write_text(made.text.replace("number 1", "number 2"))
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_time_stamps_are_written_to_new_files(url: str, tmp_path: Path) -> None:
    directory = tmp_path / "stamps"
    for number in (1, 2):
        make_seal()
        add(url)
        assert timestamps.write(directory, using="default") == 1
        assert (directory / f"{number:012}.tsr").read_bytes() == SealTimestamp.objects.get(number=number).response
    assert timestamps.write(directory, using="default") == 0


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        with pytest.raises(InvalidSealKey, match=str(tmp_path / name)):
            timestamps.read_certificates(tmp_path / name)


def test_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(SealsNotInstalled, match=r"django-presence-events\[seals\]"):
        timestamps.read_certificates(tmp_path)
