"""manage.py prune_presences and prune_rooms."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command

from projections.models import Presence, Room
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
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


REDIS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}}


def errors(*arguments: str) -> str:
    error = StringIO()
    call_command(*arguments, stdout=StringIO(), stderr=error)
    return error.getvalue()


@pytest.mark.parametrize("command", ["prune_presences", "prune_rooms"])
def test_a_command_that_cannot_reach_the_sockets_warns(command: str, settings: Any) -> None:
    assert errors(command).startswith("The channel layer is in memory, so this process cannot reach the sockets")
    assert not errors(command, "--verbosity=0")
    settings.CHANNEL_LAYERS = REDIS
    assert not errors(command)


async def test_a_command_that_a_server_process_calls_does_not_warn() -> None:
    assert not await sync_to_async(errors)("prune_presences")
