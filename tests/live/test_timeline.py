"""The timeline of the admin in a real browser: drawing, input and accessibility."""

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
from playwright.sync_api import Browser, Locator, Page, Route, expect

from presence_events.models import Segment
from projections.admin.timeline import drawing
from tests.backdating import Stay, write
from tests.live import operators as contexts
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
TIMELINE = "/admin/projections/timeline/"
HOSTILE = ["<img src=x onerror=alert(1)>", "\u202eadA {{7*7}}", "&amp;" + "x" * 145]


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2024, 3, 4, hour, minute, second, tzinfo=UTC)


def iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


START, END = at(8, 30), at(10, 30)


@pytest.fixture
def people(transactional_db: None, django_user_model: Any) -> Callable[[str], Any]:
    """Returns users by name. The first call with a name creates the user."""
    return lambda name: django_user_model.objects.get_or_create(username=name)[0]


@pytest.fixture
def morning(people: Callable[[str], Any]) -> None:
    """A room with several tabs, an anonymous connection and a prune, and another room."""
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


class Operators(contexts.Operators):
    def look(self, start: datetime = START, end: datetime = END, room: str = "planning", **more: Any) -> Page:
        """Opens the timeline of a room and waits until it is drawn."""
        page = self.page(**more)
        page.goto(f"{TIMELINE}?room={room}&from={iso(start)}&until={iso(end)}")
        wait_until_drawn(page)
        return page


@pytest.fixture
def operators(
    browser: Browser, transactional_db: None, live_server: Any, django_user_model: Any
) -> Iterator[Operators]:
    with contexts.operating(Operators, browser, live_server, django_user_model) as operators:
        yield operators
        for page in (page for context in operators.contexts for page in context.pages):
            # A request that is still being answered would block the flush of the tables.
            expect(page.locator("[data-chart][aria-busy=true]")).to_have_count(0)


def chart(page: Page) -> Locator:
    return page.locator("[data-chart]")


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def wait_until_drawn(page: Page) -> None:
    expect(part(page, "status")).to_contain_text("Shown")
    expect(chart(page)).to_have_attribute("aria-busy", "false")


def bars(page: Page) -> list[str]:
    """The labels of the bars, without the characters that isolate names."""
    labels = page.locator("[role=option]").evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))")
    return [re.sub("[\u2068\u2069]", "", label) for label in labels]


def lanes(page: Page) -> list[str]:
    return part(page, "names").locator("bdi").all_text_contents()


def bar(page: Page, name: str = "", since: str = "") -> Locator:
    """The bars with this name, of stays that began at this time of that day."""
    label = f"\u2068{name}\u2069, 2024-03-04 {since}" if name else ""
    return page.get_by_role("option", name=label)


def address(page: Page) -> str:
    # Playwright updates page.url only while it handles events.
    return str(page.evaluate("location.href"))


def parameter(page: Page, name: str) -> str | None:
    return parse_qs(urlsplit(address(page)).query).get(name, [None])[0]


def span(page: Page) -> tuple[datetime, datetime]:
    start, end = (datetime.fromisoformat(parameter(page, name) or "") for name in ("from", "until"))
    return start, end


def wait_for_address(page: Page, before: str) -> None:
    """Waits until the address has changed, and the regions of the page are those of the new address."""
    wait_until(lambda: address(page) != before)
    expect(chart(page)).to_have_attribute("aria-busy", "false")
    expect(page.locator("input[name=moment] >> xpath=../input[@name='from']")).to_have_value(
        parameter(page, "from") or ""
    )


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


def present_by_log(room: str, moment: datetime) -> dict[str, int]:
    """The numbers of connections in the room at ``moment`` by person, from the joins and ends of the log alone."""
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


MODULES = ROOT / "projections/static/projections/timeline"


def run(page: Page, script: str, argument: Any = None) -> Any:
    """Returns what ``script`` returns. It can use the ``page`` of the timeline, its ``chart`` and the ``argument``."""
    url = f"{settings.STATIC_URL}projections/timeline/main.js"
    scope = f"const {{ page }} = await import('{url}'); const {{ chart }} = page;"
    return page.evaluate(f"async (argument) => {{ {scope} {script} }}", argument)


