"""Hidden connections and rosters: nothing of them reaches a page, whatever happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from projections.models import Presence, Room
from projections.rosters import Roster, feed
from projections.rosters.http import RosterView
from tests.projections.rosters.pages import AsyncLobby, Names, Page, SyncLobby, new_user, roster_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


class AsyncGhosts(AsyncLobby):
    """Joins hidden if its path says so. A message calls ``join_room`` again, or is new data."""

    async def connect(self) -> None:
        self.presence_hidden = "hidden" in self.scope["path"]
        self.scope["path"] = self.scope["path"].removesuffix("/hidden")
        await super().connect()

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if "hidden" in content:
            await self.join_room("lobby", hidden=content["hidden"])
            await self.send_json("joined")
        else:
            await super().receive_json(content, **kwargs)


class SyncGhosts(SyncLobby):
    def connect(self) -> None:
        self.presence_hidden = "hidden" in self.scope["path"]
        self.scope["path"] = self.scope["path"].removesuffix("/hidden")
        super().connect()

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        if "hidden" in content:
            self.join_room("lobby", hidden=content["hidden"])
            self.send_json("joined")
        else:
            super().receive_json(content, **kwargs)


both = pytest.mark.parametrize("lobby", [AsyncGhosts, SyncGhosts])

HIDDEN = "lobby/hidden"


async def set_hidden(page: Page, hidden: bool) -> None:
    count = len(page.others)
    await page.socket.send_json_to({"hidden": hidden})
    await until(lambda: len(page.others) > count)


async def see_the_log(watcher: Page, name: str) -> None:
    """Waits until ``watcher`` has a change that was recorded after all others: a person who comes and goes."""
    user = await new_user(name)
    await Room.objects.aadd("lobby", name, user)
    await until(lambda: name in watcher.names())
    await Room.objects.aremove("lobby", name)
    await until(lambda: name not in watcher.names())


def texts(*pages: Page) -> str:
    return json.dumps([page.messages for page in pages])


@both
async def test_nothing_of_a_hidden_connection_reaches_a_page(lobby: Any) -> None:
    ada, eve = await new_user("ada"), await new_user("eve-marker")
    watcher = await Page(lobby, ada).open()
    hidden = await Page(lobby, eve).open(HIDDEN)
    await hidden.socket.send_json_to({"status": "data-marker"})
    await until(lambda: hidden.client.people == 1)
    late = await Page(lobby, ada).open()
    assert await Presence.objects.filter(user=eve).aexists()
    assert hidden.names() == ["ada"]  # it sees the others, and not itself
    await hidden.close()
    await see_the_log(watcher, "bo")
    await see_the_log(late, "cy")
    for marker in ("marker", f'"{eve.pk}"', "presence.hidden"):
        assert marker not in texts(watcher, late)
    assert {message["people"] for message in watcher.messages} == {1, 2}
    await watcher.close()
    await late.close()


async def test_an_anonymous_hidden_connection_is_not_counted() -> None:
    watcher = await Page(AsyncGhosts, None).open()
    hidden = await Page(AsyncGhosts, None).open(HIDDEN)
    await see_the_log(watcher, "bo")
    assert {message["anonymous"] for message in watcher.messages} == {1}
    assert hidden.client.anonymous == 1
    await hidden.close()
    await watcher.close()


@pytest.mark.parametrize("roster", [{"count_only": True}, {"limit": 1}], ids=str)
async def test_a_hidden_person_is_in_no_count_of_a_large_room(roster: Any) -> None:
    lobby = roster_of(AsyncGhosts, Names(grace=0, **roster))
    watcher = await Page(lobby, await new_user("ada")).open()
    hidden = await Page(lobby, await new_user("eve")).open(HIDDEN)
    other = await Page(lobby, await new_user("bo")).open()
    await until(lambda: watcher.client.people == 2)
    assert max(message["people"] for message in watcher.messages) == 2
    for page in (hidden, other, watcher):
        await page.close()


async def test_a_person_with_two_tabs_is_there_with_the_one_that_is_shown() -> None:
    ada, eve = await new_user("ada"), await new_user("eve")
    watcher = await Page(AsyncGhosts, ada).open()
    hidden = await Page(AsyncGhosts, eve).open(HIDDEN)
    shown = await Page(AsyncGhosts, eve).open()
    await until(lambda: watcher.names() == ["ada", "eve"])
    assert len(watcher.client.members[str(eve.pk)]["connections"]) == 1
    await hidden.socket.send_json_to({"status": "secret"})
    await hidden.close()
    hidden = await Page(AsyncGhosts, eve).open(HIDDEN)
    await shown.close()
    await until(lambda: watcher.names() == ["ada"])
    changes = [name for message in watcher.messages[1:] for name in ("joined", "updated", "left") if name in message]
    assert changes == ["joined", "left"]
    await hidden.close()
    await watcher.close()


@both
async def test_who_hides_during_a_stay_leaves_and_who_is_shown_again_has_just_arrived(lobby: Any) -> None:
    """When the hidden stay began is not told: the person is there since the end of it."""
    ada, eve = await new_user("ada"), await new_user("eve")
    watcher = await Page(lobby, ada).open()
    page = await Page(lobby, eve).open(HIDDEN)
    await see_the_log(watcher, "bo")
    await set_hidden(page, False)
    await until(lambda: watcher.names() == ["ada", "eve"])
    since = watcher.client.members[str(eve.pk)]["connections"][0]["since"]
    shown = await Presence.objects.aget(user=eve)
    assert since == shown.joined_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    await set_hidden(page, True)
    await until(lambda: watcher.names() == ["ada"])
    await page.socket.send_json_to({"status": "secret"})
    await see_the_log(watcher, "cy")
    assert "secret" not in texts(watcher)
    await page.close()
    await watcher.close()


async def test_who_hides_looks_like_one_who_leaves_also_within_the_grace() -> None:
    lobby = roster_of(AsyncGhosts, Names(grace=60))
    ada, eve = await new_user("ada"), await new_user("eve")
    watcher = await Page(lobby, ada).open()
    page = await Page(lobby, eve).open()
    await until(lambda: watcher.names() == ["ada", "eve"])
    before = len(watcher.messages)
    await set_hidden(page, True)
    await set_hidden(page, False)  # for the others, a reload
    await Room.objects.aadd("lobby", "bo", await new_user("bo"))
    await until(lambda: "bo" in watcher.names())
    assert [list(message)[6:] for message in watcher.messages[before:]] == [["joined"]]
    await page.close()
    await watcher.close()


@pytest.mark.parametrize("is_another_process", [False, True])
async def test_a_page_that_resumes_is_not_told_what_hidden_connections_did(is_another_process: bool) -> None:
    """What has changed since its mark is looked up in the log, where each event says whether its stay is hidden."""
    ada, eve, dan = [await new_user(name) for name in ("ada", "eve", "dan")]
    for number in range(5):  # with them a snapshot is larger than the difference
        await Room.objects.aadd("lobby", f"other-{number}", await new_user(f"other {number}"))
    before = await Page(AsyncGhosts, eve).open(HIDDEN)  # it joins before the mark, and leaves after it
    page = await Page(AsyncGhosts, ada).open()
    await page.close()
    await before.socket.send_json_to({"status": "secret"})
    await before.close()
    since = await Page(AsyncGhosts, eve).open(HIDDEN)
    within = await Page(AsyncGhosts, dan).open(HIDDEN)
    await within.close()
    if is_another_process:
        feed._feeds.clear()
    await page.open()
    answer = page.messages[-1]
    assert answer["type"] == "presence.diff"
    assert [member["id"] for member in answer.get("joined", [])] in ([str(ada.pk)], [])
    assert answer.get("left", []) == []
    for user in (eve, dan):
        assert f'"{user.pk}"' not in json.dumps(answer)
    await since.close()
    await page.close()


async def test_a_hidden_page_that_leaves_the_room_is_shown_nothing_more() -> None:
    watcher = await Page(AsyncGhosts, await new_user("ada")).open()
    hidden = await Page(AsyncGhosts, await new_user("eve")).open(HIDDEN)
    await Room.objects.aremove("lobby", (await Presence.objects.aget(user__username="eve")).channel_name)
    await until(lambda: hidden.messages[-1]["type"] == "presence.unfollowed")
    count = len(hidden.messages)
    await see_the_log(watcher, "bo")
    assert len(hidden.messages) == count
    await hidden.close()
    await watcher.close()


class Open(RosterView):
    roster: Roster = Names(grace=0)

    def may_see(self, request: HttpRequest, room: str) -> bool:
        return True


def get(etag: str = "", **query: str) -> Any:
    request = RequestFactory().get("/", query, headers={"If-None-Match": etag} if etag else {})
    request.user = None
    return Open.as_view()(request, room="lobby")


def test_an_http_request_is_not_told_of_hidden_connections(user: Any, other_user: Any) -> None:
    Room.objects.add("lobby", "1", user)
    Room.objects.add("lobby", "2", other_user, hidden=True)
    Room.objects.add("lobby", "3", hidden=True)
    first = get()
    message = json.loads(first.content)
    assert (message["people"], message["anonymous"]) == (1, 0)
    assert [member["id"] for member in message["members"]] == [str(user.pk)]
    Presence.objects.touch("2", {"a": 1})
    Room.objects.remove("lobby", "2")
    Room.objects.add("lobby", "4", other_user, hidden=True)
    assert get(etag=first["ETag"]).status_code == 304
    diff = json.loads(get(since=message["mark"]).content)
    assert not diff.keys() & {"joined", "updated", "left"} or diff["type"] == "presence.snapshot"
    assert f'"{other_user.pk}"' not in json.dumps(diff)
