"""Who is missing now: in Python, and on a page that follows the roster."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from presence_events.exceptions import InvalidRoomName, InvalidUser
from projections.attendance import amissing_now, missing_now
from projections.models import Presence, Room
from tests import clusters
from tests.projections.rosters.pages import AsyncLobby, Page, new_user
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def everyone() -> Any:
    return get_user_model()._default_manager.order_by("username")


def test_who_has_no_connection_in_the_room_is_missing(user: Any, other_user: Any) -> None:
    assert missing_now("lobby", everyone()) == (user.pk, other_user.pk)
    room = Room.objects.add("lobby", "a", user)
    Room.objects.add("lobby", "b", user)
    Room.objects.add("lobby", "guest")
    Room.objects.add("hall", "c", other_user)
    for expected in (everyone(), [other_user, user.pk], lambda room: {other_user.pk}):
        assert missing_now(room, expected) == missing_now("lobby", expected) == (other_user.pk,)
    Presence.objects.leave_all("a")
    assert missing_now("lobby", [user]) == ()
    Presence.objects.leave_all("b")
    assert missing_now("lobby", [user]) == (user.pk,)


def test_it_takes_two_queries(user: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        missing_now("lobby", everyone())
    assert len(captured) == 2


def test_bad_questions_are_refused(user: Any) -> None:
    with pytest.raises(InvalidRoomName):
        missing_now("", [user])
    with pytest.raises(InvalidUser):
        missing_now("lobby", [AnonymousUser()])


def test_a_room_is_read_from_its_database(user: Any, settings: Any) -> None:
    with clusters.databases(settings):
        Room.objects.add("acme-1", "a", user)
        assert missing_now("acme-1", [user]) == ()
        assert missing_now("acme-1", [user], using="default") == (user.pk,)


async def test_a_page_knows_who_is_missing_while_people_come_and_go() -> None:
    """The page and the server agree after each change."""
    teacher, ada, bo = [await new_user(name) for name in ("teacher", "ada", "bo")]
    pupils = [str(ada.pk), str(bo.pk)]
    page = await Page(AsyncLobby, teacher).open()
    first = await Page(AsyncLobby, ada).open()
    await until(lambda: page.client.missing(pupils) == [str(bo.pk)])
    assert await amissing_now("lobby", [ada, bo]) == (bo.pk,)
    second = await Page(AsyncLobby, bo).open()
    tab = await Page(AsyncLobby, bo).open()
    await until(lambda: page.client.missing(pupils) == [])
    assert await amissing_now("lobby", [ada, bo]) == ()
    await tab.close()
    await first.close()
    await until(lambda: page.client.missing(pupils) == [str(ada.pk)])
    assert await sync_to_async(missing_now)("lobby", [ada, bo]) == (ada.pk,)
    await second.close()
    await until(lambda: page.client.missing(pupils) == pupils)
    await page.close()