@pytest.fixture
def library(browser: Browser) -> Iterator[Callable[[str], Any]]:
    """Runs a script with the modules that need no page, and returns what it returns."""
    page = browser.new_page()
    # Browsers import modules only over HTTP.
    page.route("http://modules.test/", lambda route: route.fulfill(content_type="text/html", body=""))
    page.route("http://modules.test/*.js", lambda route: route.fulfill(path=MODULES / Path(route.request.url).name))
    page.goto("http://modules.test/")
    names = ("times", "ticks", "counts", "layout", "views")
    imports = " ".join(f"const {name} = await import('/{name}.js');" for name in names)
    yield lambda script: page.evaluate(f"async () => {{ {imports} {script} }}")
    page.close()


def test_the_index_leads_to_the_stays_of_a_room(operators: Operators, morning: None) -> None:
    page = operators.page(timezone_id="Asia/Tokyo")
    page.goto("/admin/")
    page.get_by_role("main").get_by_role("link", name="Timeline").click()
    page.get_by_label("Room:").fill("planning")
    page.get_by_label("From:").fill("2024-03-04T02:30:00")
    page.get_by_label("Until:").fill("2024-03-04T04:30:00")
    page.get_by_role("button", name="Show").click()
    wait_until_drawn(page)
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


def test_the_preview_shows_the_stay_of_the_bar_under_the_pointer(operators: Operators, morning: None) -> None:
    page = operators.look()
    expect(part(page, "preview")).to_contain_text("Point at a bar")
    bar(page, "dave").hover()
    expect(part(page, "preview")).to_contain_text("between 03:45:00 (last seen) and 03:58:00 (pruned)")
    expect(part(page, "preview")).to_contain_text("53 min")
    page.get_by_role("heading", name="Stays over time").hover()
    expect(part(page, "preview")).to_contain_text("Point at a bar")


def test_the_time_before_the_horizon_is_shaded_and_not_counted(operators: Operators, morning: None) -> None:
    """The log is complete here. The catalogue says that earlier events were removed."""
    removed = Segment.objects.create(name="earlier", part="stays", state="removed", last_at=at(9, 30))
    try:
        page = operators.look()
        expect(part(page, "horizon")).to_contain_text("Events before 2024-03-04 03:30:00 were removed")
        expect(page.locator(".unknown .removed-label")).to_have_text("removed")
        shades = page.locator(".unknown rect, .lanes .removed")
        width = part(page, "counts").bounding_box()["width"]  # type: ignore[index]
        for shade in shades.all():
            assert abs(shade.bounding_box()["width"] - width / 2) < 2  # type: ignore[index]
        assert shades.count() == 2
        expect(page.locator("[data-region=stays] .horizon")).to_contain_text("What is left of earlier stays is shown.")
        assert any("bob" in label for label in bars(page))
        part(page, "slider").fill(str(int(at(9, 10).timestamp() * 1_000_000)))
        expect(part(page, "output")).to_contain_text("before the horizon, events were removed")
        assert [*Axe().run(page).response["violations"]] == []
        operators.errors.clear()  # Axe sets inline styles, which the policy refuses
        later = operators.look(start=at(9, 30))
        expect(part(later, "horizon")).to_be_hidden()
        expect(later.locator(".lanes .removed")).to_be_hidden()
    finally:
        removed.delete()


def test_a_click_on_a_bar_shows_its_events_and_escape_hides_them(operators: Operators, morning: None) -> None:
    page = operators.look()
    bar(page, "bob", "03:00:00").click()
    expect(page.locator("[data-region=stay]")).to_contain_text("Events of the stay")
    expect(page.locator("[data-region=stay] tbody tr")).to_have_count(2)
    expect(part(page, "preview")).to_contain_text('{"by": "admin"}')
    expect(page.locator(".pinned")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name=re.compile(r"Stay \d+"))).to_be_in_viewport()
    expect(part(page, "status")).to_contain_text("The stay and its events are shown below.")
    assert parameter(page, "stay")
    page.keyboard.press("Escape")
    expect(page.locator("[data-region=stay]")).not_to_contain_text("Events of the stay")
    assert parameter(page, "stay") is None
    expect(part(page, "status")).not_to_contain_text("below")


