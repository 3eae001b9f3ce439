"""A person is erased from the files of an archive."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presence_events.archive import erasing, manifests, verifying
from presence_events.exceptions import ArchiveDamaged, NotErasable
from presence_events.models import Erasure, PresenceEvent, Removal
from presence_events.seals import copies, reading, verifier
from presence_events.seals.proving import prove
from presence_events.seals.sealing import seal
from projections.erasure import erase_person
from projections.models import Presence, Room
from tests.archives import age, archive

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def days(user: Any, other_user: Any, tmp_path: Path) -> Path:
    """An archive of a sealed log. Grace made two connections leave, of which one has a user."""
    Room.objects.add("room", "a", user, {"secret": "tab\t, newline\n, backslash \\"})
    Room.objects.add("room", "b", other_user)
    Presence.objects.touch("a", {"secret": 2})
    Presence.objects.leave_user(user, "secret 3")
    Room.objects.remove("room", "b")
    Room.objects.add("room", "open")
    age()
    seal("default")
    list(copies.append(tmp_path / "seals", using="default"))
    archive(tmp_path / "days")
    return tmp_path / "days"


def rows(days: Path) -> list[dict[str, Any]]:
    found = [row for path in days.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return sorted(found, key=lambda row: int(row["id"]))


def verified(days: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Returns what the verifier of one file says about the archive."""
    keys = days.parent / "keys"
    keys.unlink(missing_ok=True)
    reading.write_keys(keys, using="default")
    verifier.main(["archive", str(days), "--seals", str(days.parent / "seals"), "--keys", str(keys)])
    return "".join(capsys.readouterr())


def test_files_without_the_person_stay_as_they_are(days: Path, other_user: Any) -> None:
    """Grace has sent no touch."""
    before = {path.name: path.read_bytes() for path in days.glob("*.parquet")}
    erase_person(other_user, archives=[days])
    changed = [name for name, content in before.items() if (days / name).read_bytes() != content]
    assert len(before) > len(changed) > 0
    assert not any("touches" in name for name in changed)
    assert verifying.verify(days, using="default") == []


def test_the_files_have_what_the_log_has(days: Path, user: Any, capsys: pytest.CaptureFixture[str]) -> None:
    done = erase_person(user, archives=[days])
    assert sum(done.events.values()) == 6
    assert b"secret" not in b"".join(path.read_bytes() for path in days.iterdir())
    assert [(row["user_id"], row["data"], row["commitment"]) for row in rows(days)] == [
        (
            None if event.user_id is None else str(event.user_id),
            None if event.data is None else json.dumps(event.data),
            event.commitment,
        )
        for event in PresenceEvent.objects.order_by("id")
    ]
    assert verifying.verify(days, using="default") == []
    assert verified(days, capsys) == (
        "6 events agree with their seals, 0 are not in the archive, 0 are not sealed\n"
        "3 events were erased, so their users are not verified\n"
    )
    recorded = {record.segment for record in Erasure.objects.all()}
    assert {name.rpartition("/")[2] for name in done.events} == recorded


def test_a_new_manifest_names_the_one_that_it_replaces(days: Path, user: Any) -> None:
    before = manifests.read_all(days)
    erase_person(user, archives=[days])
    after = manifests.read_all(days)
    replaced = [day for day in after if after[day] != before[day]]
    assert replaced
    assert all(after[day].replaces == before[day].sha256 for day in replaced)
    assert erase_person(user, archives=[days]).events == {}
    assert manifests.read_all(days) == after


def test_a_new_manifest_that_was_altered_is_found(days: Path, user: Any) -> None:
    erase_person(user, archives=[days])
    (path,) = days.glob("*.json")
    path.write_text(path.read_text().replace('"replaces": "', '"replaces": "0'))
    assert any("differs from what was written" in problem for problem in verifying.verify(days))


