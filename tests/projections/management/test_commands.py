"""manage.py prune_presences and prune_rooms."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from projections.models import Presence, Room
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_prune_presences_takes_the_age_from_the_setting(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 5
    Room.objects.add("room", "old")
    Room.objects.add("room", "new")
    age_presences("old", seconds=6)
    assert run("prune_presences") == "1 pruned\n"
    assert Presence.objects.get().channel_name == "new"


def test_prune_presences_takes_the_age_from_the_option() -> None:
    Room.objects.add("room", "old")
    age_presences("old", seconds=6)
    assert run("prune_presences", "--age", "7") == "0 pruned\n"
    assert run("prune_presences", "--age=5.5", "--database=default") == "1 pruned\n"


@pytest.mark.parametrize("age", ["-1", "nan", "inf"])
def test_prune_presences_refuses_an_invalid_age(age: str) -> None:
    with pytest.raises(CommandError, match="an age that is a finite number of seconds"):
        run("prune_presences", f"--age={age}")


def test_prune_rooms_removes_empty_rooms() -> None:
    Room.objects.add("room", "channel")
    assert run("prune_rooms") == "0 pruned\n"
    Room.objects.remove("room", "channel")
    assert run("prune_rooms", "--database=default") == "1 pruned\n"
    assert not Room.objects.exists()
