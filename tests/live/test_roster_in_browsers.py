"""Rosters in real browsers, of a real server: what each page shows, and which messages it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, WebSocket, expect

from presence_events.models import PresenceEvent
from tests.live.browser import launched, listen
from tests.live.cable import Cable
from tests.live.servers import Server
from tests.waiting import wait_until

PINGS = ("--ws-ping-interval", "1", "--ws-ping-timeout", "8")
"""With these, uvicorn finds an unplugged page soon."""

MAX_AGE = 9
LONG = "Bartholomew" * 13
"""The name of a resident. It makes the whole roster longer than a difference without that person.

A server answers with the shorter one.
"""

SHOWN = """roster => {
    const text = (part, within) => within.querySelector(`[part~=${part}]`).textContent;
    const members = [...roster.shadowRoot.querySelectorAll("[part~=member]")];
    return {
        people: Object.fromEntries(members.map((item) => [text("name", item), parseInt(text("tabs", item) || "1")])),
        count: text("count", roster.shadowRoot),
        status: text("status", roster.shadowRoot),
    };
}"""


@pytest.fixture(scope="module")
def server_of_module(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("server") / "uvicorn.log"
    server = Server("uvicorn", log, *PINGS, PRESENCE_MAX_AGE=str(MAX_AGE))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright runs an event loop in this thread. Django refuses queries in such a thread.
    with pytest.MonkeyPatch.context() as patch, launched() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield browser


class Tab:
    """A page with the roster of a room. It keeps what its WebSockets send and receive."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self._sent: list[dict[str, Any]] = []
        self._received: list[dict[str, Any]] = []
        self.page = context.new_page()
        self.page.on("websocket", self._listen)
        self.page.goto(address)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda text: self._sent.append(json.loads(text)))
        socket.on("framereceived", lambda text: self._received.append(json.loads(text)))

    def received(self, after: int = 0) -> list[dict[str, Any]]:
        """Returns the messages that have arrived so far, without the first ones: ``after`` is how many."""
        self._handle_events()
        return self._received[after:]

    def asked(self) -> list[str | None]:
        """Returns the marks with which the page has asked for the roster."""
        self._handle_events()
        return [message["mark"] for message in self._sent]

    def sees(self, people: dict[str, int], status: str = "") -> None:
        """Waits until the page shows these names, with the numbers of their tabs, and this state of the connection."""
        count = "1 person" if len(people) == 1 else f"{len(people)} people"

        def is_seen() -> bool:
            shown = self.page.locator("presence-roster").evaluate(SHOWN)
            assert shown == {"people": people, "count": count, "status": status}
            return True

        wait_until(is_seen)

    def close(self) -> None:
        self.page.close()

    def _handle_events(self) -> None:
        """Lets Playwright report what the browser has told it."""
        self.page.evaluate("0")


class Visitors:
    """Users in one room. Each has a browser of their own, with any number of tabs."""

    def __init__(self, browser: Browser, server: Server, users: Any, room: str) -> None:
        self.problems: list[str] = []
        self._browser = browser
        self._server = server
        self._users = users
        self._room = room
        self._keys: dict[str, str] = {}
        self._browsers: dict[str, BrowserContext] = {}

    def add(self, name: str, *, is_staff: bool = False) -> None:
        """Adds a user. The others are added when they open their first tab."""
        self._keys[name] = str(self._users.objects.create_user(name, is_staff=is_staff).pk)

    def open(
        self, name: str, consumer: str = "roster", *, port: int | None = None, data: dict[str, Any] | None = None
    ) -> Tab:
        """Opens a tab, and waits until it shows the roster."""
        if name not in self._keys:
            self.add(name)
        query = {"room": self._room, "user": self.id(name)}
        if data is not None:
            query["data"] = json.dumps(data)
        address = f"http://127.0.0.1:{port or self._server.port}/pages/{consumer}/?{urlencode(query)}"
        tab = Tab(self.browser(name), address)
        expect(tab.page.locator("presence-roster [part~=status-live]")).to_have_count(1)
        return tab

    def id(self, name: str) -> str:
        return self._keys[name]

    def browser(self, name: str) -> BrowserContext:
        if name not in self._browsers:
            context = self._browsers[name] = self._browser.new_context()
            context.route("**/favicon.ico", lambda route: route.fulfill(status=204))
            listen(context, self.problems)
        return self._browsers[name]

    def changes(self, messages: list[dict[str, Any]]) -> list[dict[str, list[str]]]:
        """Returns who joined, was updated and left in each of ``messages``, by name."""
        names = {key: name for name, key in self._keys.items()}
        kinds = ("joined", "updated", "left", "shown", "hidden")
        return [
            {
                kind: sorted(names[each["id"] if isinstance(each, dict) else each] for each in message[kind])
                for kind in kinds
                if kind in message
            }
            for message in messages
        ]

    def told(self, tab: Tab) -> set[tuple[str, str]]:
        """Returns which changes ``tab`` has been told: kinds and names."""
        changes = self.changes(tab.received())
        return {(kind, name) for change in changes for kind, names in change.items() for name in names}

    def log(self) -> list[str]:
        """Returns the kinds of the events of the room, without touches, in alphabetical order."""
        events = PresenceEvent.objects.filter(room=self._room).exclude(kind="touch")
        return sorted(events.values_list("kind", flat=True))

    def leave(self) -> None:
        """Closes all browsers."""
        for context in self._browsers.values():
            context.close()


