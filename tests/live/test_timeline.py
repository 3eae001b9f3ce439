"""The timeline of the admin in a real browser: what is drawn, and what one can do with it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Locator, Page, Route, expect

from projections.admin.timeline import drawing
from tests.live.browser import launched, listen
from tests.past import Stay, write
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
TIMELINE = "/admin/projections/timeline/"
HOSTILE = ["<img src=x onerror=alert(1)>", "\u202eadA {{7*7}}", "&amp;" + "x" * 145]


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2024, 3, 4, hour, minute, second, tzinfo=UTC)


def iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


START, END = at(8, 30), at(10, 30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Playwright keeps an event loop running in this thread, in which Django would refuse to query.
    with pytest.MonkeyPatch.context() as patch, launched() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield browser


@pytest.fixture
def people(transactional_db: None, django_user_model: Any) -> Callable[[str], Any]:
    """Users by name, made when they are first named."""
    return lambda name: django_user_model.objects.get_or_create(username=name)[0]


@pytest.fixture
def morning(people: Callable[[str], Any]) -> None:
    """A planning with tabs, a guest and a prune, and what else was on that day."""
    alice, bob, carol, dave = map(people, ("alice", "bob", "carol", "dave"))
    write(
        Stay("planning", "laptop-a", alice, at(8, 55), at(10, 5)),
        Stay("planning", "laptop-b", bob, at(9), at(9, 30), reason={"by": "admin"}),
        Stay("planning", "laptop-d", dave, at(9, 5), at(9, 58), "prune", last_seen=at(9, 45)),
        Stay("planning", "laptop-c", carol, at(9, 6), at(9, 50)),
        Stay("planning", "guest", None, at(9, 10), at(9, 30)),
        Stay("planning", "phone-a", alice, at(9, 20), at(9, 40)),
        Stay("planning", "phone-b", bob, at(9, 28), at(10)),
        Stay("lobby", "laptop-a", alice, at(9, 30), at(10, 30)),
        Stay("lobby", "laptop-b", bob, at(9, 45), at(10, 10)),
    )


class Operators:
    """People of the staff with a browser each, in front of the pages that are under test."""

    def __init__(self, browser: Browser, server: Any, client: Client) -> None:
        self.browser = browser
        self.server = server
        self.cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.complaints: list[str] = []
        self.contexts: list[Any] = []

    def page(self, **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = self.browser.new_context(base_url=self.server.url, **options)
        # Browsers ask for it by themselves.
        context.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": self.cookie, "url": self.server.url}])
        listen(context, self.complaints)
        self.contexts.append(context)
        return context.new_page()

    def look(self, start: datetime = START, end: datetime = END, room: str = "planning", **more: Any) -> Page:
        """Opens the timeline of a room and waits until it is drawn."""
        page = self.page(**more)
        page.goto(f"{TIMELINE}?room={room}&from={iso(start)}&until={iso(end)}")
        drawn(page)
        return page


@pytest.fixture
def operators(
    browser: Browser, transactional_db: None, live_server: Any, django_user_model: Any
) -> Iterator[Operators]:
    client = Client()
    client.force_login(django_user_model.objects.create_superuser("operator"))
    operators = Operators(browser, live_server, client)
    yield operators
    for context in operators.contexts:
        for page in context.pages:
            # What the server still answers would be in the way of what empties the tables.
            expect(page.locator("[data-chart][aria-busy=true]")).to_have_count(0)
        context.close()
    assert operators.complaints == []


def chart(page: Page) -> Locator:
    return page.locator("[data-chart]")


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def drawn(page: Page) -> None:
    expect(part(page, "status")).to_contain_text("Shown")
    expect(chart(page)).to_have_attribute("aria-busy", "false")


def bars(page: Page) -> list[str]:
    """The labels of the bars, without the marks that keep names apart from what is around them."""
    labels = page.locator("[role=option]").evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))")
    return [re.sub("[\u2068\u2069]", "", label) for label in labels]


def lanes(page: Page) -> list[str]:
    return part(page, "names").locator("bdi").all_text_contents()


def bar(page: Page, name: str = "", since: str = "") -> Locator:
    """The bars of a name, of stays since a time on that day."""
    label = f"\u2068{name}\u2069, 2024-03-04 {since}" if name else ""
    return page.get_by_role("option", name=label)


def address(page: Page) -> str:
    # What page.url says is only brought up to date while Playwright is at work.
    return str(page.evaluate("location.href"))


def asked(page: Page, name: str) -> str | None:
    return parse_qs(urlsplit(address(page)).query).get(name, [None])[0]


def span(page: Page) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(asked(page, name) or "") for name in ("from", "until"))
    return start, end


def settled(page: Page, before: str) -> None:
    """Waits until the address is another one, and what is around the chart has followed it."""
    wait_until(lambda: address(page) != before)
    expect(chart(page)).to_have_attribute("aria-busy", "false")
    expect(page.locator("input[name=moment] >> xpath=../input[@name='from']")).to_have_value(asked(page, "from") or "")


def wheel(page: Page, name: str, x: float, down: int, key: str | None = None) -> None:
    """Turns the wheel at a point of a part of the chart, `x` from 0 to 1."""
    box = part(page, name).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x * box["width"], box["y"] + min(box["height"] / 2, 40))
    if key:
        page.keyboard.down(key)
    for _ in range(4):
        page.mouse.wheel(0, down)
    if key:
        page.keyboard.up(key)


def drag(page: Page, name: str, start: float, end: float) -> None:
    box = part(page, name).bounding_box()
    assert box is not None
    y = box["y"] + box["height"] - 4
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=5)
    page.mouse.up()


def there(room: str, moment: datetime) -> dict[str, int]:
    """Who had how many connections in the room at ``moment``: from the joins and ends of the log, and nothing else."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce('user:' || user_id, 'anonymous:' || channel_name) AS who,
                   sum(CASE kind WHEN 'join' THEN 1 ELSE -1 END)
            FROM presence_event
            WHERE room = %s AND kind <> 'touch' AND channel_name IS NOT NULL AND at <= %s
            GROUP BY who
            HAVING sum(CASE kind WHEN 'join' THEN 1 ELSE -1 END) > 0
            """,
            [room, moment],
        )
        return {who: int(count) for who, count in cursor.fetchall()}


def listed(page: Page) -> dict[str, int]:
    return dict(
        page.locator("[data-region=moment] [data-person]").evaluate_all(
            "rows => rows.map(row => [row.dataset.person, Number(row.dataset.connections)])"
        )
    )


@pytest.fixture
def library(browser: Browser) -> Iterator[Callable[[str], Any]]:
    """Runs a script with what the chart is made of, and returns what it returns."""
    page = browser.new_page()
    for name in ("times", "bisection", "ticks", "counts", "layout", "views"):
        page.add_script_tag(path=ROOT / "projections/static/projections/timeline" / f"{name}.js")
    yield lambda script: page.evaluate(
        f"() => {{ const {{ times, ticks, counts, layout, views }} = presenceTimeline; {script} }}"
    )
    page.close()


def test_from_the_index_one_gets_to_the_stays_of_a_room(operators: Operators, morning: None) -> None:
    page = operators.page(timezone_id="Asia/Tokyo")
    page.goto("/admin/")
    page.get_by_role("main").get_by_role("link", name="Timeline").click()
    page.get_by_label("Room:").fill("planning")
    page.get_by_label("From:").fill("2024-03-04T02:30:00")
    page.get_by_label("Until:").fill("2024-03-04T04:30:00")
    page.get_by_role("button", name="Show").click()
    drawn(page)
    assert span(page) == (at(8, 30), at(10, 30))
    expect(part(page, "zone")).to_have_text("Times in America/Chicago")
    assert lanes(page) == ["alice", "bob", "dave", "carol", "anonymous", "guest"]
    assert bars(page) == [
        "alice, 2024-03-04 02:55:00 to 04:05:00, left",
        "alice, 2024-03-04 03:20:00 to 03:40:00, left",
        "bob, 2024-03-04 03:00:00 to 03:30:00, left",
        "bob, 2024-03-04 03:28:00 to 04:00:00, left",
        "dave, 2024-03-04 03:05:00 to 03:58:00, pruned, last seen 03:45:00",
        "carol, 2024-03-04 03:06:00 to 03:50:00, left",
        "anonymous guest, 2024-03-04 03:10:00 to 03:30:00, left",
    ]
    expect(page.locator("#result_list tbody tr")).to_have_count(7)


def test_a_bar_that_is_pointed_at_tells_of_its_stay(operators: Operators, morning: None) -> None:
    page = operators.look()
    expect(part(page, "preview")).to_contain_text("Point at a bar")
    bar(page, "dave").hover()
    expect(part(page, "preview")).to_contain_text("between 03:45:00, when last seen, and 03:58:00, when pruned")
    expect(part(page, "preview")).to_contain_text("53 min")
    page.get_by_role("heading", name="Stays over time").hover()
    expect(part(page, "preview")).to_contain_text("Point at a bar")


def test_a_click_on_a_bar_shows_its_events_and_escape_no_longer_does(operators: Operators, morning: None) -> None:
    page = operators.look()
    bar(page, "bob", "03:00:00").click()
    expect(page.locator("[data-region=stay]")).to_contain_text("Its events")
    expect(page.locator("[data-region=stay] tbody tr")).to_have_count(2)
    expect(part(page, "preview")).to_contain_text('{"by": "admin"}')
    expect(page.locator(".pinned")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name=re.compile(r"Stay \d+"))).to_be_in_viewport()
    expect(part(page, "status")).to_contain_text("The stay and its events are shown below.")
    assert asked(page, "stay")
    page.keyboard.press("Escape")
    expect(page.locator("[data-region=stay]")).not_to_contain_text("Its events")
    assert asked(page, "stay") is None
    expect(part(page, "status")).not_to_contain_text("below")


def test_a_stay_that_is_chosen_while_the_view_moves_is_one_step_with_it(operators: Operators, morning: None) -> None:
    page = operators.look()
    steps = page.evaluate(
        """() => {
            const { chart } = presenceTimeline.page;
            const before = history.length;
            chart.say("view", { view: { from: chart.view.from + 6e8, until: chart.view.until }, settled: false });
            chart.say("pin", { session: chart.lanes.drawn[0].bars[0].first.session });
            return history.length - before;
        }"""
    )
    assert steps == 1
    assert span(page) == (at(8, 40), at(10, 30))
    expect(page.locator("[data-region=stay]")).to_contain_text("Its events")
    assert page.evaluate("history.length") == 3


def test_a_stay_that_is_chosen_in_the_table_comes_into_sight(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.locator("#result_list tbody tr").last.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=re.compile(r"Stay \d+"))).to_be_in_viewport()
    expect(page.locator(".pinned")).to_have_attribute("aria-label", re.compile("bob.*03:28:00"))
    expect(page.locator("#result_list tbody tr").last.get_by_role("link").first).to_be_focused()


def test_the_keys_lead_along_a_lane_and_to_other_lanes(operators: Operators, morning: None) -> None:
    page = operators.look()
    expect(page.locator("[role=option][tabindex='0']")).to_have_count(1)
    page.set_viewport_size({"width": 1280, "height": 600})
    page.get_by_role("link", name="Zoom out").focus()
    for _ in range(2):
        page.keyboard.press("Tab")
        assert page.evaluate(
            """() => {
                const { left, top } = document.activeElement.getBoundingClientRect();
                return document.activeElement.contains(document.elementFromPoint(left + 4, top + 4));
            }"""
        )

    def focused() -> str:
        return str(page.evaluate("document.activeElement.getAttribute('aria-label')")).replace("\u2068", "")

    visited = [focused()]
    for key in ["ArrowRight", "ArrowDown", "ArrowDown", "End", "ArrowUp", "End", "Home"]:
        page.keyboard.press(key)
        visited.append(focused())
    starts = [re.sub("\u2069, 2024-03-04 ", " ", label)[:11] for label in visited]
    assert starts == [
        "alice 02:55", "alice 03:20", "bob 03:28:0", "dave 03:05:", "dave 03:05:", "bob 03:28:0", "bob 03:28:0",
        "bob 03:00:0",
    ]  # fmt: skip
    expect(part(page, "preview")).to_contain_text("laptop-b")
    before = address(page)
    page.keyboard.press("Enter")
    expect(page.locator("[data-region=stay]")).to_contain_text("Its events")
    settled(page, before)
    page.keyboard.press("+")
    settled(page, before)
    wait_until(lambda: span(page)[1] - span(page)[0] == timedelta(hours=1))
    for _ in range(3):
        page.keyboard.press("-")
    # That is more than was loaded.
    wait_until(lambda: span(page)[1] - span(page)[0] == timedelta(hours=8))
    drawn(page)
    assert focused().startswith("bob\u2069, 2024-03-04 03:00")


ZOOMS: dict[str, Callable[[Page], None]] = {
    "the wheel over the numbers": lambda page: wheel(page, "counts", 0.5, -100),
    "Ctrl and the wheel over the lanes": lambda page: wheel(page, "bars", 0.5, -100, "Control"),
    "a drag over the numbers": lambda page: drag(page, "counts", 0.25, 0.75),
    "a link": lambda page: page.get_by_role("link", name="Zoom in").click(),
}


@pytest.mark.parametrize("how", ZOOMS)
def test_zooming_in_shows_less_and_asks_for_no_more_data(how: str, operators: Operators, morning: None) -> None:
    page = operators.look(at(4), at(14))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    before = address(page)
    ZOOMS[how](page)
    settled(page, before)
    start, end = span(page)
    assert end - start < timedelta(hours=6)
    assert abs((start + (end - start) / 2) - at(9)) < timedelta(minutes=2)
    assert not any("/data/" in url for url in requests)
    page.go_back()
    expect(part(page, "status")).to_contain_text("22:00:00 to 2024-03-04 08:00:00")
    assert span(page) == (at(4), at(14))


def test_a_drag_of_the_lanes_moves_the_span_and_brings_what_comes_into_sight(
    operators: Operators, morning: None
) -> None:
    page = operators.look(at(10, 1), at(11, 1))
    assert lanes(page) == ["alice"]
    before = address(page)
    drag(page, "bars", 0.1, 0.85)
    settled(page, before)
    assert abs(span(page)[0] - at(9, 16)) < timedelta(seconds=5)
    expect(part(page, "status")).to_contain_text("Stays: 7")
    assert lanes(page) == ["alice", "bob", "dave", "carol", "anonymous", "guest"]


def test_one_cannot_leave_what_can_be_asked_for(library: Callable[[str], Any]) -> None:
    now = 1_700_000_000_000_000
    second, year = 1_000_000, 365.25 * 86_400_000_000
    zoomed = library(f"return views.zoomed({{from: {now} - {second}, until: {now}}}, 0.001, 0.5, {now})")
    assert zoomed["until"] - zoomed["from"] == second
    far = library(f"return views.zoomed({{from: 0, until: {now}}}, 1e9, 0.5, {now})")
    assert 10 * year < far["until"] - far["from"] < 10.1 * year
    past = library(f"return views.panned({{from: {second}, until: {now}}}, -50, {now})")
    assert past["from"] == 0
    future = library(f"return views.panned({{from: {now} - {second}, until: {now}}}, 50, {now})")
    assert future["from"] < now


def test_who_is_listed_at_a_moment_is_who_was_there_by_the_log(operators: Operators, morning: None) -> None:
    page = operators.look()
    requests: list[str | None] = []
    page.on("request", lambda request: requests.append(request.headers.get("x-timeline-regions")))
    slider = page.get_by_role("slider", name="Moment")
    for minute in (0, 29, 45):
        slider.fill(str(int(at(9, minute).timestamp()) * 1_000_000))
        expected = there("planning", at(9, minute))
        people = sum(who.startswith("user:") for who in expected)
        text = f"2024-03-04 03:{minute:02}:00: connections {sum(expected.values())}, people {people}"
        expect(part(page, "output")).to_have_text(text)
        expect(slider).to_have_attribute("aria-valuetext", text)
        wait_until(lambda expected=expected: listed(page) == expected)
        assert asked(page, "moment") == iso(at(9, minute))
    assert set(requests) == {"moment"}
    page.locator("#result_list a[data-view]").first.click()
    expect(page.locator("[data-region=stay]")).to_contain_text("Its events")
    assert asked(page, "moment") == iso(at(9, 45))
    assert requests[-1] is None


def test_a_click_on_the_numbers_chooses_the_moment(operators: Operators, morning: None) -> None:
    page = operators.look()
    box = part(page, "counts").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.55, box["y"] + 40)
    wait_until(lambda: asked(page, "moment"))
    assert abs(datetime.fromisoformat(asked(page, "moment") or "") - at(9, 36)) < timedelta(seconds=20)
    expect(part(page, "output")).to_contain_text("connections 5, people 4")
    # The pixels of this one are a minute each.
    start, end = at(0, 0, 4), at(23, 59, 4)
    page.goto(f"{TIMELINE}?room=planning&from={iso(start)}&until={iso(end)}")
    drawn(page)
    page.mouse.click(box["x"] + 0.1, box["y"] + 40)
    wait_until(lambda: asked(page, "moment"))
    assert asked(page, "moment") == iso(start)
    expect(part(page, "output")).to_contain_text("connections 0")
    page.get_by_role("slider", name="Moment").press("End")
    wait_until(lambda: asked(page, "moment") == iso(at(23, 58)))
    page.goto(f"{TIMELINE}?room=planning&from={iso(START)}&until={iso(at(9))}&moment={iso(at(9))}")
    expect(part(page, "output")).to_have_text("2024-03-04 03:00:00")


def test_a_name_leads_to_the_timeline_of_the_user(operators: Operators, morning: None) -> None:
    page = operators.look()
    part(page, "names").get_by_role("link", name="alice").click()
    page.wait_for_url("**/?user=*")
    drawn(page)
    assert lanes(page) == ["planning", "lobby"]
    expect(page.locator("[data-region=company]")).to_contain_text("bob")
    slider = page.get_by_role("slider", name="Moment")
    slider.fill(str(int(at(9, 35).timestamp()) * 1_000_000))
    expect(part(page, "output")).to_have_text("2024-03-04 03:35:00: connections 3")


def test_presets_go_back_and_forward(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.get_by_role("link", name="Last hour").click()
    expect(part(page, "nobody")).to_be_visible()
    wait_until(lambda: asked(page, "last") is None)
    start, end = span(page)
    assert end - start == timedelta(hours=1)
    page.go_back()
    expect(part(page, "nobody")).to_be_hidden()
    wait_until(lambda: len(bars(page)) == 7)
    page.go_forward()
    expect(part(page, "nobody")).to_be_visible()


def test_what_one_types_outlives_an_exchange_of_what_is_around_it(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.get_by_label("Room:").fill("lob")
    before = address(page)
    page.get_by_role("link", name="Zoom out").click()
    settled(page, before)
    expect(page.get_by_label("Room:")).to_have_value("lob")
    expect(page.get_by_label("From:")).to_have_value("2024-03-04T01:30")
    expect(page.get_by_role("link", name="Zoom out")).to_be_focused()
    page.get_by_label("Until:").focus()
    before = address(page)
    wheel(page, "counts", 0, -100)
    settled(page, before)
    expect(page.get_by_label("Until:")).to_be_focused()
    local = (span(page)[1] - timedelta(hours=6)).replace(tzinfo=None).isoformat()
    assert local.startswith(page.get_by_label("Until:").input_value())


def test_axe_finds_nothing_serious_by_day_or_by_night(operators: Operators, morning: None) -> None:
    page = operators.look()
    bar(page, "alice").first.click()
    expect(page.locator("[data-region=stay]")).to_contain_text("Its events")
    assert operators.complaints == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        # The admin fades the colours of links from one to the other.
        page.evaluate("Promise.all(document.getAnimations().map(({ finished }) => finished))")
        found = Axe().run(page, "#presence-timeline").response["violations"]
        assert [
            (each["id"], [node["html"] for node in each["nodes"]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ] == []
    # It styles what it looks at, which the policy forbids it.
    operators.complaints.clear()


def test_it_fits_a_narrow_screen(operators: Operators, morning: None) -> None:
    page = operators.look(viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = part(page, "plot").bounding_box()
    assert box is not None
    assert 300 < box["width"] <= 360
    assert len(bars(page)) == 7


def test_without_javascript_the_page_says_all_of_it(operators: Operators, morning: None) -> None:
    page = operators.page(java_script_enabled=False)
    page.goto(f"{TIMELINE}?room=planning&from={iso(at(8, 30))}&until={iso(at(10, 30))}&moment={iso(at(9, 29))}")
    expect(page.locator("#result_list tbody tr")).to_have_count(7)
    expect(page.locator("[data-region=moment] [data-person]")).to_have_count(5)
    expect(chart(page)).to_be_hidden()
    page.get_by_role("link", name="Zoom in").click()
    assert span(page) == (at(9), at(10))


def many(people: Callable[[str], Any], count: int) -> list[Stay]:
    """Stays of 120 people on one day."""
    chance = Random(5)
    names = [people(f"person-{number}") for number in range(120)]
    stays = []
    for number in range(count):
        joined = at(0) + timedelta(seconds=chance.randrange(80_000))
        left = joined + timedelta(seconds=1 + chance.randrange(5_000))
        stays.append(
            Stay("crowd", f"tab-{number}", chance.choice(names), joined, left, chance.choice(["leave", "prune"]))
        )
    return stays


def test_5000_stays_are_drawn_within_a_second_and_move_smoothly(
    operators: Operators, people: Callable[[str], Any]
) -> None:
    write(*many(people, 5_000))
    page = operators.look(at(0), at(23, 59), "crowd")
    expect(part(page, "status")).to_contain_text("Stays: 5,000")
    expect(part(page, "merged")).to_be_visible()
    duration = page.evaluate("performance.getEntriesByName('presence-timeline', 'measure')[0].duration")
    assert duration < 1_000
    assert bar(page).count() < 1_500
    for name in ("slider", "preview"):
        expect(part(page, name)).to_be_in_viewport(ratio=1)
    in_sight = len(lanes(page))
    printed = page.evaluate(
        """() => {
            const { lanes } = presenceTimeline.page.chart;
            const print = (most) => {
                lanes.constructor.PRINTED = most;
                window.dispatchEvent(new Event("beforeprint"));
                const count = document.querySelectorAll(".presence-chart .name").length;
                return [count, document.querySelector("[data-part=unprinted]").textContent];
            };
            const printed = [print(500), print(90)];
            window.dispatchEvent(new Event("afterprint"));
            return printed;
        }"""
    )
    assert printed == [[120, ""], [90, "Only the first 90 of 120 lanes are printed."]]
    assert len(lanes(page)) == in_sight < 60
    expect(part(page, "unprinted")).to_be_hidden()
    page.get_by_role("link", name="2", exact=True).press("Enter")
    expect(page.locator(".this-page")).to_have_text("2")
    expect(page.locator(".this-page")).to_be_focused()
    # Drawing takes what a frame may take: what else is busy on the machine does not count.
    redraws = page.evaluate(
        """() => {
            const { chart } = presenceTimeline.page;
            const { view, width } = chart;
            return Array.from({ length: 30 }, (_, step) => {
                const start = performance.now();
                const moved = step * 5e8;
                chart.setView({ from: view.from + moved, until: view.until + moved }, true);
                chart.draw();
                return performance.now() - start;
            }).sort((one, other) => one - other);
        }"""
    )
    print(f"first drawing {duration:.0f} ms, redrawing {redraws[15]:.1f} ms, at most {redraws[-1]:.1f} ms")
    assert redraws[15] < 50


def test_a_bar_of_several_stays_says_so_and_a_click_parts_them(
    operators: Operators, people: Callable[[str], Any]
) -> None:
    flapping = [at(9) + timedelta(seconds=10 * number) for number in range(12)]
    write(
        *(Stay("train", f"phone-{time:%M%S}", people("erin"), time, time + timedelta(seconds=5)) for time in flapping)
    )
    page = operators.look(at(0), at(23), "train")
    assert bars(page) == ["erin, 2024-03-04 03:00:00 to 03:01:55, stays: 12"]
    expect(part(page, "merged")).to_contain_text("zoom in to see each")
    bar(page).focus()
    expect(part(page, "preview").locator(".count dd")).to_have_text("12")
    show = "from => presenceTimeline.page.look({ from, until: presenceTimeline.page.chart.view.until }, true)"
    before = address(page)
    page.evaluate(show, at(9, 1).timestamp() * 1_000_000)
    expect(part(page, "preview").locator(".count dd")).to_have_text("6")
    settled(page, before)
    page.go_back()
    expect(part(page, "preview").locator(".count dd")).to_have_text("12")
    before = address(page)
    bar(page).click()
    settled(page, before)
    assert len(bars(page)) == 12
    expect(part(page, "merged")).to_be_hidden()


def test_more_stays_at_once_than_a_lane_has_rows_get_them_by_a_click(
    operators: Operators, people: Callable[[str], Any]
) -> None:
    write(*(Stay("desk", f"tab-{number}", people("erin"), at(9, number), at(10, number)) for number in range(9)))
    page = operators.look(room="desk")
    assert bars(page)[-1].endswith("stays: 6")
    page.locator("[role=option].several").click()
    expect(page.locator("[role=option][data-session]")).to_have_count(9)
    expect(page.locator("[role=option].several")).to_have_count(0)


def test_who_has_not_left_is_drawn_until_now(operators: Operators, people: Callable[[str], Any]) -> None:
    now = datetime.now(UTC)
    write(
        Stay("desk", "tab", people("erin"), now - timedelta(minutes=30), last_seen=now + timedelta(minutes=2)),
        Stay("desk", "phone", people("bob"), now - timedelta(minutes=20), last_seen=now - timedelta(minutes=10)),
    )
    page = operators.look(now - timedelta(hours=1), now + timedelta(minutes=10), "desk")
    assert re.search("still there, last seen", bars(page)[0])
    assert re.search("not seen since .*, not yet pruned", bars(page)[1])
    expect(page.locator(".open .unsure:not([d=''])")).to_have_count(1)


def test_who_comes_after_the_answer_is_drawn_with_the_next_view(
    operators: Operators, people: Callable[[str], Any]
) -> None:
    now = datetime.now(UTC)
    page = operators.look(now - timedelta(minutes=30), now + timedelta(minutes=30), "desk")
    expect(part(page, "status")).to_contain_text("Stays: 0")
    write(Stay("desk", "tab", people("erin"), now - timedelta(seconds=1)))
    page.get_by_role("link", name="Zoom in").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(part(page, "status")).to_contain_text("Stays: 1")
    assert lanes(page) == ["erin"]


def test_of_more_stays_than_can_be_drawn_the_numbers_are(
    operators: Operators, morning: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "DRAWN", 5)
    page = operators.look()
    expect(part(page, "incomplete")).to_contain_text("only how many were there is drawn")
    assert bars(page) == []
    assert page.locator(".counts .connections.line").get_attribute("d")
    before = address(page)
    drag(page, "counts", 0.75, 0.99)
    settled(page, before)
    expect(part(page, "incomplete")).to_be_hidden()
    assert len(bars(page)) > 0


def test_hostile_names_are_only_names(operators: Operators, people: Callable[[str], Any]) -> None:
    write(*(Stay("planning", "x", people(name), at(9), at(10), reason=name) for name in HOSTILE))
    page = operators.look()
    page.on("dialog", lambda dialog: operators.complaints.append(dialog.message))
    assert sorted(lanes(page)) == sorted(HOSTILE)
    for each in bar(page).all():
        each.hover()
    each.click()
    expect(page.locator("[data-region=stay]")).to_contain_text("Its events")
    assert page.locator("#presence-timeline img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    for label in bar(page).evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))"):
        assert re.match("\u2068.*\u2069, 2024-", label)


def test_what_cannot_be_loaded_is_said_and_what_was_drawn_stays(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.route("**/timeline/data/**", lambda route: route.abort())
    page.get_by_role("link", name="Earlier").click()
    expect(part(page, "problem")).to_contain_text("could not be loaded")
    assert len(bars(page)) > 0
    page.go_back()
    expect(part(page, "problem")).to_be_hidden()
    page.reload()
    expect(part(page, "problem")).to_contain_text("nothing is drawn yet")
    page.unroute("**/timeline/data/**")
    page.get_by_role("link", name="Zoom out").click()
    expect(part(page, "problem")).to_be_hidden()
    assert [text for text in operators.complaints if "ERR_FAILED" not in text] == []
    operators.complaints.clear()


def test_the_reason_of_a_refusal_is_said(operators: Operators, morning: None) -> None:
    page = operators.look()

    def refuse(route: Route) -> None:
        route.fulfill(status=400, json={"error": "Nothing happened <b>at that time</b>."})

    page.route("**/timeline/data/**", refuse)
    page.get_by_role("link", name="Earlier").click()
    expect(part(page, "problem")).to_contain_text("Nothing happened <b>at that time</b>.")
    assert all("400" in text for text in operators.complaints)
    operators.complaints.clear()


def test_whoever_was_logged_out_is_asked_to_log_in(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.context.clear_cookies()
    page.get_by_role("link", name="Earlier").click()
    page.wait_for_url("**/login/**")


def test_ticks_are_round_on_the_wall_whenever_clocks_are_changed(library: Callable[[str], Any]) -> None:

    def labels(zone: str, start: datetime, end: datetime, width: int = 900) -> list[str]:
        found = library(
            f"const clock = new times.Clock('en-GB', '{zone}');"
            f"const view = {{ from: times.parse('{iso(start)}'), until: times.parse('{iso(end)}') }};"
            f"return ticks(view, {width}, clock).marks.map(({{ label }}) => label)",
        )
        return list(found)

    def time(month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
        return datetime(2024, month, day, hour, minute, tzinfo=UTC)

    assert labels("Europe/Berlin", time(3, 31, 0), time(3, 31, 4)) == [
        "01:00", "01:30", "03:00", "03:30", "04:00", "04:30", "05:00", "05:30", "06:00",
    ]  # fmt: skip
    assert labels("Europe/Berlin", time(10, 26, 22), time(10, 27, 22))[:3] == ["00:00", "02:00", "04:00"]
    assert labels("Asia/Kathmandu", time(3, 4, 0, 7), time(3, 4, 0, 9), 600)[:2] == ["05:52:00", "05:52:15"]
    assert labels("+05:30", time(3, 4), time(3, 5))[:2] == ["06:00", "08:00"]
    assert labels("UTC", time(1, 1), time(12, 31))[:3] == ["Jan", "Feb", "Mar"]
    assert labels("UTC", time(3, 1), time(4, 15))[:3] == ["4 Mar", "11 Mar", "18 Mar"]


def test_a_zone_that_the_browser_refuses_is_told_to_be_utc(library: Callable[[str], Any]) -> None:
    answer = library("const clock = new times.Clock('en', 'Mars/Olympus'); return [clock.refused, clock.zone]")
    assert answer == [True, "UTC"]


def test_times_have_their_offset_where_clocks_are_changed(library: Callable[[str], Any]) -> None:
    said = library(
        """
        const clock = new times.Clock("de", "Europe/Berlin");
        const [before, after] = ["2024-10-27T00:30:00Z", "2024-10-27T01:30:00.25Z"].map(times.parse);
        const said = () => [clock.moment(before), clock.end(before, after)];
        const plain = said();
        clock.withOffset = clock.isChanged(before, after);
        return [...plain, ...said(), clock.isChanged(after, after + times.DAY)];
        """
    )
    assert said == [
        "2024-10-27 02:30:00", "02:30:00.250000", "2024-10-27 02:30:00+02:00", "02:30:00.250000+01:00", False,
    ]  # fmt: skip


def test_times_in_addresses_are_exact_to_the_microsecond(library: Callable[[str], Any]) -> None:
    texts = ["2026-11-20T09:00:00Z", "2026-11-20T09:00:00.000001Z", "1970-01-01T00:00:00.123456Z"]
    assert library(f"return {texts}.map((text) => times.iso(times.parse(text)))") == texts
    assert library("return ['', 'x', '2026-13-01T00:00:00Z', null].map(times.parse)") == [None] * 4


def test_the_numbers_are_those_of_half_open_stays(library: Callable[[str], Any]) -> None:
    counted = library(
        """
        const lanes = [{ kind: "user" }, { kind: "anonymous" }];
        const stays = [
            [1, 0, "a", 0, 10], [2, 0, "b", 5, 10], [3, 1, "c", 5, null], [4, 0, "d", 10, 20], [5, 0, "e", 7, 7],
        ];
        const counted = counts.count({ complete: true, lanes, stays });
        return [-1, 0, 5, 7, 9, 10, 20].map((time) => counts.at(counted, time)).map((n) => [n.connections, n.people]);
        """,
    )
    assert counted == [[0, 0], [1, 1], [3, 1], [3, 1], [3, 1], [2, 1], [1, 0]]


def test_a_row_is_bounded_by_its_pixels_and_loses_no_stay(library: Callable[[str], Any]) -> None:
    drawn_bars, counted = library(
        """
        const stay = (n) => [n, 0, "a", n * 10, n * 10 + (n % 7 ? 3 : 9), 0, "leave", "r", null];
        const stays = Array.from({ length: 9000 }, (_, n) => stay(n));
        const [{ rows }] = layout.arrange({ lanes: [{ name: "a" }], stays }, 1e9);
        const bars = layout.bars(rows[0], { from: 0, until: 90000 }, 500);
        return [bars.length, bars.reduce((sum, { count }) => sum + count, 0)];
        """,
    )
    assert drawn_bars <= 250
    assert counted == 9_000


def test_the_screenshots_of_the_docs(
    operators: Operators, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> None:
    """They are taken anew each time, and kept if PRESENCE_SCREENSHOTS is set."""
    directory = ROOT / "docs" / "images" if os.environ.get("PRESENCE_SCREENSHOTS") else tmp_path
    monkeypatch.syspath_prepend(ROOT / "docs" / "demo")
    settings.TIME_ZONE = "UTC"
    start = datetime(2026, 3, 4, 18, tzinfo=UTC)
    import_module("history.seed").seed(import_module("history.day").Day(start))
    page = operators.page(device_scale_factor=2, viewport={"width": 1280, "height": 1010})
    page.add_init_script("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")
    page.goto(f"{TIMELINE}?room=lobby&from={iso(start - timedelta(hours=12))}&until={iso(start)}")
    drawn(page)
    slider = page.get_by_role("slider", name="Moment")
    slider.fill(str(int((start - timedelta(hours=5)).timestamp()) * 1_000_000))
    wait_until(lambda: asked(page, "moment"))
    expect(chart(page)).to_have_attribute("aria-busy", "false")
    slider.blur()
    page.evaluate("scrollTo(0, 130)")
    page.locator("[role=option].prune").nth(8).hover()
    for scheme, file in (("light", "timeline.png"), ("dark", "timeline-dark.png")):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=directory / file, animations="disabled")
        assert (directory / file).stat().st_size > 50_000
