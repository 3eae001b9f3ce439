"""manage.py presence_seal, presence_verify and presence_prove."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from presence_events.models import PresenceEvent, StoredSeal
from presence_events.seals import verifier
from projections.models import Presence, Room
from tests.seals import attack, key_pair
from tests.timestamp_server import TimestampServer

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command(*map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue()


def findings(*arguments: Any) -> list[str]:
    """Returns what presence_verify prints, which has to find something."""
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("presence_verify", *map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue().splitlines()


def test_new_events_are_sealed_and_copied(tmp_path: Path) -> None:
    Room.objects.add("room", "1")
    copy = tmp_path / "seals"
    first, copied = run("presence_seal", "--copy", copy).splitlines()
    digest = StoredSeal.objects.get().seal.digest
    assert first == f"Seal 1: 1 events up to position {PresenceEvent.objects.get().pk}, {digest}"
    assert copied == f"{copy}: 1 new seal"
    assert run("presence_seal", "--copy", copy) == f"All events are sealed.\n{copy}: 0 new seals\n"


def test_a_log_that_agrees_is_reported(tmp_path: Path, user: Any) -> None:
    pair, copy = key_pair(tmp_path), tmp_path / "seals"
    Room.objects.add("room", "1", user)
    run("presence_seal", "--key", pair.private, "--copy", copy, "--database", "default")
    Room.objects.add("room", "2")
    report = ["integrity     no findings", "completeness  no findings", "freshness     no findings"]
    figures = [
        "seals         1, 1 of them signed",
        "agreeing      1 events",
        "removed       0 events, by retention",
        "erased        0 events, of persons",
        "not sealed    1 events",
    ]
    complete = run("presence_verify", "--copy", copy, "--public-key", pair.public, "--max-age", "60").splitlines()
    assert complete == [*report, *figures]
    assert run("presence_verify").splitlines() == [
        *report,
        *figures,
        "The seals were compared with no copy.",
        "The signatures were compared with the keys in the database only.",
    ]


def test_a_difference_exits_with_1() -> None:
    Room.objects.add("room", "1")
    run("presence_seal")
    attack("UPDATE presence_event SET room = 'other'")
    Room.objects.add("room", "2")
    first, second, *report = findings("--max-age", "0")
    assert first.startswith("integrity: The stays of seal 1 differ from the log.")
    assert second.startswith("freshness: 1 events are not sealed")
    assert report[:3] == ["integrity     1 finding", "completeness  no findings", "freshness     1 finding"]


@pytest.mark.parametrize("arguments", [("presence_seal", "--key"), ("presence_verify", "--copy")])
def test_a_file_that_cannot_be_used_exits_with_2(arguments: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(CommandError) as error:
        run(*arguments, tmp_path / "missing")
    assert error.value.returncode == 2


def test_seals_are_published_at_the_anchors_of_the_setting(tmp_path: Path, settings: Any) -> None:
    server = TimestampServer(tmp_path / "server")
    copy, directory, stamps = tmp_path / "default" / "seals", tmp_path / "each", tmp_path / "stamps"
    directory.mkdir()
    Room.objects.add("room", "1")
    with server.running() as url:
        settings.CHANNELS_PRESENCE_SEALS = {
            "copy": f"{tmp_path}/{{database}}/seals",
            "directory": directory,
            "timestamp": url,
        }
        out = StringIO()
        with pytest.raises(CommandError, match=f"^{copy}: FileNotFoundError: ") as error:
            call_command("presence_seal", timestamps=stamps, stdout=out, stderr=StringIO())
        assert error.value.returncode == 2
        assert out.getvalue().splitlines()[1:] == [
            f"{directory}: 1 new seal", f"{url}: 1 new seal", f"{stamps}: 1 new time stamp"
        ]  # fmt: skip
        copy.parent.mkdir()
        assert f"{copy}: 1 new seal\n" in run("presence_seal", "--timestamps", stamps)
    verified = run("presence_verify").splitlines()
    assert verified[-2].startswith("time-stamped  1 seals, up to 20")
    assert verified[-1] == "The signatures of the time stamps were not verified."
    certificates = ("--timestamp-certificates", server.root)
    assert run("presence_verify", "--copy", directory, *certificates, "--max-age", 3600).splitlines() == verified[:-1]
    attack("DELETE FROM presence_seal_timestamp")
    assert findings(*certificates, "--max-age", 0)[0].startswith("freshness: 1 seals have no time stamp")


def test_keys_are_written_to_a_new_file(tmp_path: Path, user: Any) -> None:
    Room.objects.add("room", "1", user)
    path = tmp_path / "keys"
    assert f"{path}: 1 keys, to be kept secret" in run("presence_seal", "--keys", path)
    assert json.loads(path.read_text())[0] == f"user:{user.pk}"


@pytest.mark.parametrize("options", [(), ("--room", "room")])
def test_a_stay_is_proved(
    options: tuple[str, ...], tmp_path: Path, user: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Room.objects.add("room", "1", user)
    session = Presence.objects.get().pk
    Presence.objects.touch("1")
    Room.objects.remove("room", "1")
    with pytest.raises(CommandError, match="Only events that are in the log and in a seal can be proved"):
        run("presence_prove", session, *options)
    run("presence_seal", "--copy", tmp_path / "seals")
    (tmp_path / "proof").write_text(run("presence_prove", session, *options))
    assert verifier.main(["proof", str(tmp_path / "proof"), "--seals", str(tmp_path / "seals")]) == 0
    assert [line.split("\t")[2] for line in capsys.readouterr().out.splitlines()] == ["join", "leave"]


def test_an_unknown_stay_exits_with_2() -> None:
    with pytest.raises(CommandError, match="The log has no stay 7") as error:
        run("presence_prove", 7)
    assert error.value.returncode == 2
