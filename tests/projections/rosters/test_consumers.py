"""Rosters of consumers: what a page shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from projections.consumers import AsyncPresenceMixin
from projections.models import Presence, Room
from projections.rosters import Member, Roster
from tests.projections.live.mixed import end_elsewhere
from tests.projections.rosters.pages import AsyncLobby, Names, Page, SyncLobby, new_user, roster_of
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("lobby", [AsyncLobby, SyncLobby])


@both
async def test_a_page_shows_who_is_there_and_what_changes(lobby: Any) -> None:
    ada, bo = await new_user("ada"), await new_user("bo")
    first = await Page(lobby, ada).open()
    assert first.names() == ["ada"]
    second = await Page(lobby, bo).open()
    assert second.names() == ["ada", "bo"]
    await until(lambda: first.names() == ["ada", "bo"])
    await second.socket.send_json_to({"status": "away"})
    await until(lambda: first.client.members[str(bo.pk)]["info"] == {"name": "bo", "status": "away"})
    await second.close()
    await until(lambda: first.names() == ["ada"])
    assert [message["type"] for message in first.messages] == ["presence.snapshot", *["presence.diff"] * 3]
    assert [list(message)[6:] for message in first.messages[1:]] == [["joined"], ["updated"], ["left"]]
    await first.close()


async def test_three_tabs_are_one_person_who_arrives_and_departs_once() -> None:
    ada, bo = await new_user("ada"), await new_user("bo")
    page = await Page(AsyncLobby, ada).open()
    tabs = [await Page(AsyncLobby, bo).open() for _ in range(3)]
    await until(lambda: len(page.client.members.get(str(bo.pk), {}).get("connections", ())) == 3)
    for tab in tabs:
        await tab.close()
    await until(lambda: page.names() == ["ada"])
    changes = [name for message in page.messages[1:] for name in ("joined", "left") if name in message]
    assert changes == ["joined", "left"]
    await page.close()


async def test_anonymous_connections_are_counted() -> None:
    page = await Page(AsyncLobby, None).open()
    assert (page.client.people, page.client.anonymous, page.client.members) == (0, 1, {})
    other = await Page(AsyncLobby, None).open()
    await until(lambda: page.client.anonymous == 2)
    await other.close()
    await page.close()


async def test_a_reload_within_the_grace_sends_nothing() -> None:
    lobby = roster_of(AsyncLobby, Names(grace=60))
    ada, bo, cy = [await new_user(name) for name in ("ada", "bo", "cy")]
    page = await Page(lobby, ada).open()
    other = await Page(lobby, bo).open()
    await until(lambda: page.client.people == 2)
    messages = list(page.messages)
    await other.close()
    other = await Page(lobby, bo).open()
    third = await Page(lobby, cy).open()  # a change that is shown
    await until(lambda: page.client.people == 3)
    assert [list(message)[6:] for message in page.messages[len(messages) :]] == [["joined"]]
    assert len(page.client.members[str(bo.pk)]["connections"]) == 1
    for each in (page, other, third):
        await each.close()


async def test_a_departure_is_shown_after_the_grace() -> None:
    lobby = roster_of(AsyncLobby, Names(grace=0.3))
    ada, bo = await new_user("ada"), await new_user("bo")
    page = await Page(lobby, ada).open()
    other = await Page(lobby, bo).open()
    await until(lambda: page.client.people == 2)
    await other.close()
    await until(lambda: page.names() == ["ada"])
    await page.close()


async def test_a_page_resumes_with_the_difference() -> None:
    ada, bo, cy = [await new_user(name) for name in ("ada", "bo", "cy")]
    stays = [await Page(AsyncLobby, user).open() for user in (bo, cy)]
    page = await Page(AsyncLobby, ada).open()
    await page.close()
    await stays[0].close()
    page = await page.open()
    await until(lambda: page.names() == ["cy", "ada"])
    answer = page.messages[-1]
    assert (answer["type"], answer["left"]) == ("presence.diff", [str(bo.pk)])
    await stays[1].close()
    await page.close()


@both
async def test_a_client_may_follow_only_rooms_of_its_consumer(lobby: Any) -> None:
    ada = await new_user("ada")
    other = await Page(lobby, ada, "secret").open()
    page = await Page(lobby, ada, "secret").open("", follow=False)
    page.client.follow()
    await page.call("join_room", "elsewhere")
    await other.socket.send_json_to({"status": "away"})
    await until(lambda: other.client.members[str(ada.pk)]["info"].get("status") == "away")
    assert page.messages == []
    await page.call("join_room", "secret")
    await until(lambda: page.client.people == 1)
    await page.call("leave_room", "secret")
    await until(lambda: page.messages[-1]["type"] == "presence.unfollowed")
    assert page.client.members == {}
    await page.call("join_room", "secret")
    await until(lambda: page.client.people == 1)
    assert page.messages[-1]["type"] == "presence.snapshot"
    for each in (page, other):
        await each.close()


@both
async def test_an_observer_is_not_in_the_roster(lobby: Any) -> None:
    ada, bo = await new_user("ada"), await new_user("bo")
    other = await Page(lobby, ada).open()
    page = await Page(lobby, bo).open("", follow=False)
    page.client.follow()
    await page.call("observe_roster", "lobby")
    await until(lambda: page.names() == ["ada"])
    await page.call("unobserve_roster", "lobby")
    await until(lambda: page.client.members == {})
    await page.call("unobserve_roster", "lobby")
    assert other.names() == ["ada"]
    for each in (page, other):
        await each.close()


async def test_a_connection_that_another_process_ends_is_told() -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    channel = (await Presence.objects.aget()).channel_name
    await Room.objects.aremove("lobby", channel)
    await until(lambda: page.messages[-1]["type"] == "presence.unfollowed")
    await page.close()


async def test_an_end_by_a_process_that_does_not_tell_is_found() -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    other = await Page(AsyncLobby, await new_user("bo")).open()
    await until(lambda: page.client.people == 2)
    channel = (await Presence.objects.alatest("id")).channel_name

    class Known:
        def __init__(self) -> None:
            self.channel = channel

    await end_elsewhere("leave", "lobby", Known())  # type: ignore[arg-type]
    await until(lambda: page.names() == ["ada"])
    for each in (page, other):
        await each.close()


class Hiding(Names):
    """Shows users whose name begins with x to staff only."""

    def view(self, scope: Any) -> Any:
        return "staff" if scope["user"].get_username().startswith("x") else ""

    def show(self, member: Member, view: Any) -> dict[str, Any] | None:
        return None if member.info["name"].startswith("x") and view != "staff" else super().show(member, view)


async def test_a_hidden_member_is_in_no_message_and_no_count() -> None:
    lobby = roster_of(AsyncLobby, Hiding(grace=0))
    ada, eve, xi = [await new_user(name) for name in ("ada", "eve", "xi")]
    page = await Page(lobby, ada).open()
    hidden = await Page(lobby, xi).open()
    assert hidden.names() == ["ada", "xi"]
    await hidden.socket.send_json_to({"status": "busy"})
    await until(lambda: hidden.client.members[str(xi.pk)]["info"].get("status") == "busy")
    other = await Page(lobby, eve).open()
    await until(lambda: page.names() == ["ada", "eve"])
    assert page.client.people == 2
    await page.close()
    await hidden.close()
    page = await page.open()
    await until(lambda: sorted(page.names()) == ["ada", "eve"])
    sent = json.dumps(page.messages)
    assert '"xi"' not in sent
    assert f'"{xi.pk}"' not in sent
    for each in (page, other):
        await each.close()


class Failing(Roster):
    """Each hook fails where the data of the connection says so."""

    def person(self, user_id: Any, data: Any) -> str | None:
        if data == {"fail": "person"}:
            raise RuntimeError(data)
        return super().person(user_id, data)

    def serialize(self, members: Any) -> Any:
        if any(member.data == {"fail": "serialize"} for member in members):
            raise RuntimeError
        return {member.id: {"name": member.name} for member in members}

    def show(self, member: Member, view: Any) -> dict[str, Any] | None:
        match member.data.get("fail"):
            case "show":
                raise RuntimeError
            case "encoding":
                return {"id": member.id, "connections": {1, 2}}
            case "id":
                return {"id": 7}
        return super().show(member, view)

    def view(self, scope: Any) -> Any:
        match scope["user"].get_username():
            case "mallory":
                raise RuntimeError
            case "list":
                return []
        return None


async def test_a_hook_that_fails_hides_and_stops_nothing(caplog: Any) -> None:
    lobby = roster_of(AsyncLobby, Failing(grace=0))
    page = await Page(lobby, await new_user("ada")).open()
    other = await Page(lobby, await new_user("bo")).open()
    await until(lambda: page.client.people == 2)
    for hook in ("show", "encoding", "id"):
        await other.socket.send_json_to({"fail": hook})
        await until(lambda: page.names() == ["ada"])
        await other.socket.send_json_to({"ok": hook})
        await until(lambda: page.names() == ["ada", "bo"])
    await other.socket.send_json_to({"fail": "person"})
    await until(lambda: page.client.anonymous == 1)
    await other.socket.send_json_to({"ok": "again"})
    await until(lambda: page.names() == ["ada", "bo"])
    thirds = [await Page(lobby, await new_user(name)).open(follow=False) for name in ("mallory", "list")]
    for third in thirds:
        third.client.follow()
    await until(lambda: caplog.text.count("view() failed") == 2)
    assert all(f"{hook}() failed" in caplog.text for hook in ("show", "person"))
    for each in (page, other, *thirds):
        await each.close()


async def test_a_member_who_cannot_be_serialized_is_shown_as_before_or_not_at_all(caplog: Any) -> None:
    class Late(AsyncLobby):
        presence_roster = Failing(grace=0)

        async def connect(self) -> None:
            await self.accept()
            await self.join_room("lobby", {"fail": "serialize"})

    lobby = roster_of(AsyncLobby, Failing(grace=0))
    page = await Page(lobby, await new_user("ada")).open()
    await page.socket.send_json_to({"fail": "serialize"})
    late = await Page(Late, await new_user("bo")).open()
    other = await Page(lobby, await new_user("cy")).open()
    await until(lambda: page.names() == ["ada", "cy"])
    assert "serialize() failed" in caplog.text
    await late.socket.send_json_to({"ok": "again"})
    await until(lambda: sorted(page.names()) == ["ada", "bo", "cy"])
    for each in (page, late, other):
        await each.close()


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"version": 2, "room": "lobby"}, {"reason": "version", "versions": [1], "room": "lobby"}),
        ({"version": 1, "room": "x" * 300}, {"reason": "room", "room": "x" * 300}),
        ({"version": 1, "room": 7}, {"reason": "room", "room": None}),
        ({"version": 1, "room": "\ud800"}, {"reason": "room", "room": None}),
        ({"version": 1, "room": "x y"}, {"reason": "room", "room": "x y"}),
    ],
)
async def test_a_request_that_is_not_accepted_is_refused(message: dict[str, Any], answer: dict[str, Any]) -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open(follow=False)
    await page.socket.send_json_to({"type": "presence.follow", **message})
    await until(lambda: page.others or page.messages)
    assert (page.others + page.messages)[0] == {"type": "presence.refused", **answer}
    await page.close()


async def test_a_client_cannot_follow_any_number_of_rooms() -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open(follow=False)
    for number in range(101):
        await page.socket.send_json_to({"type": "presence.follow", "version": 1, "room": f"room-{number}"})
    await until(lambda: page.others)
    assert page.others == [{"type": "presence.refused", "room": "room-100", "reason": "rooms"}]
    await page.socket.send_json_to({"type": "presence.unfollow", "room": "room-7"})
    await page.socket.send_json_to({"type": "presence.unfollow", "room": None})
    await page.socket.send_json_to({"type": "presence.follow", "version": 1, "room": "lobby"})
    await until(lambda: page.messages)
    await page.close()


@pytest.mark.parametrize(
    "text", ['"presence.', '{"type": "presence.other"}', '["presence."]', "[" * 100_000 + '"presence.']
)
async def test_other_texts_reach_the_consumer(text: str) -> None:
    class Echo(AsyncLobby):
        async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
            await self.send_json({"length": len(text_data or "")})

    page = await Page(Echo, await new_user("ada")).open(follow=False)
    await page.socket.send_to(text_data=text)
    await until(lambda: page.others)
    assert page.others == [{"length": len(text)}]
    await page.socket.send_to(bytes_data=b"presence.")
    await until(lambda: len(page.others) == 2)
    await page.close()


@pytest.mark.parametrize("mark", ["", "x", "1.2.3", 7, {"a": 1}, "x" * 20_000, "\ud800"])
async def test_a_mark_that_is_none_gets_a_snapshot(mark: Any) -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open(follow=False)
    await page.socket.send_json_to({"type": "presence.follow", "version": 1, "room": "lobby", "mark": mark})
    await until(lambda: page.messages)
    assert page.messages[0]["type"] == "presence.snapshot"
    await page.close()


async def test_an_unfollowed_room_is_sent_no_more() -> None:
    page = await Page(AsyncLobby, await new_user("ada")).open()
    page.client.unfollow()
    other = await Page(AsyncLobby, await new_user("bo")).open()
    assert other.client.people == 2
    await page.call("leave_room", "nowhere")
    assert len(page.messages) == 1
    page.client.follow()
    await until(lambda: page.names() == ["ada", "bo"])
    for each in (page, other):
        await each.close()


def test_a_roster_has_to_be_an_instance() -> None:
    with pytest.raises(TypeError, match="presence_roster has to be a Roster, such as Roster"):
        type("Wrong", (AsyncLobby,), {"presence_roster": Roster})


async def test_observing_needs_a_roster_and_a_name() -> None:
    class Without(AsyncPresenceMixin, AsyncLobby.__mro__[2]):  # type: ignore[misc]
        pass

    with pytest.raises(TypeError, match="Without has no presence_roster"):
        await Without().observe_roster("lobby")
    page = await Page(AsyncLobby, await new_user("ada")).open(follow=False)
    consumer: Any = AsyncLobby()
    with pytest.raises(AttributeError):
        await consumer.observe_roster("lobby")
    await page.close()


async def test_a_consumer_without_a_layer_has_rosters(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    page = await Page(AsyncLobby, await new_user("ada")).open()
    other = await Page(AsyncLobby, await new_user("bo")).open()
    await until(lambda: page.names() == ["ada", "bo"])
    for each in (page, other):
        await each.close()