def test_pinning_a_stay_while_the_view_moves_makes_one_entry_of_the_history(
    operators: Operators, morning: None
) -> None:
    page = operators.look()
    steps = run(
        page,
        """
        const before = history.length;
        chart.emit("view", { view: { from: chart.view.from + 6e8, until: chart.view.until }, settled: false });
        chart.emit("pin", { session: chart.lanes.drawn[0].bars[0].first.session });
        return history.length - before;
        """,
    )
    assert steps == 1
    assert span(page) == (at(8, 40), at(10, 30))
    expect(page.locator("[data-region=stay]")).to_contain_text("Events of the stay")
    assert page.evaluate("history.length") == 3


def test_a_stay_selected_in_the_table_is_scrolled_to(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.locator("#result_list tbody tr").last.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name=re.compile(r"Stay \d+"))).to_be_in_viewport()
    expect(page.locator(".pinned")).to_have_attribute("aria-label", re.compile("bob.*03:28:00"))
    expect(page.locator("#result_list tbody tr").last.get_by_role("link").first).to_be_focused()


def test_keys_move_along_a_lane_and_to_other_lanes(operators: Operators, morning: None) -> None:
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
    expect(page.locator("[data-region=stay]")).to_contain_text("Events of the stay")
    wait_for_address(page, before)
    page.keyboard.press("+")
    wait_for_address(page, before)
    wait_until(lambda: span(page)[1] - span(page)[0] == timedelta(hours=1))
    for _ in range(3):
        page.keyboard.press("-")
    # The new span exceeds the loaded data.
    wait_until(lambda: span(page)[1] - span(page)[0] == timedelta(hours=8))
    wait_until_drawn(page)
    assert focused().startswith("bob\u2069, 2024-03-04 03:00")


ZOOMS: dict[str, Callable[[Page], None]] = {
    "the wheel over the numbers": lambda page: wheel(page, "counts", 0.5, -100),
    "Ctrl and the wheel over the lanes": lambda page: wheel(page, "bars", 0.5, -100, "Control"),
    "a drag over the numbers": lambda page: drag(page, "counts", 0.25, 0.75),
    "a link": lambda page: page.get_by_role("link", name="Zoom in").click(),
}


@pytest.mark.parametrize("how", ZOOMS)
def test_zooming_in_shortens_the_span_and_loads_no_data(how: str, operators: Operators, morning: None) -> None:
    page = operators.look(at(4), at(14))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    before = address(page)
    ZOOMS[how](page)
    wait_for_address(page, before)
    start, end = span(page)
    assert end - start < timedelta(hours=6)
    assert abs((start + (end - start) / 2) - at(9)) < timedelta(minutes=2)
    assert not any("/data/" in url for url in requests)
    page.go_back()
    expect(part(page, "status")).to_contain_text("22:00:00 to 2024-03-04 08:00:00")
    assert span(page) == (at(4), at(14))


def test_dragging_the_lanes_moves_the_span_and_loads_its_stays(operators: Operators, morning: None) -> None:
    page = operators.look(at(10, 1), at(11, 1))
    assert lanes(page) == ["alice"]
    before = address(page)
    drag(page, "bars", 0.1, 0.85)
    wait_for_address(page, before)
    assert abs(span(page)[0] - at(9, 16)) < timedelta(seconds=5)
    expect(part(page, "status")).to_contain_text("Stays: 7")
    assert lanes(page) == ["alice", "bob", "dave", "carol", "anonymous", "guest"]


def test_views_stay_within_valid_spans(library: Callable[[str], Any]) -> None:
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


def test_the_list_at_a_moment_agrees_with_the_log(operators: Operators, morning: None) -> None:
    page = operators.look()
    requests: list[str | None] = []
    page.on("request", lambda request: requests.append(request.headers.get("x-timeline-regions")))
    slider = page.get_by_role("slider", name="Moment")
    for minute in (0, 29, 45):
        slider.fill(str(int(at(9, minute).timestamp()) * 1_000_000))
        expected = present_by_log("planning", at(9, minute))
        people = sum(who.startswith("user:") for who in expected)
        text = f"2024-03-04 03:{minute:02}:00: connections {sum(expected.values())}, people {people}"
        expect(part(page, "output")).to_have_text(text)
        expect(slider).to_have_attribute("aria-valuetext", text)
        wait_until(lambda expected=expected: listed(page) == expected)
        assert parameter(page, "moment") == iso(at(9, minute))
    assert set(requests) == {"moment"}
    page.locator("#result_list a[data-view]").first.click()
    expect(page.locator("[data-region=stay]")).to_contain_text("Events of the stay")
    assert parameter(page, "moment") == iso(at(9, 45))
    assert requests[-1] is None