@pytest.fixture
def visitors(
    server: Server, browser: Browser, django_user_model: Any, request: pytest.FixtureRequest
) -> Iterator[Visitors]:
    """Errors, warnings and policy violations of their pages fail the test, except that a server cannot be reached."""
    visitors = Visitors(browser, server, django_user_model, request.node.name)
    yield visitors
    visitors.leave()
    assert [problem for problem in visitors.problems if not problem.startswith("WebSocket connection to ")] == []


def test_two_users_see_each_other(visitors: Visitors) -> None:
    ada = visitors.open("ada")
    ada.sees({"ada": 1})
    bo = visitors.open("bo")
    for tab in (ada, bo):
        tab.sees({"ada": 1, "bo": 1})
    assert [message["type"] for message in bo.received()] == ["presence.snapshot"]
    bo.close()
    ada.sees({"ada": 1})
    assert visitors.changes(ada.received()) == [{}, {"joined": ["bo"]}, {"left": ["bo"]}]


def test_the_tabs_of_a_user_are_one_member(visitors: Visitors) -> None:
    ada = visitors.open("ada")
    tabs = []
    for number in (1, 2, 3):
        tabs.append(visitors.open("bo"))
        for tab in (ada, *tabs):
            tab.sees({"ada": 1, "bo": number})
    for number in (2, 1):
        tabs.pop().close()
        for tab in (ada, *tabs):
            tab.sees({"ada": 1, "bo": number})
    tabs.pop().close()
    ada.sees({"ada": 1})
    _, arrival, *updates, departure = visitors.changes(ada.received())
    assert (arrival, departure) == ({"joined": ["bo"]}, {"left": ["bo"]})
    assert updates == [{"updated": ["bo"]}] * 4


def test_a_reload_sends_the_other_pages_nothing(visitors: Visitors) -> None:
    ada, bo = visitors.open("ada", "patient-roster"), visitors.open("bo", "patient-roster")
    for tab in (ada, bo):
        tab.sees({"ada": 1, "bo": 1})
    before = ada.received()
    for number in (1, 2, 3):
        bo.page.reload()
        bo.sees({"ada": 1, "bo": 1})
        wait_until(lambda ends=number: visitors.log() == ["join"] * (2 + ends) + ["leave"] * ends)
    visitors.open("cy", "patient-roster")
    for tab in (ada, bo):
        tab.sees({"ada": 1, "bo": 1, "cy": 1})
    (message,) = ada.received(after=len(before))
    assert visitors.changes([message]) == [{"joined": ["cy"]}]
    assert message["before"] == before[-1]["mark"]


