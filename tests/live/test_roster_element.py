"""The element ``<presence-roster>`` in a real browser, under the strictest policy: texts, layout, accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.template import engines
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.live.browser import launched, listen
from tests.live.roster_pages import RosterPages, serving
from tests.projections.rosters.test_client import diff, member, snapshot
from tests.waiting import wait_until

HOSTILE = ["<img src=x onerror=alert(1)>", "\u202eadA {{7*7}}", "&amp;" + "x" * 145]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def server() -> Iterator[RosterPages]:
    with serving() as server:
        yield server


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def context(browser: Browser, server: RosterPages, errors: list[str]) -> Iterator[BrowserContext]:
    """A browser context. Its errors, warnings and policy violations fail the test."""
    context = browser.new_context(base_url=server.url, viewport={"width": 390, "height": 800})
    context.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    listen(context, errors)
    yield context
    context.close()
    assert errors == []


class Opening:
    """Opens pages with the element."""

    def __init__(self, context: BrowserContext, server: RosterPages) -> None:
        self.context = context
        self.server = server

    def __call__(self, *members: dict[str, Any], tag: str = "", html: str = "lang=en", **fields: Any) -> Page:
        self.server.answers["lobby"] = snapshot("a", *members, **fields)
        script = '<script type="module" src="/static/projections/presence-roster.js"></script>'
        element = tag or f'{script}<presence-roster room="lobby" url="/ws/lobby/"></presence-roster>'
        self.server.pages["/"] = (
            f"<!doctype html><html {html}><head><meta name=viewport content='width=device-width'><title>Lobby</title>"
            f"</head><body><main><h1>Lobby</h1>{element}</main></body></html>"
        )
        page = self.context.new_page()
        page.goto("/")
        return page


@pytest.fixture
def open_page(context: BrowserContext, server: RosterPages) -> Opening:
    return Opening(context, server)


def part(page: Page, name: str) -> Locator:
    return page.locator(f"presence-roster [part~={name}]")


def test_it_shows_who_is_there(open_page: Opening) -> None:
    page = open_page(member("7", "Ada", 3), member("9", "Bo"), {"id": "12", "connections": [{}]}, anonymous=2)
    expect(part(page, "name")).to_have_text(["Ada", "Bo", "12"])
    expect(part(page, "tabs").locator("visible=true")).to_have_text(["3 tabs"])
    expect(part(page, "count")).to_have_text("3 people")
    expect(part(page, "anonymous")).to_have_text("2 anonymous connections")
    expect(part(page, "status")).to_be_hidden()
    expect(part(page, "more")).to_be_hidden()


def test_it_follows_the_room(open_page: Opening, server: RosterPages) -> None:
    page = open_page(member("7", "Ada"), member("9", "Bo"))
    expect(part(page, "name")).to_have_text(["Ada", "Bo"])
    page.evaluate("window.kept = document.querySelector('presence-roster').shadowRoot.querySelectorAll('li')[1]")
    server.send(diff("a", "b", 2, left=["7"], joined=[member("12", "Cy")], updated=[member("9", "Bob", 2)]))
    expect(part(page, "name")).to_have_text(["Bob", "Cy"])
    expect(part(page, "tabs").locator("visible=true")).to_have_text(["2 tabs"])
    assert page.evaluate("kept.isConnected && kept.textContent") == "Bob2 tabs"
    server.send(diff("b", "c", 0, left=["9", "12"]))
    expect(part(page, "count")).to_have_text("0 people")
    expect(part(page, "list")).to_have_attribute("hidden", "")


def test_a_new_order_moves_entries(open_page: Opening, server: RosterPages) -> None:
    page = open_page(member("7"), member("9"), member("12"))
    expect(part(page, "name")).to_have_text(["7", "9", "12"])
    server.send(snapshot("b", member("12"), member("7"), member("9")))
    expect(part(page, "name")).to_have_text(["12", "7", "9"])


def test_an_entry_keeps_the_focus(open_page: Opening, server: RosterPages) -> None:
    tag = (
        '<script type="module" src="/static/projections/presence-roster.js"></script><presence-roster room="lobby"'
        ' url="/ws/"><template><button data-field="name"></button></template></presence-roster>'
    )
    page = open_page(member("7"), member("9"), member("12"), tag=tag)
    button = page.get_by_role("button", name="9")
    button.focus()
    server.send(diff("a", "b", 3, left=["7"], joined=[member("13")], updated=[member("9", "Bo")]))
    expect(page.get_by_role("button")).to_have_text(["Bo", "12", "13"])
    expect(page.get_by_role("button", name="Bo")).to_be_focused()


def test_it_can_be_hidden(open_page: Opening) -> None:
    page = open_page(member("7"))
    expect(page.locator("presence-roster")).to_be_visible()
    page.evaluate("document.querySelector('presence-roster').hidden = true")
    expect(page.locator("presence-roster")).to_be_hidden()


def test_names_are_texts(open_page: Opening) -> None:
    page = open_page(*(member(str(number), name) for number, name in enumerate(HOSTILE)))
    expect(part(page, "name")).to_have_text(HOSTILE)
    assert page.locator("presence-roster img").count() == 0


def test_a_part_of_a_large_room_says_how_many_more_there_are(open_page: Opening) -> None:
    page = open_page(member("7"), people=12_346)
    expect(part(page, "count")).to_have_text("12,346 people")
    expect(part(page, "more")).to_have_text("and 12,345 more people")


def test_people_who_are_counted_are_not_listed(open_page: Opening, server: RosterPages) -> None:
    page = open_page()
    counted = snapshot("b", people=5)
    del counted["members"]
    expect(part(page, "count")).to_have_text("0 people")
    server.send(counted)
    expect(part(page, "count")).to_have_text("5 people")
    expect(part(page, "more")).to_be_hidden()
    expect(part(page, "list")).to_be_hidden()


@pytest.mark.parametrize(
    ("html", "count", "tabs", "anonymous", "language"),
    [
        ("lang=de-AT", "1.234 Personen", "2 Tabs", "1 anonyme Verbindung", "de"),
        ("lang=en-GB", "1,234 people", "2 tabs", "1 anonymous connection", "en"),
        ("lang=fr", "1,234 people", "2 tabs", "1 anonymous connection", "en"),
        ("", "1,234 people", "2 tabs", "1 anonymous connection", "en"),
    ],
)
def test_its_texts_are_german_or_english(  # noqa: PLR0917
    html: str, count: str, tabs: str, anonymous: str, language: str, open_page: Opening
) -> None:
    page = open_page(member("7", connections=2), html=html, people=1234, anonymous=1)
    expect(part(page, "count")).to_have_text(count)
    expect(part(page, "count").locator("bdi")).to_have_attribute("lang", language)
    expect(part(page, "tabs")).to_have_text(tabs)
    expect(part(page, "anonymous")).to_have_text(anonymous)


def test_the_language_is_that_of_the_nearest_element(open_page: Opening, server: RosterPages) -> None:
    tag = (
        '<script type="module" src="/static/projections/presence-roster.js"></script>'
        '<section lang="de"><presence-roster room="lobby" url="/ws/"></presence-roster></section>'
    )
    page = open_page(member("7", connections=2000), tag=tag)
    expect(part(page, "count")).to_have_text("1 Person")
    expect(part(page, "tabs")).to_have_text("2.000 Tabs")
    page.evaluate(
        """() => {
            const host = document.querySelector("section").appendChild(document.createElement("div"));
            host.attachShadow({mode: "open"}).append(document.querySelector("presence-roster"));
        }"""
    )
    expect(part(page, "count")).to_have_text("1 Person")
    page.evaluate("document.querySelector('section').lang = 'en'")
    wait_until(lambda: len(server.sockets) == 1)
    server.send(diff("a", "b", 1))
    expect(part(page, "count")).to_have_text("1 person")
    expect(part(page, "tabs")).to_have_text("2,000 tabs")


def box(locator: Locator) -> tuple[float, float]:
    """The left and the right edge."""
    found = locator.evaluate(
        """node => {
            const range = document.createRange();
            range.selectNodeContents(node);
            const {left, right} = range.getBoundingClientRect();
            return [left, right];
        }"""
    )
    return found[0], found[1]


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_it_follows_the_direction_of_the_page(direction: str, open_page: Opening) -> None:
    page = open_page(member("7", "Ada", 2), html=f"lang=en dir={direction}")
    expect(part(page, "count")).to_have_text("1 person")
    name, tabs, count = box(part(page, "name")), box(part(page, "tabs")), box(part(page, "count"))
    assert (name[0] < tabs[0]) is (direction == "ltr")
    # The texts are aligned with the names, and their words are in the order of their language.
    assert (count[0] == name[0]) is (direction == "ltr")
    assert (count[1] == name[1]) is (direction == "rtl")
    expect(part(page, "count").locator("bdi")).to_have_attribute("dir", "ltr")


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_it_fits_a_narrow_screen(direction: str, open_page: Opening) -> None:
    page = open_page(member("7", "x" * 500, 1234), member("9", "long words " * 40, 2), html=f"lang=de dir={direction}")
    expect(part(page, "member")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.documentElement.scrollLeft") == 0


def test_axe_finds_nothing(open_page: Opening, server: RosterPages, errors: list[str]) -> None:
    page = open_page(member("7", "Ada", 2), member("9", "Bo"), people=3, anonymous=1)
    expect(part(page, "member")).to_have_count(2)
    expect(page.get_by_role("list", name="3 people")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(2)
    assert errors == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert Axe().run(page).response["violations"] == []
    server.send(diff("a", "b", 0, left=["7", "9"]))
    expect(part(page, "count")).to_have_text("0 people")
    assert Axe().run(page).response["violations"] == []
    errors.clear()  # Axe sets inline styles, which the policy refuses


def test_only_the_count_is_announced_and_only_when_it_changes(open_page: Opening, server: RosterPages) -> None:
    page = open_page(member("7"))
    expect(part(page, "count")).to_have_text("1 person")
    expect(page.locator("presence-roster [aria-live=polite]")).to_have_attribute("part", "count")
    page.evaluate(
        """() => {
            window.writes = [];
            const count = document.querySelector("presence-roster").shadowRoot.querySelector("[aria-live]");
            new MutationObserver(() => writes.push(count.textContent)).observe(count, {childList: true, subtree: true});
        }"""
    )
    server.send(diff("a", "b", 1, updated=[member("7", "Ada")]))
    expect(part(page, "name")).to_have_text("Ada")
    server.send(diff("b", "c", 2, joined=[member("9")]))
    expect(part(page, "count")).to_have_text("2 people")
    assert page.evaluate("writes") == ["2 people"]


def test_the_live_region_is_there_before_its_text(open_page: Opening, server: RosterPages) -> None:
    page = open_page(tag='<presence-roster room="hall" url="/ws/"></presence-roster>')
    page.evaluate('import("/static/projections/presence-roster.js")')
    expect(part(page, "status")).to_have_text("Connecting …")
    assert part(page, "count").get_attribute("hidden") is None


def test_it_says_that_it_is_not_connected_and_reconnects(open_page: Opening, server: RosterPages) -> None:
    page = open_page(member("7", "Ada"))
    expect(part(page, "name")).to_have_text("Ada")
    server.answers["lobby"] = diff("a", "b", 2, joined=[member("9", "Bo")])
    page.evaluate("Math.random = () => 0.5")
    server.sockets[0].close(1012)
    expect(part(page, "status-connecting")).to_have_text("Connecting …")
    expect(part(page, "name")).to_have_text(["Ada", "Bo"])
    expect(part(page, "status")).to_be_hidden()
    assert [message["mark"] for message in server.received] == [None, "a"]


def test_a_refused_roster_is_disconnected(open_page: Opening, server: RosterPages) -> None:
    page = open_page(member("7"), html="lang=de")
    expect(part(page, "member")).to_have_count(1)
    server.send({"type": "presence.refused", "room": "lobby", "reason": "version", "versions": [2]})
    expect(part(page, "status-closed")).to_have_text("Getrennt")
    wait_until(lambda: server.sockets == [])


def test_a_removed_element_closes_its_socket_and_a_moved_one_opens_another(
    open_page: Opening, server: RosterPages
) -> None:
    page = open_page(member("7"))
    expect(part(page, "member")).to_have_count(1)
    page.evaluate("window.roster = document.querySelector('presence-roster'); roster.remove()")
    wait_until(lambda: server.sockets == [])
    page.evaluate("document.body.prepend(roster)")
    expect(part(page, "member")).to_have_count(1)
    assert len(server.sockets) == 1


def test_another_room_is_followed_when_the_attribute_changes(open_page: Opening, server: RosterPages) -> None:
    page = open_page(member("7"))
    expect(part(page, "name")).to_have_text("7")
    server.answers["hall"] = snapshot("a", member("9")) | {"room": "hall"}
    page.evaluate("document.querySelector('presence-roster').setAttribute('room', 'lobby')")
    page.evaluate("document.querySelector('presence-roster').setAttribute('room', 'hall')")
    expect(part(page, "name")).to_have_text("9")
    wait_until(lambda: len(server.sockets) == 1)
    assert [message["room"] for message in server.received] == ["lobby", "hall"]
    page.evaluate("document.querySelector('presence-roster').removeAttribute('url')")
    expect(part(page, "member")).to_have_count(0)
    expect(part(page, "status")).to_be_hidden()
    wait_until(lambda: server.sockets == [])


def test_a_template_is_the_content_of_an_entry(open_page: Opening) -> None:
    tag = (
        '<presence-roster room="lobby" url="/ws/"><template><b part="who" data-field="name"></b>'
        '<i data-field="info.status"></i><u data-field="tabs"></u><s data-field="id"></s><q data-field="later"></q>'
        '</template></presence-roster><script type="module" src="/static/projections/presence-roster.js"></script>'
    )
    away = member("9", "Bo", 2) | {"info": {"name": "Bo", "status": "<b>away</b>"}}
    page = open_page(member("7", "Ada"), away, {"id": "12", "info": "text", "connections": [{}]}, tag=tag)
    expect(part(page, "who")).to_have_text(["Ada", "Bo", "12"])
    expect(page.locator("presence-roster i").locator("visible=true")).to_have_text(["<b>away</b>"])
    expect(page.locator("presence-roster u").locator("visible=true")).to_have_text(["2 tabs"])
    expect(page.locator("presence-roster s")).to_have_text(["7", "9", "12"])
    expect(page.locator("presence-roster q").locator("visible=true")).to_have_count(0)


def test_it_shows_a_roster_of_the_project(open_page: Opening, server: RosterPages) -> None:
    """The property may be set before the element is defined and afterwards. The project closes its rosters itself."""
    page = open_page(tag='<presence-roster room="lobby" url="/ws/"></presence-roster>')
    rosters = page.evaluate(
        """async () => {
            const {Roster} = await import("/static/projections/roster.js");
            const one = new Roster("lobby", {send() {}});
            one.receive({type: "presence.snapshot", room: "lobby", mark: "a", people: 1, anonymous: 0,
                         members: [{id: "Ada", connections: [{}]}]});
            const element = document.querySelector("presence-roster");
            element.roster = one;
            await import("/static/projections/presence-roster.js");
            const first = element.shadowRoot.querySelector("li").textContent;
            const other = new Roster("lobby", {send() {}});
            const before = element.roster === one;
            element.roster = other;
            const after = element.roster === other;
            other.receive({type: "presence.snapshot", room: "lobby", mark: "a", people: 1, anonymous: 0,
                           members: [{id: "Bo", connections: [{}]}]});
            element.remove();
            other.receive({type: "presence.diff", room: "lobby", before: "a", mark: "b", people: 0, anonymous: 0,
                           left: ["Bo"]});
            return [first, before, after, element.shadowRoot.querySelector("li").textContent,
                    one.state, other.state, element.roster === other];
        }"""
    )
    assert rosters == ["Ada", True, True, "Bo", "live", "live", True]
    assert server.received == []


def test_the_template_tag_shows_it_with_a_nonce(open_page: Opening, server: RosterPages) -> None:
    server.policy = "default-src 'none'; script-src 'nonce-n0nce'; connect-src 'self'"
    tag = engines["django"].from_string('{% load presence %}{% presence_roster "lobby" url="/ws/lobby/" %}')
    page = open_page(member("7", "Ada"), tag=tag.render({"csp_nonce": "n0nce"}))
    expect(part(page, "name")).to_have_text("Ada")