def test_a_click_on_the_curves_sets_the_moment(operators: Operators, morning: None) -> None:
    page = operators.look()
    box = part(page, "counts").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.55, box["y"] + 40)
    wait_until(lambda: parameter(page, "moment"))
    assert abs(datetime.fromisoformat(parameter(page, "moment") or "") - at(9, 36)) < timedelta(seconds=20)
    expect(part(page, "output")).to_contain_text("connections 5, people 4")
    # Each pixel of this view is about a minute wide.
    start, end = at(0, 0, 4), at(23, 59, 4)
    page.goto(f"{TIMELINE}?room=planning&from={iso(start)}&until={iso(end)}")
    wait_until_drawn(page)
    page.mouse.click(box["x"] + 0.1, box["y"] + 40)
    wait_until(lambda: parameter(page, "moment"))
    assert parameter(page, "moment") == iso(start)
    expect(part(page, "output")).to_contain_text("connections 0")
    page.get_by_role("slider", name="Moment").press("End")
    wait_until(lambda: parameter(page, "moment") == iso(at(23, 58)))
    page.goto(f"{TIMELINE}?room=planning&from={iso(START)}&until={iso(at(9))}&moment={iso(at(9))}")
    expect(part(page, "output")).to_have_text("2024-03-04 03:00:00")


def test_a_name_links_to_the_timeline_of_the_user(operators: Operators, morning: None) -> None:
    page = operators.look()
    part(page, "names").get_by_role("link", name="alice").click()
    page.wait_for_url("**/?user=*")
    wait_until_drawn(page)
    assert lanes(page) == ["planning", "lobby"]
    expect(page.locator("[data-region=companions]")).to_contain_text("bob")
    slider = page.get_by_role("slider", name="Moment")
    slider.fill(str(int(at(9, 35).timestamp()) * 1_000_000))
    expect(part(page, "output")).to_have_text("2024-03-04 03:35:00: connections 3")


