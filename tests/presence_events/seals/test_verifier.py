"""The stand-alone verifier: archives and proofs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from presence_events.archive import verifying as archive_verifying
from presence_events.exceptions import NotSealed
from presence_events.models import PresenceEvent
from presence_events.seals import copies, merkle, reading, sealing, timestamps, verifier
from presence_events.seals.proving import prove
from presence_events.seals.sealing import seal
from presence_events.seals.signing import Signer
from projections.models import Presence, Room
from tests.archives import HOSTILE, age, archive
from tests.leases import beat
from tests.seals import attack, key_pair
from tests.timestamp_server import TimestampServer

pytestmark = pytest.mark.django_db(transaction=True)

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the verifier in the directory of the files. Returns its exit status, and its output with errors."""
    monkeypatch.chdir(files)

    def call(*arguments: str) -> tuple[int, str]:
        status = verifier.main(list(arguments))
        out, err = capsys.readouterr()
        return status, out + err

    return call


@pytest.fixture
def files(user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the archive of a log, its seals and keys, and the key pair that signed them."""
    signer = Signer(key_pair(tmp_path).private)
    Room.objects.add("room", "1", user, {"text": "tab\t and \\ and é"})
    Room.objects.add("room", "2", None, {"nickname": "B"})
    Room.objects.add("room", "3")
    Presence.objects.touch("1")
    Presence.objects.touch("2", {"n": 1.50})
    beat("process")
    Presence.objects.leave_user(user, "removed")
    with connection.cursor() as cursor:
        for name in HOSTILE:
            cursor.execute(
                "INSERT INTO presence_event (kind, room, channel_name, data) "
                "VALUES ('join', %s, %s, to_jsonb(%s::text))",
                [name, name, name],
            )
    Presence.objects.leave_all("2")
    age()
    monkeypatch.setattr(sealing, "MAX_EVENTS", PresenceEvent.objects.count() - 1)
    seal("default", signer=signer)
    return written(tmp_path)


def written(directory: Path) -> Path:
    list(copies.append(directory / "seals", using="default"))
    reading.write_keys(directory / "keys", using="default")
    archive(directory / "days")
    return directory


ARCHIVE = ("archive", "days", "--seals", "seals", "--keys", "keys", "--public-key", "seal.pub")


def test_an_archive_agrees_with_its_seals(run: Run) -> None:
    number = PresenceEvent.objects.count()
    assert run(*ARCHIVE) == (0, f"{number} events agree with their seals, 0 are not in the archive, 0 are not sealed\n")


def test_it_runs_without_the_library(files: Path) -> None:
    alone = shutil.copy(verifier.__file__, files / "alone.py")
    done = subprocess.run(
        [sys.executable, "-I", alone, *ARCHIVE], cwd=files, capture_output=True, text=True, check=True
    )
    assert "events agree with their seals" in done.stdout
    imported = "import sys, alone; print([name for name in sys.modules if name.startswith(('django', 'presence'))])"
    done = subprocess.run([sys.executable, "-c", imported], cwd=files, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_events_that_are_not_sealed_or_not_archived_are_counted(run: Run, files: Path) -> None:
    number = PresenceEvent.objects.count()
    keep = (files / "seals").read_text().splitlines()[:1]
    (files / "seals").write_text("\n".join(keep))
    sealed = json.loads(keep[0])["seal"]
    assert run(*ARCHIVE) == (
        0, f"{number - 1} events agree with their seals, 0 are not in the archive, 1 are not sealed\n"
    )  # fmt: skip
    assert "number 1\n" in sealed
    (files / "empty").mkdir()
    status, text = run("archive", "empty", *ARCHIVE[2:])
    assert (status, text) == (
        0, f"0 events agree with their seals, {number - 1} are not in the archive, 0 are not sealed\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE presence_event SET room = 'other' WHERE kind = 'leave'", "integrity: the stays of seal 1 differ\n"),
        (
            "UPDATE presence_event SET data = '0' WHERE kind = 'touch' AND channel_name = '1'",
            "integrity: the touches of seal 1 differ\n",
        ),
        (
            "UPDATE presence_event SET user_id = NULL WHERE kind = 'join'",
            "integrity: the keys of 1 subjects are missing",
        ),
        ("DELETE FROM presence_event WHERE kind = 'leave' AND channel_name = '1'", "completeness: seal 1 has"),
    ],
)
def test_an_archive_that_was_altered_is_found(statement: str, expected: str, run: Run, files: Path) -> None:
    shutil.rmtree(files / "days")
    attack(statement)
    archive(files / "days")
    status, text = run(*ARCHIVE)
    assert status == 1
    assert expected in text


def test_seals_that_do_not_follow_each_other_are_found(run: Run, files: Path) -> None:
    _, second = (files / "seals").read_text().splitlines()
    (files / "seals").write_text(f"{second}\n")
    status, text = run(*ARCHIVE)
    assert (status, "completeness: seal 2 does not follow seal 0\n" in text) == (1, True)


@pytest.mark.parametrize("signature", [None, "00" * 64])
def test_signatures_are_verified_with_the_public_key(signature: str | None, run: Run, files: Path) -> None:
    lines = [json.loads(line) for line in (files / "seals").read_text().splitlines()]
    lines[0]["signature"] = signature
    (files / "seals").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    status, text = run(*ARCHIVE)
    assert (status, "integrity: seal 1 is not signed with the given key\n" in text) == (1, True)
    assert run(*ARCHIVE[:-2])[0] == 0


@pytest.fixture
def stamps(files: Path) -> Path:
    """The directory of a time stamp of the second seal, and the certificate of the server in its own directory."""
    server = TimestampServer(files / "server")
    with server.running() as url:
        list(timestamps.add(url, using="default"))
    timestamps.write(files / "stamps", using="default")
    return files / "stamps" / "000000000002.tsr"


STAMPS = ("--timestamps", "stamps", "--timestamp-certificates", "server/root.pem")


def test_time_stamps_are_verified_with_certificates(run: Run, stamps: Path) -> None:
    status, text = run(*ARCHIVE, *STAMPS)
    assert (status, text.startswith("the seals up to 2 existed at 20")) == (0, True)
    content = bytearray(stamps.read_bytes())
    content[-1] ^= 1
    stamps.write_bytes(content)
    status, text = run(*ARCHIVE, *STAMPS)
    assert (status, "integrity: the time stamp of seal 2 is not valid\n" in text) == (1, True)
    assert text.startswith("no seal has a time stamp\n")


def test_a_time_stamp_of_a_seal_that_is_missing_is_found(run: Run, stamps: Path, files: Path) -> None:
    """An old file of seals was presented."""
    (files / "seals").write_text((files / "seals").read_text().splitlines()[0])
    status, text = run(*ARCHIVE, *STAMPS)
    assert (status, "completeness: seal 2, of which there is a time stamp, is missing\n" in text) == (1, True)


def test_time_stamps_need_certificates(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(*ARCHIVE, *STAMPS[:2])
    assert "need each other" in capsys.readouterr().err


def test_seals_may_be_in_a_directory(run: Run, files: Path) -> None:
    (files / "each").mkdir()
    list(copies.add_to_directory(files / "each", 0, using="default"))
    assert run(*ARCHIVE[:3], "each", *ARCHIVE[4:]) == run(*ARCHIVE)


def test_an_archive_that_was_altered_with_its_manifests_is_found(run: Run, files: Path) -> None:
    """The files agree with the manifests, as after an alteration by who can write both."""
    shutil.rmtree(files / "days")
    attack("UPDATE presence_event SET room = 'other' WHERE kind = 'leave'")
    archive(files / "days")
    assert archive_verifying.verify(files / "days") == []
    status, text = run(*ARCHIVE)
    assert (status, "integrity: the stays of seal 1 differ\n" in text) == (1, True)


def test_touches_and_other_events_of_an_archive_do_not_stand_for_each_other(run: Run, files: Path) -> None:
    """The two roots of a seal are swapped, and the seal is signed anew with the right key."""
    signer = Signer(files / "seal.pem")
    first, second = (copied.seal for copied in copies.read(files / "seals"))
    swapped = first._replace(stays=first.touches, touches=first.stays)
    following = second._replace(previous=swapped.digest)
    signed = [copies.SealCopy(each, signer.sign(each), signer.public_key) for each in (swapped, following)]
    (files / "seals").write_text("".join(each.line for each in signed))
    status, text = run(*ARCHIVE)
    assert (status, "completeness: seal 1 has" in text) == (1, True)


def proof(files: Path) -> Any:
    """Writes a proof of the stay of channel 1, and returns it."""
    found = list(PresenceEvent.objects.filter(channel_name="1").exclude(kind="touch").values_list("id", flat=True))
    proved = prove(found, using="default")
    (files / "proof").write_text(json.dumps(proved))
    return proved


PROOF = ("proof", "proof", "--seals", "seals", "--public-key", "seal.pub")


def test_a_proof_is_accepted_and_small(run: Run, files: Path) -> None:
    proof(files)
    status, text = run(*PROOF)
    assert status == 0
    join, leave = text.splitlines()
    assert join.startswith("proved:\t")
    assert "\tjoin\troom\t1\t" in join
    assert "\tleave\troom\t1\t" in leave
    assert (files / "proof").stat().st_size < 5000


def test_a_proof_may_need_several_seals(run: Run, files: Path) -> None:
    found = list(PresenceEvent.objects.filter(channel_name="2").values_list("id", flat=True))
    proved = prove(found, using="default")
    assert [event["seal"] for event in proved["events"]] == [1, 1, 2]
    (files / "proof").write_text(json.dumps(proved))
    assert run(*PROOF)[0] == 0


@pytest.mark.parametrize("name", ["line", "personal", "key", "index", "path"])
def test_a_proof_that_was_altered_is_refused(name: str, run: Run, files: Path) -> None:
    proved = proof(files)
    event = proved["events"][0]
    event[name] = {
        "line": event["line"].replace("room", "hall"),
        "personal": "9\t\\N",
        "key": "00" * 32,
        "index": event["index"] + 1,
        "path": event["path"][::-1],
    }[name]
    (files / "proof").write_text(json.dumps(proved))
    status, text = run(*PROOF)
    assert status == 1
    assert "is not in seal 1\n" in text


def test_a_proof_of_an_unknown_seal_is_refused(run: Run, files: Path) -> None:
    proved = proof(files)
    proved["events"][0]["seal"] = 7
    (files / "proof").write_text(json.dumps(proved))
    status, text = run(*PROOF)
    assert (status, "completeness: seal 7 is not in the file of seals\n" in text) == (1, True)


@pytest.mark.parametrize("change", [{"path": []}, {"index": 1000}, {"path": 7}, {"key": "x"}, {"line": "short"}])
def test_what_is_no_proof_is_unusable(change: dict[str, Any], run: Run, files: Path) -> None:
    proved = proof(files)
    proved["events"][0] |= change
    (files / "proof").write_text(json.dumps(proved))
    assert run(*PROOF)[0] == 2


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("seals", "{}", "seals is not a file of seals"),
        ("seals", '{"seal": "presence-seal 2\\n"}', "'presence-seal 2' is unknown"),
        ("keys", "[1]", "keys is not a file of keys"),
        ("keys", None, "No such file"),
    ],
)
def test_unusable_files_are_named(name: str, text: str | None, expected: str, run: Run, files: Path) -> None:
    (files / name).unlink()
    if text:
        (files / name).write_text(text)
    status, output = run(*ARCHIVE)
    assert (status, expected in output) == (2, True)


def test_only_sealed_events_can_be_proved(files: Path) -> None:
    Room.objects.add("room", "9")
    last = PresenceEvent.objects.last()
    assert last is not None
    with pytest.raises(NotSealed, match=f"It is at the position {last.id}"):
        prove([last.id], using="default")
    attack("DELETE FROM presence_event WHERE id = 1")
    with pytest.raises(NotSealed, match=r"The log does not have all of the positions \[1\]"):
        prove([1], using="default")


def test_keys_are_written_for_the_owner_alone(files: Path) -> None:
    assert (files / "keys").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        reading.write_keys(files / "keys", using="default")


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=40))
def test_both_implementations_of_the_tree_agree(leaves: list[bytes]) -> None:
    tree = merkle.Tree()
    tree.extend(leaves)
    assert verifier.tree_hash(leaves) == tree.root()
    for index, leaf in enumerate(leaves):
        assert verifier.root_by_path(leaf, index, len(leaves), merkle.path(leaves, index)) == tree.root()


@pytest.mark.parametrize(("index", "path"), [(1, []), (0, [b""])])
def test_a_tree_of_one_leaf_has_no_path(index: int, path: list[bytes]) -> None:
    assert verifier.root_by_path(b"leaf", 0, 1, []) == b"leaf"
    with pytest.raises(verifier.Unusable):
        verifier.root_by_path(b"leaf", index, 1, path)
