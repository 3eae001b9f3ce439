"""The client in JavaScript, in Node: the socket, the page and the timers. The folding is compared with Python's."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from tests.projections.rosters.node import STATIC, NodeClient, running
from tests.projections.rosters.test_client import DIFFERENCES, diff, followed, member, snapshot

UNFOLLOW = {"type": "presence.unfollow", "room": "lobby"}
PING = '{"type":"presence.ping"}'


@pytest.fixture(scope="module")
def process() -> Iterator[NodeClient]:
    with running() as process:
        yield process


class Page:
    """A roster of the room lobby in a page."""

    def __init__(self, process: NodeClient) -> None:
        self.process = process
        self.is_there = False

    def make(self, **arguments: Any) -> dict[str, Any]:
        self.is_there = True
        return self.process.do("new", room="lobby", **arguments)

    def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        return self.process.do(command, **arguments)

    def socket(self, event: str, **properties: Any) -> dict[str, Any]:
        return self.do("socket", event=event, **properties)

    def go_live(self, **arguments: Any) -> None:
        """Makes a roster with a socket of its own, and lets it become live."""
        self.make(**{"with": "url"}, **arguments)
        assert self.socket("open")["state"] == "connecting"
        assert self.answer()["state"] == "live"

    def answer(self) -> dict[str, Any]:
        return self.do("receive", message=snapshot("a", member("7")))


@pytest.fixture
def page(process: NodeClient) -> Iterator[Page]:
    """After the test the roster is closed, and no timer and no listener may remain."""
    page = Page(process)
    yield page
    if page.is_there:
        end = page.do("close")
        assert (end["state"], end["timers"], end["listeners"]) == ("closed", [], 0)


def kinds(answer: dict[str, Any]) -> list[Any]:
    return [detail if kind == "state" else kind for kind, detail in answer["events"]]


def test_it_is_small() -> None:
    assert len(gzip.compress((STATIC / "roster.js").read_bytes())) < 4096


def test_its_types_are_beside_it() -> None:
    assert "export class Roster" in (STATIC / "roster.d.ts").read_text()


# A socket of the project


def test_with_a_function_it_follows_when_the_socket_opened(page: Page) -> None:
    assert page.make()["sent"] == []
    assert page.do("receive", message=diff("a", "b", 1))["sent"] == []
    opened = page.do("opened")
    assert (opened["sent"], opened["events"]) == ([followed(None)], [])
    live = page.answer()
    assert (live["handled"], kinds(live)) == (True, ["live", "join", "sync"])
    assert page.do("opened")["sent"] == [followed("a")]
    assert page.do("lost")["state"] == "connecting"


def test_closing_it_unfollows_and_keeps_the_list(page: Page) -> None:
    page.make()
    page.do("opened")
    page.answer()
    end = page.do("close")
    assert (end["sent"], kinds(end), end["members"]) == ([UNFOLLOW], ["closed"], [member("7")])
    assert page.do("close")["events"] == []
    assert page.do("opened")["sent"] == []
    assert page.do("receive", message=snapshot("b"))["handled"] is False


def test_closed_before_the_socket_opened_it_sends_nothing(page: Page) -> None:
    page.make()
    assert page.do("close")["sent"] == []


@pytest.mark.parametrize("socket_state", [0, 1])
def test_it_uses_a_socket_that_opens_or_is_open(socket_state: int, page: Page) -> None:
    made = page.make(**{"with": "socket"}, socketState=socket_state)
    assert made["sent"] == [followed(None)] * socket_state
    if not socket_state:
        assert page.socket("open")["sent"] == [followed(None)]
    live = page.socket(
        "message", data='{"type":"presence.snapshot","room":"lobby","mark":"a","people":0,"anonymous":0}'
    )
    assert (live["state"], live["listed_all"]) == ("live", None)
    assert page.socket("close", code=1006)["state"] == "connecting"
    assert page.socket("open")["sent"] == [followed("a")]
    assert page.do("close")["closed"] == 0


@pytest.mark.parametrize("message", ["hello", "null", 7, None, {"room": "lobby"}, {**snapshot("b"), "room": "hall"}])
def test_other_messages_are_not_for_it(message: Any, page: Page) -> None:
    page.make()
    page.do("opened")
    page.answer()
    answer = page.do("receive", message=message)
    assert (answer["handled"], answer["events"], answer["mark"]) == (False, [], "a")


@pytest.mark.parametrize("reason", ["version", "room", "rooms"])
def test_a_refusal_closes_it(reason: str, page: Page) -> None:
    page.make()
    page.do("opened")
    end = page.do("receive", message={"type": "presence.refused", "room": "lobby", "reason": reason})
    assert (end["handled"], end["state"], end["reason"], end["sent"]) == (True, "closed", reason, [])


def test_out_of_the_room_it_has_nothing(page: Page) -> None:
    page.make()
    page.do("opened")
    page.answer()
    answer = page.do("receive", message={"type": "presence.unfollowed", "room": "lobby"})
    assert (answer["state"], answer["mark"], answer["members"]) == ("connecting", None, [])
    assert kinds(answer) == ["connecting", "sync"]
    assert page.do("receive", message=diff("a", "b", 1))["sent"] == [followed(None)]
    assert page.answer()["state"] == "live"


# A socket of its own


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("/ws/lobby/", "wss://example.com/ws/lobby/"),
        ("live/", "wss://example.com/rooms/live/"),
        ("http://other.example/ws/", "ws://other.example/ws/"),
        ("wss://other.example/ws/", "wss://other.example/ws/"),
    ],
)
def test_the_address_is_that_of_a_websocket(url: str, address: str, page: Page) -> None:
    assert page.make(**{"with": "url"}, options={"url": url})["opened"] == [address]


def test_it_follows_and_answers_pings(page: Page) -> None:
    page.make(**{"with": "url"})
    assert page.socket("open")["sent"] == [followed(None)]
    assert page.socket("message", data=PING)["sent"] == [{"type": "presence.ping"}]
    live = page.socket(
        "message", data='{"type":"presence.snapshot","room":"lobby","mark":"a","people":0,"anonymous":0}'
    )
    assert live["state"] == "live"
    end = page.do("close")
    assert (end["sent"], end["closed"], end["state"]) == ([], 1, "closed")
    assert page.socket("close", code=1000)["timers"] == []


def test_it_reconnects_with_its_mark(page: Page) -> None:
    page.go_live()
    lost = page.socket("close", code=1006)
    assert (lost["state"], lost["timers"], lost["members"]) == ("connecting", [1000], [member("7")])
    assert page.do("advance", ms=999)["opened"] == []
    assert len(page.do("advance", ms=1)["opened"]) == 1
    assert page.socket("open")["sent"] == [followed("a")]


def test_the_delay_doubles_and_is_random(page: Page) -> None:
    page.make(**{"with": "url"})
    delays = []
    for _ in range(7):
        (delay,) = page.socket("close", code=1006)["timers"]
        delays.append(delay)
        page.do("advance", ms=delay)
    assert delays == [1000, 2000, 4000, 8000, 16000, 30000, 30000]
    page.do("random", value=0.25)
    assert page.socket("close", code=1006)["timers"] == [7500]


def test_only_an_answer_ends_the_growth_of_the_delay(page: Page) -> None:
    page.make(**{"with": "url"})
    for delay in (1000, 2000):
        page.socket("open")
        assert page.socket("close", code=1011)["timers"] == [delay]
        page.do("advance", ms=delay)
    page.socket("open")
    page.answer()
    assert page.socket("close", code=1011)["timers"] == [1000]


def test_an_evicted_connection_connects_at_once_but_not_in_a_loop(page: Page) -> None:
    page.go_live()
    assert page.socket("close", code=4408)["timers"] == [0]
    page.do("advance", ms=0)
    page.socket("open")
    assert page.socket("close", code=4408)["timers"] == [2000]


@pytest.mark.parametrize(("code", "is_final"), [(4401, True), (4403, True), (4404, True), (4409, True), (4000, False)])
def test_some_close_codes_are_final(code: int, is_final: bool, page: Page) -> None:
    page.go_live()
    end = page.socket("close", code=code)
    assert (end["state"], end["reason"]) == (("closed", code) if is_final else ("connecting", None))


def test_the_final_close_codes_can_be_chosen(page: Page) -> None:
    page.go_live(options={"finalCodes": [4000]})
    assert page.socket("close", code=4409)["state"] == "connecting"
    page.do("advance", ms=1000)
    assert page.socket("close", code=4000)["reason"] == 4000


def test_it_connects_at_once_when_the_browser_is_online_again(page: Page) -> None:
    page.go_live()
    assert page.do("input", event="online")["opened"] == []
    page.socket("close", code=1006)
    online = page.do("input", event="online")
    assert (len(online["opened"]), online["timers"]) == (1, [])
    assert page.do("input", event="online")["opened"] == []


def test_closed_while_it_waits_it_does_not_connect(page: Page) -> None:
    page.go_live()
    page.socket("close", code=1006)
    assert page.do("close")["timers"] == []
    assert page.do("advance", ms=60_000)["opened"] == []


# The page


def test_a_hidden_page_pauses_and_resumes_with_its_mark(page: Page) -> None:
    page.go_live()
    assert page.do("page", state="hidden")["state"] == "live"
    assert page.do("advance", ms=9_999)["sent"] == []
    paused = page.do("advance", ms=1)
    assert (paused["sent"], paused["state"]) == ([UNFOLLOW], "paused")
    # What was on its way is applied, and what is missed then is not asked for.
    late = page.do("receive", message=diff("a", "b", 0, left=["7"]))
    assert (late["mark"], late["state"]) == ("b", "paused")
    assert page.do("receive", message=diff("c", "d", 0))["sent"] == []
    shown = page.do("page", state="visible")
    assert (shown["sent"], shown["state"]) == ([followed("b")], "connecting")
    assert page.do("receive", message=diff("b", "b", 0))["state"] == "live"


def test_a_page_that_is_hidden_shortly_does_not_pause(page: Page) -> None:
    page.go_live()
    page.do("page", state="hidden")
    page.do("advance", ms=9_999)
    assert page.do("page", state="visible")["sent"] == []
    assert page.do("advance", ms=60_000)["state"] == "live"


def test_a_page_that_begins_hidden_pauses(page: Page) -> None:
    page.go_live(state="hidden", options={"pause": 500})
    assert page.do("advance", ms=500)["sent"] == [UNFOLLOW]


def test_it_does_not_pause_if_the_project_says_so(page: Page) -> None:
    page.go_live(options={"pause": False})
    assert page.do("page", state="hidden")["timers"] == []
    assert page.do("page", state="visible")["sent"] == []


def test_a_paused_roster_stays_connected(page: Page) -> None:
    """The connection is what makes the user present, so it is restored, also while the page is hidden."""
    page.go_live()
    page.do("page", state="hidden")
    page.do("advance", ms=10_000)
    assert page.socket("close", code=1006)["state"] == "paused"
    assert len(page.do("advance", ms=1000)["opened"]) == 1
    assert page.socket("open")["sent"] == []
    assert page.do("page", state="visible")["sent"] == [followed("a")]


def test_a_page_that_is_shown_without_a_connection_waits_for_it(page: Page) -> None:
    page.go_live()
    page.socket("close", code=1006)
    page.do("page", state="hidden")
    page.do("random", value=1)
    page.do("advance", ms=10_000)
    shown = page.do("page", state="visible")
    assert (shown["state"], shown["sent"]) == ("connecting", [])
    assert page.socket("open")["sent"] == [followed("a")]


def test_a_paused_roster_that_is_closed_sends_nothing(page: Page) -> None:
    page.make()
    page.do("opened")
    page.do("page", state="hidden")
    page.do("advance", ms=10_000)
    assert page.do("close")["sent"] == []


# Activity


def activity(state: str) -> dict[str, Any]:
    return {"type": "presence.activity", "room": "lobby", "activity": state}


def test_activity_is_reported_when_it_changes(page: Page) -> None:
    page.go_live(options={"activity": True})
    assert page.do("input", event="keydown")["sent"] == []
    page.do("advance", ms=40_000)
    page.do("input", event="pointermove")
    assert page.do("advance", ms=59_999)["sent"] == []
    assert page.do("advance", ms=1)["sent"] == [activity("idle")]
    assert page.do("advance", ms=600_000)["sent"] == []
    assert page.do("input", event="wheel")["sent"] == [activity("active")]
    assert page.do("page", state="hidden")["sent"] == [activity("hidden")]
    assert page.do("advance", ms=60_000)["sent"] == [UNFOLLOW]
    assert page.do("page", state="visible")["sent"] == [activity("active"), followed("a")]


def test_after_a_reconnect_the_activity_is_reported_again(page: Page) -> None:
    page.go_live(options={"activity": True, "idleAfter": 100})
    page.socket("close", code=1006)
    idle = page.do("advance", ms=1000)
    assert (idle["activity"], idle["sent"]) == ("idle", [])
    assert page.socket("open")["sent"] == [activity("idle"), followed("a")]


def test_activity_can_be_reported_by_a_function(page: Page) -> None:
    page.go_live(report=True)
    idle = page.do("advance", ms=60_000)
    assert (idle["activities"], idle["sent"]) == (["idle"], [])
    assert page.do("page", state="hidden")["activities"] == ["hidden"]
    page.socket("close", code=4408)
    page.do("advance", ms=0)
    answer = page.socket("open")
    assert (answer["activities"], answer["sent"]) == ([], [followed("a")])


def test_without_the_option_the_input_is_not_observed(page: Page) -> None:
    page.go_live()
    page.do("advance", ms=600_000)
    assert page.do("input", event="keydown")["activity"] == "active"
    assert page.do("page", state="hidden")["activity"] == "active"


def test_a_page_that_begins_hidden_is_not_active(page: Page) -> None:
    page.make(**{"with": "url"}, state="hidden", options={"activity": True, "pause": False})
    assert page.socket("open")["sent"] == [activity("hidden"), followed(None)]


# Callbacks


@pytest.mark.parametrize(("before", "after", "is_update"), DIFFERENCES)
def test_an_update_is_reported_if_the_member_differs(before: Any, after: Any, is_update: bool, page: Page) -> None:
    page.make()
    page.do("receive", message=snapshot("a", member("7") | {"info": before}))
    answer = page.do("receive", message=diff("a", "b", 1, updated=[member("7") | {"info": after}]))
    assert kinds(answer) == ["update"] * is_update + ["sync"]
    assert answer["members"][0]["info"] == after


@pytest.mark.parametrize("marks", [{}, {"before": None, "mark": None}, {"before": None, "mark": "b"}])
def test_a_diff_without_marks_is_not_for_a_roster_without_a_mark(marks: dict[str, Any], page: Page) -> None:
    page.make()
    page.do("opened")
    change = diff("", "", 1, joined=[member("7")])
    del change["before"], change["mark"]
    assert page.do("receive", message=change | marks)["members"] == []


def test_callbacks_get_the_member_and_what_it_was_before(page: Page) -> None:
    page.make()
    for name in ("onJoin", "onLeave", "onUpdate", "onSync"):
        page.do("callback", on=name)
    page.do("opened")
    assert page.answer()["called"] == [["onJoin", "7", None], ["onSync", None, None]]
    renamed = member("7", "Ada")
    updated = page.do("receive", message=diff("a", "b", 1, updated=[renamed]))
    assert updated["called"] == [["onUpdate", "7", member("7")], ["onSync", None, None]]
    assert updated["events"] == [["update", {"member": renamed, "before": member("7")}], ["sync", None]]
    left = page.do("receive", message=diff("b", "c", 0, left=["7"]))
    assert left["called"] == [["onLeave", "7", None], ["onSync", None, None]]
    page.do("remove", on="onSync")
    assert page.do("receive", message=diff("c", "c", 0))["called"] == []


def test_a_faulty_callback_is_reported_and_does_not_break_the_roster(page: Page) -> None:
    page.make()
    page.do("callback", on="onJoin", fails=True)
    page.do("callback", on="onSync")
    page.do("opened")
    answer = page.answer()
    assert (answer["errors"], answer["mark"]) == (["faulty"], "a")
    assert answer["called"][-1] == ["onSync", None, None]


def test_closed_by_a_callback_it_reports_nothing_more(page: Page) -> None:
    page.make()
    page.do("callback", on="onJoin", closes=True)
    page.do("opened")
    answer = page.do("receive", message=snapshot("a", member("7"), member("9")))
    assert kinds(answer) == ["live", "join", "closed"]
    assert len(answer["members"]) == 2


def test_the_list_can_be_sorted_and_asked_for_one(page: Page) -> None:
    page.make()
    page.do("opened")
    both = page.do("receive", message=snapshot("a", member("9"), member("7")))
    assert [one["id"] for one in both["members"]] == ["9", "7"]
    assert [one["id"] for one in page.do("sorted")["sorted"]] == ["7", "9"]
    assert page.do("get", id="7")["member"] == member("7")
    assert page.do("get", id="8")["member"] is None


def test_it_knows_who_is_missing_if_all_are_listed(page: Page) -> None:
    page.make()
    assert page.do("missing", expected=["7"])["missing"] is None
    page.do("opened")
    page.do("receive", message=snapshot("a", member("7"), member("9")))
    assert page.do("missing", expected=["8", "7", 9, 12])["missing"] == ["8", 12]
    page.do("receive", message=diff("a", "b", 2, left=["7"], joined=[member("8")]))
    assert page.do("missing", expected=["8", "7"])["missing"] == ["7"]
    page.do("receive", message=snapshot("c", member("7"), people=2))
    assert page.do("missing", expected=["8"])["missing"] is None