def test_presets_can_be_left_with_back_and_forward(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.get_by_role("link", name="Last hour").click()
    expect(part(page, "empty")).to_be_visible()
    wait_until(lambda: parameter(page, "last") is None)
    start, end = span(page)
    assert end - start == timedelta(hours=1)
    page.go_back()
    expect(part(page, "empty")).to_be_hidden()
    wait_until(lambda: len(bars(page)) == 7)
    page.go_forward()
    expect(part(page, "empty")).to_be_visible()


def test_edited_fields_survive_the_replacement_of_their_region(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.get_by_label("Room:").fill("lob")
    before = address(page)
    page.get_by_role("link", name="Zoom out").click()
    wait_for_address(page, before)
    expect(page.get_by_label("Room:")).to_have_value("lob")
    expect(page.get_by_label("From:")).to_have_value("2024-03-04T01:30")
    expect(page.get_by_role("link", name="Zoom out")).to_be_focused()
    page.get_by_label("Until:").focus()
    before = address(page)
    wheel(page, "counts", 0, -100)
    wait_for_address(page, before)
    expect(page.get_by_label("Until:")).to_be_focused()
    local = (span(page)[1] - timedelta(hours=6)).replace(tzinfo=None).isoformat()
    assert local.startswith(page.get_by_label("Until:").input_value())


def test_axe_finds_nothing_serious_in_either_color_scheme(operators: Operators, morning: None) -> None:
    page = operators.look()
    bar(page, "alice").first.click()
    expect(page.locator("[data-region=stay]")).to_contain_text("Events of the stay")
    assert operators.errors == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        # The admin animates the change of link colors.
        page.evaluate("Promise.all(document.getAnimations().map(({ finished }) => finished))")
        found = Axe().run(page, "#presence-timeline").response["violations"]
        assert [
            (each["id"], [node["html"] for node in each["nodes"]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ] == []
    # Axe sets inline styles, which the policy refuses.
    operators.errors.clear()


SIZES = {"phone": (390, 844), "laptop": (1280, 800), "screen": (1600, 1000)}


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> dict[str, int]:
    """The size of a window, as Playwright takes it."""
    return dict(zip(("width", "height"), SIZES[request.param], strict=True))


@pytest.fixture
def meeting(people: Callable[[str], Any]) -> None:
    """A room with more lanes than a window shows."""
    write(*(Stay("planning", f"c{n}", people(f"person {n}"), at(9, n % 50), at(10)) for n in range(60)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen(operators: Operators, meeting: None, size: Any, scheme: Any, tmp_path: Path) -> None:
    page = operators.look(viewport=size, color_scheme=scheme)
    page.screenshot(path=tmp_path / "page.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    plot, lanes = (part(page, name).bounding_box() for name in ("plot", "scroller"))
    assert plot is not None
    assert lanes is not None
    assert plot["width"] > min(size["width"] - 60, 560)
    # The lanes take the height that is left, and with them what is below them can be seen.
    assert lanes["height"] > {390: 350, 1280: 230, 1600: 300}[size["width"]]
    assert size["width"] == 390 or plot["y"] + plot["height"] < size["height"]


def test_the_form_is_folded_where_the_chart_needs_its_place(operators: Operators, meeting: None, size: Any) -> None:
    page = operators.look(viewport=size)
    is_folded = size["height"] < 900
    expect(page.get_by_label("Room:")).to_be_visible(visible=not is_folded)
    if is_folded:
        page.get_by_text("Room, user and span").click()
    for name in ("From:", "Until:"):
        field = page.get_by_label(name)
        expect(field).to_be_visible()
        # All of the time can be read. A field whose width nobody sets is as wide as its content.
        own = (
            "one => { one.style.width = 'max-content'; const own = one.offsetWidth; one.style.width = ''; return own }"
        )
        assert field.evaluate(own) <= field.evaluate("one => one.offsetWidth")
    page.get_by_label("Room:").fill("lobby")
    page.get_by_role("button", name="Show").first.click()
    expect(part(page, "empty")).to_be_visible()


def test_who_was_present_is_beside_the_chart_if_there_is_place(operators: Operators, meeting: None, size: Any) -> None:
    page = operators.look(viewport=size)
    moment, plot = page.locator("[data-region=moment]").bounding_box(), part(page, "plot").bounding_box()
    assert moment is not None
    assert plot is not None
    assert (moment["x"] > plot["x"] + plot["width"]) == (size["width"] == 1600)
    assert (moment["y"] < plot["y"] + 10) == (size["width"] == 1600)


@pytest.mark.parametrize("has_fingers", [True, False])
def test_hints_are_for_the_pointer_of_the_device(operators: Operators, morning: None, has_fingers: bool) -> None:
    page = operators.look(viewport={"width": 390, "height": 844}, has_touch=has_fingers, is_mobile=has_fingers)
    expect(page.get_by_text("Tap a bar to see")).to_be_visible(visible=has_fingers)
    expect(page.get_by_text("Point at a bar")).to_be_visible(visible=not has_fingers)
    if has_fingers:
        page.get_by_role("option").first.tap()
        expect(page.locator("[data-region=stay]")).to_contain_text("Events of the stay")


def test_without_javascript_the_page_has_all_content(operators: Operators, morning: None) -> None:
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


@pytest.fixture
def crowd(operators: Operators, people: Callable[[str], Any]) -> Page:
    """The timeline of a room with 5,000 stays on one day."""
    write(*many(people, 5_000))
    page = operators.look(at(0), at(23, 59), "crowd")
    expect(part(page, "status")).to_contain_text("Stays: 5,000")
    return page


def test_5000_stays_become_few_elements(crowd: Page) -> None:
    expect(part(crowd, "merged")).to_be_visible()
    assert bar(crowd).count() < 1_500
    for name in ("slider", "preview"):
        expect(part(crowd, name)).to_be_in_viewport(ratio=1)
    assert len(lanes(crowd)) < 60


def test_all_lanes_are_printed_up_to_a_limit(crowd: Page) -> None:
    in_sight = len(lanes(crowd))
    printed = run(
        crowd,
        """
        const print = (limit) => {
            chart.lanes.constructor.MAX_PRINTED = limit;
            window.dispatchEvent(new Event("beforeprint"));
            const count = document.querySelectorAll(".presence-chart .name").length;
            return [count, document.querySelector("[data-part=unprinted]").textContent];
        };
        const printed = [print(500), print(90)];
        window.dispatchEvent(new Event("afterprint"));
        return printed;
        """,
    )
    assert printed == [[120, ""], [90, "Only the first 90 of 120 lanes are printed."]]
    assert len(lanes(crowd)) == in_sight
    expect(part(crowd, "unprinted")).to_be_hidden()


def test_a_link_to_another_page_of_stays_keeps_the_focus(crowd: Page) -> None:
    # Numbers of stays are links as well.
    crowd.locator(".paginator").get_by_role("link", name="2", exact=True).press("Enter")
    expect(crowd.locator(".this-page")).to_have_text("2")
    expect(crowd.locator(".this-page")).to_be_focused()


def test_views_that_change_within_a_frame_are_drawn_once(crowd: Page) -> None:
    draws = run(
        crowd,
        """
        const frame = () => new Promise(requestAnimationFrame);
        const draw = chart.draw;
        let draws = 0;
        await frame();
        chart.draw = (...values) => {
            draws += 1;
            draw.apply(chart, values);
        };
        const { from, until } = chart.view;
        for (let step = 1; step <= 30; step += 1) chart.setView({ from: from + step * 1e6, until: until + step * 1e6 });
        const immediate = draws;
        await frame();
        await frame();
        return [immediate, draws];
        """,
    )
    assert draws == [0, 1]


def test_panning_reuses_what_is_drawn_and_leaves_nothing_behind(crowd: Page) -> None:
    """The durations are printed, not asserted: they depend on the machine. Show them with ``pytest -s``."""
    reused, count, redraws, first = run(
        crowd,
        """
        const { view } = chart;
        const nodes = () => [...document.querySelectorAll("[role=option]")];
        const reused = [];
        const redraws = [];
        for (let step = 1; step <= 30; step += 1) {
            const before = new Set(nodes());
            const start = performance.now();
            chart.setView({ from: view.from + step * 5e8, until: view.until + step * 5e8 }, true);
            chart.draw();
            redraws.push(performance.now() - start);
            const after = nodes();
            reused.push(after.filter((node) => before.has(node)).length / after.length);
        }
        redraws.sort((one, other) => one - other);
        const { duration } = performance.getEntriesByName("presence-timeline", "measure")[0];
        return [Math.min(...reused), nodes().length, redraws, duration];
        """,
    )
    print(
        f"first drawing {first:.0f} ms, redrawing {redraws[15]:.1f} ms, at most {redraws[-1]:.1f} ms; reused {reused}"
    )
    assert reused > 0.8
    assert count < 1_500


def test_a_click_on_a_bar_of_several_stays_separates_them(operators: Operators, people: Callable[[str], Any]) -> None:
    flapping = [at(9) + timedelta(seconds=10 * number) for number in range(12)]
    write(
        *(Stay("train", f"phone-{time:%M%S}", people("erin"), time, time + timedelta(seconds=5)) for time in flapping)
    )
    page = operators.look(at(0), at(23), "train")
    assert bars(page) == ["erin, 2024-03-04 03:00:00 to 03:01:55, stays: 12"]
    expect(part(page, "merged")).to_contain_text("Zoom in to see each")
    bar(page).focus()
    expect(part(page, "preview").locator(".count dd")).to_have_text("12")
    before = address(page)
    run(page, "page.setView({ from: argument, until: chart.view.until }, true)", at(9, 1).timestamp() * 1_000_000)
    expect(part(page, "preview").locator(".count dd")).to_have_text("6")
    wait_for_address(page, before)
    page.go_back()
    expect(part(page, "preview").locator(".count dd")).to_have_text("12")
    before = address(page)
    bar(page).click()
    wait_for_address(page, before)
    assert len(bars(page)) == 12
    expect(part(page, "merged")).to_be_hidden()


def test_a_click_gives_simultaneous_stays_rows_of_their_own(operators: Operators, people: Callable[[str], Any]) -> None:
    write(*(Stay("desk", f"tab-{number}", people("erin"), at(9, number), at(10, number)) for number in range(9)))
    page = operators.look(room="desk")
    assert bars(page)[-1].endswith("stays: 6")
    page.locator("[role=option].several").click()
    expect(page.locator("[role=option][data-session]")).to_have_count(9)
    expect(page.locator("[role=option].several")).to_have_count(0)


def test_open_stays_are_drawn_until_now(operators: Operators, people: Callable[[str], Any]) -> None:
    now = datetime.now(UTC)
    write(
        Stay("desk", "tab", people("erin"), now - timedelta(minutes=30), last_seen=now + timedelta(minutes=2)),
        Stay("desk", "phone", people("bob"), now - timedelta(minutes=20), last_seen=now - timedelta(minutes=10)),
    )
    page = operators.look(now - timedelta(hours=1), now + timedelta(minutes=10), "desk")
    assert re.search("still present, last seen", bars(page)[0])
    assert re.search("not seen since .*, not yet pruned", bars(page)[1])
    expect(page.locator(".open .uncertain:not([d=''])")).to_have_count(1)


def test_a_join_after_loading_is_drawn_with_the_next_view(operators: Operators, people: Callable[[str], Any]) -> None:
    now = datetime.now(UTC)
    page = operators.look(now - timedelta(minutes=30), now + timedelta(minutes=30), "desk")
    expect(part(page, "status")).to_contain_text("Stays: 0")
    write(Stay("desk", "tab", people("erin"), now - timedelta(seconds=1)))
    page.get_by_role("link", name="Zoom in").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(part(page, "status")).to_contain_text("Stays: 1")
    assert lanes(page) == ["erin"]


def test_too_many_stays_are_drawn_as_counts_only(
    operators: Operators, morning: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "MAX_DRAWN_STAYS", 5)
    page = operators.look()
    expect(part(page, "incomplete")).to_contain_text("the chart only counts connections and people")
    assert bars(page) == []
    assert page.locator(".counts .connections.line").get_attribute("d")
    before = address(page)
    drag(page, "counts", 0.75, 0.99)
    wait_for_address(page, before)
    expect(part(page, "incomplete")).to_be_hidden()
    assert len(bars(page)) > 0


def test_hostile_names_are_only_names(operators: Operators, people: Callable[[str], Any]) -> None:
    write(*(Stay("planning", "x", people(name), at(9), at(10), reason=name) for name in HOSTILE))
    page = operators.look()
    page.on("dialog", lambda dialog: operators.errors.append(dialog.message))
    assert sorted(lanes(page)) == sorted(HOSTILE)
    for each in bar(page).all():
        each.hover()
    each.click()
    expect(page.locator("[data-region=stay]")).to_contain_text("Events of the stay")
    assert page.locator("#presence-timeline img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    for label in bar(page).evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))"):
        assert re.match("\u2068.*\u2069, 2024-", label)


def test_a_failure_is_shown_and_the_previous_drawing_remains(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.route("**/timeline/data/**", lambda route: route.abort())
    page.get_by_role("link", name="Earlier").click()
    expect(part(page, "problem")).to_contain_text("Loading failed")
    assert len(bars(page)) > 0
    page.go_back()
    expect(part(page, "problem")).to_be_hidden()
    page.reload()
    expect(part(page, "problem")).to_contain_text("There is no data to show yet")
    page.unroute("**/timeline/data/**")
    page.get_by_role("link", name="Zoom out").click()
    expect(part(page, "problem")).to_be_hidden()
    assert [text for text in operators.errors if "ERR_FAILED" not in text] == []
    operators.errors.clear()


def test_the_error_text_of_the_server_is_shown(operators: Operators, morning: None) -> None:
    page = operators.look()

    def refuse(route: Route) -> None:
        route.fulfill(status=400, json={"error": "Nothing happened <b>at that time</b>."})

    page.route("**/timeline/data/**", refuse)
    page.get_by_role("link", name="Earlier").click()
    expect(part(page, "problem")).to_contain_text("Nothing happened <b>at that time</b>.")
    assert all("400" in text for text in operators.errors)
    operators.errors.clear()


def test_after_a_logout_the_page_asks_for_a_login(operators: Operators, morning: None) -> None:
    page = operators.look()
    page.context.clear_cookies()
    page.get_by_role("link", name="Earlier").click()
    page.wait_for_url("**/login/**")


def test_ticks_are_round_local_times_also_when_clocks_change(library: Callable[[str], Any]) -> None:

    def labels(zone: str, start: datetime, end: datetime, width: int = 900) -> list[str]:
        found = library(
            f"const clock = new times.Clock('en-GB', '{zone}');"
            f"const view = {{ from: times.parse('{iso(start)}'), until: times.parse('{iso(end)}') }};"
            f"return ticks.ticks(view, {width}, clock).marks.map(({{ label }}) => label)",
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


def test_an_unknown_zone_becomes_utc(library: Callable[[str], Any]) -> None:
    answer = library("const clock = new times.Clock('en', 'Mars/Olympus'); return [clock.isZoneUnknown, clock.zone]")
    assert answer == [True, "UTC"]


def test_times_have_their_offset_where_clocks_change(library: Callable[[str], Any]) -> None:
    texts = library(
        """
        const clock = new times.Clock("de", "Europe/Berlin");
        const [before, after] = ["2024-10-27T00:30:00Z", "2024-10-27T01:30:00.25Z"].map(times.parse);
        const formatted = () => [clock.timestamp(before), clock.end(before, after)];
        const plain = formatted();
        clock.withOffset = clock.hasClockChange(before, after);
        return [...plain, ...formatted(), clock.hasClockChange(after, after + times.DAY)];
        """
    )
    assert texts == [
        "2024-10-27 02:30:00", "02:30:00.250000", "2024-10-27 02:30:00+02:00", "02:30:00.250000+01:00", False,
    ]  # fmt: skip


def test_times_in_addresses_are_exact_to_the_microsecond(library: Callable[[str], Any]) -> None:
    texts = ["2026-11-20T09:00:00Z", "2026-11-20T09:00:00.000001Z", "1970-01-01T00:00:00.123456Z"]
    assert library(f"return {texts}.map((text) => times.iso(times.parse(text)))") == texts
    assert library("return ['', 'x', '2026-13-01T00:00:00Z', null].map(times.parse)") == [None] * 4


def test_counts_treat_stays_as_half_open(library: Callable[[str], Any]) -> None:
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


def test_the_bars_of_a_row_are_limited_by_its_pixels_and_lose_no_stay(library: Callable[[str], Any]) -> None:
    drawn_bars, counted = library(
        """
        const stay = (n) => [n, 0, "a", n * 10, n * 10 + (n % 7 ? 3 : 9), 0, "leave", "r", null];
        const stays = Array.from({ length: 9000 }, (_, n) => stay(n));
        const [{ rows }] = layout.arrange({ lanes: [{ name: "a" }], stays }, 1e9);
        const bars = layout.barsOfRow(rows[0], { from: 0, until: 90000 }, 500);
        return [bars.length, bars.reduce((sum, { count }) => sum + count, 0)];
        """,
    )
    assert drawn_bars <= 250
    assert counted == 9_000


def test_the_screenshots_of_the_documentation(
    operators: Operators, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> None:
    """Takes the screenshots. They replace those in docs/images if PRESENCE_SCREENSHOTS is set."""
    directory = ROOT / "docs" / "images" if os.environ.get("PRESENCE_SCREENSHOTS") else tmp_path
    monkeypatch.syspath_prepend(ROOT / "docs" / "demo")
    settings.TIME_ZONE = "UTC"
    start = datetime(2026, 3, 4, 18, tzinfo=UTC)
    import_module("history.seed").seed(import_module("history.day").Day(start))
    page = operators.page(device_scale_factor=2, viewport={"width": 1280, "height": 1010})
    page.add_init_script("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")
    page.goto(f"{TIMELINE}?room=lobby&from={iso(start - timedelta(hours=12))}&until={iso(start)}")
    wait_until_drawn(page)
    slider = page.get_by_role("slider", name="Moment")
    slider.fill(str(int((start - timedelta(hours=5)).timestamp()) * 1_000_000))
    wait_until(lambda: parameter(page, "moment"))
    expect(chart(page)).to_have_attribute("aria-busy", "false")
    slider.blur()
    page.evaluate("scrollTo(0, 130)")
    page.locator("[role=option].prune").nth(8).hover()
    for scheme, file in (("light", "timeline.png"), ("dark", "timeline-dark.png")):
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=directory / file, animations="disabled")
        assert (directory / file).stat().st_size > 50_000