def test_an_unplugged_page_resumes_with_what_changed(server: Server, visitors: Visitors) -> None:
    """The server learns only later that the page was unplugged."""
    with closing(Cable(server.port)) as cable:
        ada, resident, dan = visitors.open("ada", port=cable.port), visitors.open(LONG), visitors.open("dan")
        for tab in (ada, resident, dan):
            tab.sees({"ada": 1, LONG: 1, "dan": 1})

        # The delays before further attempts become longer than the test: it has to notice that it is online again.
        ada.page.evaluate("Math.random = () => 1e6")
        cable.unplug()
        visitors.browser("ada").set_offline(True)
        ada.sees({"ada": 1, LONG: 1, "dan": 1}, "Connecting …")
        before = ada.received()
        dan.close()
        visitors.open("cy")
        wait_until(lambda: {("joined", "cy"), ("left", "dan")} <= visitors.told(resident))

        cable.plug_in()
        visitors.browser("ada").set_offline(False)
        ada.sees({"ada": 1, LONG: 1, "cy": 1})
        resident.sees({"ada": 1, LONG: 1, "cy": 1})
        answer, *later = ada.received(after=len(before))
        assert (answer["type"], answer["before"]) == ("presence.diff", before[-1]["mark"])
        assert visitors.changes([answer]) == [{"joined": ["ada", "cy"], "left": ["dan"]}]
        assert {message["type"] for message in later} <= {"presence.diff"}
        assert ada.asked() == [None, before[-1]["mark"]]


def test_a_page_resumes_when_its_killed_server_is_back(server: Server, visitors: Visitors, tmp_path: Path) -> None:
    """The other pages are those of a server that goes on."""
    killed = Server("uvicorn", tmp_path / "killed.log", PRESENCE_MAX_AGE=str(MAX_AGE))
    try:
        ada = visitors.open("ada", port=killed.port)
        resident = visitors.open(LONG)
        for tab in (ada, resident):
            tab.sees({"ada": 1, LONG: 1})

        killed.kill()
        ada.sees({"ada": 1, LONG: 1}, "Connecting …")
        before = ada.received()
        visitors.open("cy")
        resident.sees({"ada": 1, LONG: 1, "cy": 1})

        # Do not wait until it has no sockets: the page may be connected already.
        killed = Server("uvicorn", tmp_path / "again.log", wait=False, port=killed.port, PRESENCE_MAX_AGE=str(MAX_AGE))
        # The connection to the killed server counts until it is pruned.
        for tab in (ada, resident):
            tab.sees({"ada": 2, LONG: 1, "cy": 1})
        answer, *later = ada.received(after=len(before))
        assert (answer["type"], answer["before"]) == ("presence.diff", before[-1]["mark"])
        assert visitors.changes([answer, *later]) == [{"joined": ["ada", "cy"]}]
        assert ada.asked() == [None, before[-1]["mark"]]

        # Live servers have sent a beat in the last seconds.
        wait_until(lambda: server.prune(MAX_AGE - 2) == "1 pruned\n")
        for tab in (ada, resident):
            tab.sees({"ada": 1, LONG: 1, "cy": 1})
        assert visitors.told(resident) == {("joined", "cy"), ("updated", "ada")}
    finally:
        killed.kill()
        print(killed.output())


def test_a_hidden_member_is_in_no_message_and_in_no_count(visitors: Visitors) -> None:
    visitors.add("sue", is_staff=True)
    ada, sue = visitors.open("ada", "discreet-roster"), visitors.open("sue", "discreet-roster")
    ada.sees({"ada": 1, "sue": 1})
    before = len(ada.received())

    hidden = []
    for number in (1, 2):
        hidden.append(visitors.open("ivy", "discreet-roster", data={"invisible": True}))
        hidden[-1].sees({"ada": 1, "sue": 1})
        sue.sees({"ada": 1, "sue": 1, "ivy": number})
    bo = visitors.open("bo", "discreet-roster")
    sue.sees({"ada": 1, "sue": 1, "ivy": 2, "bo": 1})
    hidden.pop().close()
    sue.sees({"ada": 1, "sue": 1, "ivy": 1, "bo": 1})
    hidden.pop().close()
    sue.sees({"ada": 1, "sue": 1, "bo": 1})
    visitors.open("cy", "discreet-roster")

    for tab in (ada, sue, bo):
        tab.sees({"ada": 1, "sue": 1, "bo": 1, "cy": 1})
    assert visitors.changes(ada.received(after=before)) == [{"joined": ["bo"]}, {"joined": ["cy"]}]
    assert visitors.changes(bo.received()) == [{}, {"joined": ["cy"]}]
    for tab in (ada, bo):
        assert "ivy" not in json.dumps(tab.received())
        assert [message["people"] for message in tab.received()[-2:]] == [3, 4]
