"""The page about moving from Redis, Pusher or Ably: its consumer joins, and its comparison finds what differs."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from projections.models import Room
from projections.testing import aassert_present
from tests.docs.pages import run
from tests.projections.rosters.pages import Page

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "docs/howto/moving.md"


async def test_the_consumer_joins_and_shows_who_is_there(transactional_db: None, user: Any) -> None:
    namespace = await sync_to_async(run)(PAGE)
    page = await Page(namespace["LobbyConsumer"], user, "lobby").open()
    assert page.names() == [user.get_username()]
    await aassert_present("lobby", user)
    await page.close()


def test_the_comparison_names_who_is_in_one_list_only(user: Any, other_user: Any) -> None:
    differences = run(PAGE)["differences"]
    Room.objects.add("lobby", "one", user)
    Room.objects.add("lobby", "two", user)
    Room.objects.add("lobby", "three")
    Room.objects.add("hall", "four", other_user)
    old = {str(user.pk), str(other_user.pk)}
    assert differences("lobby", old) == ({str(other_user.pk)}, set())
    assert differences("lobby", set()) == (set(), {str(user.pk)})
    assert differences("lobby", {str(user.pk)}) == (set(), set())
