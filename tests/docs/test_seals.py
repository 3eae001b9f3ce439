"""The commands and the test vectors of the pages about seals."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command

from presence_events.models import StoredSeal
from presence_events.seals import anchors, copies, verifier
from presence_events.seals.sealing import seal
from projections.models import Presence, Room
from tests.archives import age, archive
from tests.docs.pages import blocks, text_of
from tests.seals import leaf, line_of
from tests.timestamp_server import TimestampServer

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ("docs/operations/seals.md", "docs/operations/verifying.md", "docs/reference/seal-format.md")
VECTOR = re.compile(
    r"^\| `(?P<line>\".*\")` \| (?:`(?P<subject>[^`]*)`)? *\| `(?P<leaf>[0-9a-f]{64})` \|$", re.MULTILINE
)


def test_the_vectors_hold_for_both_implementations() -> None:
    found = list(VECTOR.finditer(text_of(*PAGES)))
    assert len(found) == 4
    for vector in found:
        line = json.loads(vector["line"])
        keys = {vector["subject"]: bytes(32)} if vector["subject"] else {}
        assert line_of(line).subject == vector["subject"]
        assert leaf(line_of(line), keys).hex() == vector["leaf"]
        values: list[Any] = [None if value == "\\N" else value for value in line.split("\t")]
        event = dict(zip([*verifier.FIELDS, "user_id", "data"], values, strict=True))
        event["is_leased"] = {"t": True, "f": False, None: None}[event["is_leased"]]
        assert verifier.leaf_of_event(event, keys).hex() == vector["leaf"]


def test_the_commands_run(user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    first, *rest = [block.splitlines() for block in blocks(PAGES, "console")]
    Room.objects.add("room", "1", user)
    Room.objects.add("room", "2")
    session = Presence.objects.get(channel_name="1").pk
    Room.objects.remove("room", "1")
    age()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit").mkdir()
    archive(tmp_path / "archive")
    shutil.copy(verifier.__file__, "verifier.py")
    verified = [line for line in first if not line.startswith("$")]
    outputs = [run(line, session) for line in first if line.startswith("$")]
    assert outputs[-1].splitlines() == verified
    server = TimestampServer(tmp_path / "server")
    server.root.rename("tsa.pem")
    outputs = []
    with server.running() as url:
        settings.CHANNELS_PRESENCE_SEALS = {"timestamp": url}
        for line in (line for block in rest for line in block if line.startswith("$")):
            output = run(line, session)
            outputs.append(output)
            if " archive " in line:
                assert output == "3 events agree with their seals, 0 are not in the archive, 0 are not sealed\n"
                stamps = "--timestamps stamps --timestamp-certificates tsa.pem"
                assert run(f"{line} {stamps}", session).startswith("the seals up to 1 existed at 20")
            if "verifier.py proof" in line:
                assert output.count("proved:") == 2
    assert "stamps: 1 new time stamp\n" in outputs[0]
    assert "time-stamped  1 seals, up to 20" in outputs[1]


def test_the_settings_are_valid(settings: Any) -> None:
    namespace: dict[str, Any] = {}
    exec(blocks(PAGES, "python")[0], namespace)  # noqa: S102
    settings.CHANNELS_PRESENCE_SEALS = namespace["CHANNELS_PRESENCE_SEALS"]
    assert run_checks() == []


def test_the_function_puts_each_seal_into_a_bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bucket: dict[str, bytes] = {}

    def put_object(*, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str) -> None:  # noqa: N803
        assert (Bucket, IfNoneMatch, Key in bucket) == ("mysite-audit", "*", False)
        bucket[Key] = Body

    package: Any = ModuleType("boto3")
    package.client = lambda service: SimpleNamespace(put_object=put_object)
    module = ModuleType("mysite_audit")
    monkeypatch.setitem(sys.modules, "boto3", package)
    monkeypatch.setitem(sys.modules, "mysite_audit", module)
    exec(blocks(PAGES, "python")[1], vars(module))  # noqa: S102
    for number in (1, 2):
        Room.objects.add("room", str(number))
        seal("default")
        assert anchors.publish("function", "mysite_audit.publish", using="default") == 1
    for key, body in bucket.items():
        (tmp_path / key.removeprefix("default/")).write_bytes(body)
    assert copies.read(tmp_path) == [copies.SealCopy.of(stored) for stored in StoredSeal.objects.all()]


def run(line: str, session: int) -> str:
    """Runs a command of the page, with paths and the number of a stay that exist here. Returns its output."""
    _, *words = shlex.split(line.replace("/mnt/", "").replace("4711", str(session)))
    target = words[words.index(">") + 1] if ">" in words else None
    words = words[: words.index(">")] if target else words
    if words[0] == "pip":
        return ""
    if words[:2] == ["python", "manage.py"]:
        out = StringIO()
        call_command(*words[2:], stdout=out, stderr=StringIO())
        output = out.getvalue()
    else:
        words = [sys.executable, *words[1:]] if words[0] == "python" else words
        output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    if target:
        Path(target).write_text(output, encoding="utf-8")
    return output
