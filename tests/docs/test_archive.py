"""The examples of docs/operations/archive.md run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.core.management import call_command

from tests.backdating import Stay, write
from tests.docs.pages import blocks, run

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_examples_of_the_archive(
    user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(
        Stay("lobby", "a", user, NOON - HOUR, NOON + HOUR),
        Stay("lobby", "b", user, NOON + HOUR, NOON + 30 * HOUR),
        Stay("hall", "c", None, NOON, NOON + HOUR),
    )
    stays = run("docs/operations/archive.md")["stays"]
    assert capsys.readouterr().out == f"{user.pk} {NOON - HOUR} {NOON + HOUR}\n"
    assert [stay.channel_name for stay in stays] == ["a", "c", "b"]
    (query,) = blocks("docs/operations/archive.md", "sql")
    assert duckdb.connect().execute(query).fetchall() == [("lobby", 2, 1), ("hall", 1, 0)]
    for block in blocks("docs/operations/archive.md", "console"):
        for command in block.splitlines():
            # The command in the document writes every day until today.
            if command.startswith("python manage.py presence_archive ") and " write " not in command:
                arguments = command.replace("4711", str(user.pk)).split()[2:]
                call_command(*arguments, stdout=StringIO(), stderr=StringIO())