def test_a_proof_of_an_erased_event_says_nothing_of_the_person(
    days: Path, user: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also if someone writes a user into it: the commitment does not depend on that."""
    position = PresenceEvent.objects.filter(user=user).order_by("id")[0].pk
    erase_person(user)
    proof = prove([position], using="default")
    proof["events"][0]["personal"] = "a name"
    (days.parent / "proof").write_text(json.dumps(proof))
    arguments = ["proof", str(days.parent / "proof"), "--seals", str(days.parent / "seals")]
    assert verifier.main(arguments) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("\terased\n")
    assert "a name" not in shown
    proof["events"][0]["commitment"] = "0" * 64
    (days.parent / "proof").write_text(json.dumps(proof))
    assert verifier.main(arguments) == 1


def test_data_beside_a_commitment_are_found(days: Path, user: Any, capsys: pytest.CaptureFixture[str]) -> None:
    erase_person(user, archives=[days])
    for path in days.glob("*joins-and-ends.parquet"):
        table = pq.read_table(path).to_pylist()
        table[0]["data"] = "[]"
        pq.write_table(type(pq.read_table(path)).from_pylist(table, pq.read_table(path).schema), path)
    assert "integrity: seal 1 has erased stays with data" in verified(days, capsys)


def test_an_archive_can_follow_later_while_the_log_has_the_events(
    days: Path, user: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commitments of the log are copied: the key is gone."""
    erase_person(user)
    assert "the keys of 1 subjects are missing" in verified(days, capsys)
    assert sum(erase_person(user, archives=[days]).events.values()) == 3
    assert b"secret" not in b"".join(path.read_bytes() for path in days.iterdir())
    assert "integrity" not in verified(days, capsys)


def test_who_made_others_leave_is_removed(days: Path, user: Any, other_user: Any, tmp_path: Path) -> None:
    target = erasing.Target(str(other_user.pk), "-2", 10**9, frozenset())
    changes = erasing._Changes(target, {}, "default")
    by_grace = json.dumps({"by": "grace", "by_user": str(other_user.pk)})
    for data, session, kept in [
        (by_grace, 7, False),
        (by_grace, None, False),
        ('{"by_user": "x"}', 7, True),
        ('["by_user"]', 7, True),
        ('"by_user"', 7, True),
        ('{"a": 1}', 7, True),
        (None, 7, True),
    ]:
        row = {"id": 1, "user_id": None, "session": session, "data": data, "commitment": None}
        changes([row])
        assert (row["data"] == data, row["commitment"] is None) == (kept, kept)
    assert changes.events == 2
    ours = {"id": 1, "user_id": str(other_user.pk), "session": 7, "data": None, "commitment": None}
    changes([ours])
    assert (ours["user_id"], len(str(ours["commitment"]))) == ("-2", 64)
    before = {"id": 1, "user_id": str(other_user.pk), "session": 7, "data": None, "commitment": "0" * 64}
    changes([before])
    assert (before["user_id"], before["commitment"], changes.events) == ("-2", "0" * 64, 3)
    for other in ({"session": 9}, {"id": 10**9 + 1}):
        row = {"id": 1, "user_id": str(other_user.pk), "session": 7, "data": None, "commitment": None} | other
        erasing._Changes(target._replace(excluded=frozenset({9})), {}, "default")([row])
        assert row["commitment"] is None


@pytest.mark.parametrize("steps", range(4))
def test_an_interrupted_replacement_is_completed(
    days: Path, user: Any, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """The process ends before each file in turn takes its place."""
    replace: Callable[..., Any] = Path.replace
    calls = 0

    def killed(path: Path, target: Path) -> Any:
        nonlocal calls
        if path.name.endswith(".erased"):
            calls += 1
            if calls > steps:
                raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        if steps < 3:
            with pytest.raises(KeyboardInterrupt):
                erase_person(user, archives=[days])
            assert verifying.verify(days) != []
    erase_person(user, archives=[days])
    assert verifying.verify(days, using="default") == []
    assert b"secret" not in b"".join(path.read_bytes() for path in days.iterdir())


def test_incomplete_files_are_removed(days: Path, user: Any) -> None:
    (days / ".2026-01-01.touches.parquet.erased").write_text("half")
    erase_person(user, archives=[days])
    assert verifying.verify(days) == []


def test_a_damaged_archive_is_left_as_it_is(days: Path, user: Any) -> None:
    (path,) = days.glob("*joins-and-ends.parquet")
    (manifest,) = manifests.read_all(days).values()
    damaged = manifest._replace(files=tuple(file._replace(sha256="0" * 64) for file in manifest.files))
    damaged.write(days)
    before = path.read_bytes()
    with pytest.raises(ArchiveDamaged, match="SHA-256"):
        erase_person(user, archives=[days])
    assert path.read_bytes() == before


def test_archives_have_to_be_named(days: Path, user: Any) -> None:
    Removal.objects.create(
        segment="x", part="stays", end_day="2026-01-01", events={}, baseline=1, archive="0" * 64, operator=""
    )
    before = PresenceEvent.objects.filter(user=user).count()
    with pytest.raises(NotErasable, match="Name the archives"):
        erase_person(user)
    with pytest.raises(NotErasable, match="There is no archive at"):
        erase_person(user, archives=[days / "missing"])
    assert PresenceEvent.objects.filter(user=user).count() == before
    assert erase_person(user, without_archives=True).events
