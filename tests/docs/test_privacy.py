"""The commands and the code of docs/operations/privacy.md."""

from __future__ import annotations

import shlex
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from presence_events.models import PresenceEvent
from presence_events.seals.sealing import seal
from projections.erasure import erasing_person
from projections.management.commands.presence_erase import NOT_REACHED
from projections.models import Room
from tests.archives import age, archive
from tests.docs.pages import blocks, text_of

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "docs/operations/privacy.md"


def test_the_commands_run(user: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for block in blocks(PAGE, "console") for line in block.splitlines() if "manage.py" in line]
    assert len(lines) == 6
    Room.objects.add("room", "a", user, {"secret": 1})
    Room.objects.remove("room", "a")
    age()
    seal("default")
    monkeypatch.chdir(tmp_path)
    archive(tmp_path / "archive")
    for line in lines:
        _, _, *words = shlex.split(line.replace("4711", str(user.pk)))
        call_command(*words, stdout=StringIO())
    assert not PresenceEvent.objects.filter(user=user).exists()


def test_the_receiver_is_called(user: Any, django_user_model: Any) -> None:
    (block,) = (block for block in blocks(PAGE, "python") if "erase_person(" in block)
    Room.objects.add("room", "a", user)
    Room.objects.add("room", "b", None, {"teacher": str(user.pk)})
    connected = list(erasing_person.receivers)
    try:
        exec(block.replace("4711", repr(user.pk)), {"UUID": UUID})  # noqa: S102
    finally:
        erasing_person.receivers[:] = connected
        erasing_person.sender_receivers_cache.clear()
    assert not PresenceEvent.objects.filter(user=user).exists()
    assert [event.data for event in PresenceEvent.objects.filter(channel_name="b")] == [{}, {}]


def test_the_page_has_what_the_command_prints() -> None:
    page = " ".join(text_of(PAGE).split()).lower()
    for line in NOT_REACHED.splitlines()[1:]:
        first = line.removeprefix("- ").split(",")[0].lower()
        assert first in page, first
