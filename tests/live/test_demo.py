"""The demo with its real process, its database and a browser."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.live.browser import launched, listen
from tests.postgres import embedded
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "docs" / "demo"
MAX_AGE = 8
PRUNED_AFTER = 3 * MAX_AGE
"""Seconds after which an unplugged tab is gone: at most twice the maximal age, a sixth, and the grace."""


class Demo:
    """Runs ``docs/demo/serve.py`` on its own data, with the interpreter and the packages of the tests."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.database = embedded.Postgres(data / "postgres")
        self.output = data / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def launch(self, *arguments: str, max_age: int = MAX_AGE) -> subprocess.Popen[bytes]:
        """Starts the demo without waiting."""
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, DEMO / "serve.py", "--data", self.data, *arguments],
                env={**os.environ, "PYTHONPATH": str(ROOT), "DEMO_MAX_AGE": str(max_age)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self, port: str = "0", *arguments: str, max_age: int = MAX_AGE) -> None:
        """Starts the demo, on a free port unless one is given, and waits until it answers."""
        self.process = process = self.launch("--port", port, *arguments, max_age=max_age)
        found = wait_until(
            lambda: process.poll() is not None or re.search(r"Chat +(http://127\.0\.0\.1:\d+)/", self.printed())
        )
        assert isinstance(found, re.Match), self.printed()
        self.url = found[1]
        wait_until(lambda: answers(self.url))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends the signal to the demo. Returns its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)

    def printed(self) -> str:
        return self.output.read_text()

    def postgres_pid(self) -> int:
        return int((self.database.data / "postmaster.pid").read_text().splitlines()[0])

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database.url) as connection:
            return connection.execute(query).fetchall()

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the demo's ``manage.py`` on its database."""
        return subprocess.run(
            [sys.executable, DEMO / "manage.py", *arguments],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "DEMO_DATA": str(self.data),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.database.home.exists():
            self.database.remove()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:
            return response.status == 200
    except HTTPError:
        raise
    except OSError:
        return False


def runs(pid: int) -> bool:
    """Returns whether the process exists. A process that has ended and waits for its parent does not count."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


@pytest.fixture
def own_demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo that has not been started, for tests that stop it."""
    demo = Demo(tmp_path)
    yield demo
    demo.remove()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("demo"))
    try:
        demo.start()
        yield demo
    finally:
        demo.remove()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


class Visitors:
    """People with a browser each, in a room of their own."""

    def __init__(self, demo: Demo, browser: Browser, room: str) -> None:
        self.demo = demo
        self.browser = browser
        self.room = room
        self.contexts: list[BrowserContext] = []
        self.problems: list[str] = []

    def new_context(self, **options: object) -> BrowserContext:
        context = self.browser.new_context(base_url=self.demo.url, **options)
        listen(context, self.problems)
        self.contexts.append(context)
        return context

    def join(self, name: str, **options: object) -> Page:
        """Joins the room on the start page."""
        page = self.new_context(**options).new_page()
        page.goto("/")
        page.get_by_label("Your name").fill(name)
        page.get_by_label("Room").fill(self.room)
        page.get_by_role("button", name="Join", exact=True).click()
        expect(page.locator("#state")).to_have_text("Live")
        return page

    def another_tab(self, page: Page) -> Page:
        """Opens a second tab of the same person."""
        with page.context.expect_page() as opened:
            page.get_by_role("link", name="Open another tab").click()
        expect(opened.value.locator("#state")).to_have_text("Live")
        return opened.value

    def leave(self) -> None:
        """Closes all browsers."""
        for context in self.contexts:
            context.close()


@pytest.fixture
def visitors(browser: Browser, demo: Demo, request: pytest.FixtureRequest) -> Iterator[Visitors]:
    visitors = Visitors(demo, browser, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:40])
    yield visitors
    visitors.leave()
    assert visitors.problems == []


def people(page: Page) -> dict[str, int]:
    """Returns the people that ``page`` shows, with the number of their tabs."""
    return dict(
        page.locator("#people li").evaluate_all(
            "items => items.map(item => [item.querySelector('.name').textContent, Number(item.dataset.connections)])"
        )
    )


def sees(page: Page, expected: dict[str, int], seconds: float = 10) -> None:
    """Waits until ``page`` shows the people in ``expected``."""

    def seen() -> bool:
        assert people(page) == expected
        return True

    wait_until(seen, seconds)


def send(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def test_two_tabs_of_one_person_are_one_person_with_two_connections(visitors: Visitors) -> None:
    first = visitors.join("Ada")
    second = visitors.another_tab(first)
    expect(first.get_by_text("Ada opened another tab")).to_be_visible()
    for page in (first, second):
        sees(page, {"Ada": 2})
        expect(page.locator(".badge")).to_have_text("2 tabs")
        expect(page.locator("#count")).to_have_text("1")


def test_a_person_who_joins_appears_in_an_open_tab(visitors: Visitors) -> None:
    ada = visitors.join("Ada")
    sees(ada, {"Ada": 1})
    grace = visitors.join("Grace")
    sees(ada, {"Ada": 1, "Grace": 1})
    sees(grace, {"Ada": 1, "Grace": 1})
    expect(ada.get_by_text("Grace joined")).to_be_visible()


def test_people_who_are_in_the_room_already_are_not_announced(visitors: Visitors) -> None:
    ada, grace = visitors.join("Ada"), visitors.join("Grace")
    visitors.join("Linus").close()
    for page, before in ((ada, ["Grace joined"]), (grace, [])):
        expect(page.get_by_text("Linus is gone")).to_be_visible()
        assert page.locator(".notice").all_text_contents() == [*before, "Linus joined", "Linus is gone"]


def test_a_message_reaches_the_others(visitors: Visitors) -> None:
    ada, grace = visitors.join("Ada"), visitors.join("Grace")
    send(ada, "Good morning!")
    expect(grace.locator(".message", has_text="Ada")).to_contain_text("Good morning!")
    expect(ada.locator(".message.mine")).to_contain_text("Good morning!")


def test_a_closed_tab_is_removed_soon(visitors: Visitors) -> None:
    ada, grace = visitors.join("Ada"), visitors.join("Grace")
    tab = visitors.another_tab(grace)
    sees(ada, {"Ada": 1, "Grace": 2})  # a tab that is closed at once is not shown at all
    tab.close()
    expect(ada.get_by_text("Grace closed or lost a tab")).to_be_visible()
    sees(ada, {"Ada": 1, "Grace": 1})
    grace.close()
    expect(ada.get_by_text("Grace is gone")).to_be_visible()
    sees(ada, {"Ada": 1})


def test_a_tab_that_an_operator_removes_comes_back_only_on_a_click(visitors: Visitors) -> None:
    tab = visitors.join("Ada Lovelace")
    admin = visitors.new_context().new_page()
    admin.goto(f"/admin/projections/presence/?room={visitors.room}")
    admin.get_by_label("Username").fill("admin")
    admin.get_by_label("Password").fill("admin")
    admin.get_by_role("button", name="Log in").click()
    admin.get_by_role("checkbox", name=re.compile("Select this object")).check()
    admin.get_by_label("Action:").select_option("Make the selected connections leave")
    admin.get_by_role("button", name=re.compile("^(Go|Run)$")).click()  # Django before 6.1, and after
    admin.get_by_label("Reason").fill("it is late")
    admin.get_by_role("button", name="Make them leave").click()
    expect(admin.get_by_text("1 connection left.")).to_be_visible()
    expect(tab.locator("#state")).to_have_text("Removed")
    ((data,),) = visitors.demo.rows(
        f"SELECT data FROM presence_event WHERE room = '{visitors.room}' AND kind = 'leave' ORDER BY id DESC LIMIT 1"
    )
    assert isinstance(data, dict)
    assert (data["by"], data["reason"]) == ("admin", "it is late")
    tab.get_by_role("button", name="Come back").click()
    expect(tab.locator("#state")).to_have_text("Live")

    ((key,),) = visitors.demo.rows("SELECT id FROM auth_user WHERE username = 'Ada Lovelace'")
    admin.goto(f"/admin/auth/user/{key}/change/")
    admin.locator(".object-tools").get_by_role("link", name="Timeline").click()
    expect(admin.locator(".presence-timeline")).to_contain_text(visitors.room)


def test_an_unplugged_tab_is_pruned_and_may_come_back(own_demo: Demo, browser: Browser) -> None:
    own_demo.start(max_age=3)
    visitors = Visitors(own_demo, browser, "lobby")
    ada, grace = visitors.join("Ada"), visitors.join("Grace")
    sees(ada, {"Ada": 1, "Grace": 1})
    grace.get_by_role("button", name="Pull the plug").click()
    expect(grace.get_by_role("alert")).to_contain_text("Unplugged")
    expect(grace.locator("#countdown")).to_have_text(re.compile(r"^within \d s$"))
    send(ada, "Are you still there?")

    sees(ada, {"Ada": 1}, PRUNED_AFTER)
    expect(ada.get_by_text("Grace is gone")).to_be_visible()
    expect(grace.get_by_role("alert")).to_contain_text("Cut off")
    expect(grace.get_by_text("Are you still there?")).to_have_count(0)

    grace.get_by_role("button", name="Come back").click()
    sees(ada, {"Ada": 1, "Grace": 1})
    sees(grace, {"Ada": 1, "Grace": 1})
    pruned = "SELECT username FROM presence_event JOIN auth_user u ON u.id = user_id::int WHERE kind = 'prune'"
    assert own_demo.rows(pruned) == [("Grace",)]
    visitors.leave()
    assert visitors.problems == []


def test_a_tab_plugged_in_again_in_time_has_missed_nothing(visitors: Visitors) -> None:
    ada, grace = visitors.join("Ada"), visitors.join("Grace")
    grace.get_by_role("button", name="Pull the plug").click()
    send(ada, "Hello?")
    expect(ada.get_by_text("Hello?")).to_be_visible()
    grace.get_by_role("button", name="Plug it in again").click()
    expect(grace.get_by_text("Hello?")).to_be_visible()
    sees(ada, {"Ada": 1, "Grace": 1})


def test_a_hostile_name_is_only_a_name(visitors: Visitors) -> None:
    names = ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "\u202eadA {{7*7}}"]
    ada = visitors.join("Ada")
    ada.on("dialog", lambda dialog: visitors.problems.append(dialog.message))
    for name in names:
        send(visitors.join(name), name)
        expect(ada.locator(".message .text").last).to_have_text(name)
    sees(ada, dict.fromkeys(["Ada", *names], 1))
    start_page = visitors.new_context().new_page()
    start_page.goto("/")
    expect(start_page.locator(f"button[value={visitors.room}]")).to_contain_text(names[0])
    assert ada.locator("img[src=x], main script").count() == 0
    assert start_page.locator("img[src=x], script").count() == 0


def test_the_name_of_the_admin_is_refused(visitors: Visitors) -> None:
    page = visitors.new_context().new_page()
    for name in ("admin", "Admin"):
        page.goto("/")
        page.get_by_label("Your name").fill(name)
        page.get_by_role("button", name="Join", exact=True).click()
        expect(page.locator(".errorlist")).to_contain_text("Please choose another")


def test_a_link_to_a_room_asks_for_a_name_first(visitors: Visitors) -> None:
    page = visitors.new_context().new_page()
    page.goto("/rooms/engine-room/")
    expect(page.get_by_label("Room")).to_have_value("engine-room")
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Join", exact=True).click()
    expect(page.get_by_role("heading", name="engine-room")).to_be_visible()


def test_a_room_with_people_can_be_joined_from_the_start_page(visitors: Visitors) -> None:
    ada = visitors.join("Ada")
    page = visitors.new_context().new_page()
    page.goto("/")
    page.get_by_label("Your name").fill("Grace")
    page.get_by_role("button", name=visitors.room).click()
    sees(ada, {"Ada": 1, "Grace": 1})


def test_the_admin_shows_rooms_presences_and_events(visitors: Visitors) -> None:
    sees(visitors.join("Ada"), {"Ada": 1})
    page = visitors.new_context().new_page()
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("admin")
    page.get_by_role("button", name="Log in").click()
    for model in ("room", "presence", "presenceevent"):
        page.goto("/admin/")
        page.locator(f".model-{model} th a").click()
        expect(page.locator("#result_list")).to_contain_text(visitors.room)


def test_a_person_deleted_in_the_admin_is_sent_to_the_start_page(visitors: Visitors) -> None:
    ada, mallory = visitors.join("Ada"), visitors.join("Mallory Doe")
    sees(ada, {"Ada": 1, "Mallory Doe": 1})
    page = visitors.new_context().new_page()
    page.goto("/admin/login/?next=/admin/auth/user/?q=Mallory+Doe")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("admin")
    page.get_by_role("button", name="Log in").click()
    page.locator("#result_list th a", has_text="Mallory Doe").click()
    page.locator(".deletelink").click()
    page.get_by_role("button", name="Yes").click()
    sees(ada, {"Ada": 1})
    expect(mallory.get_by_role("button", name="Join", exact=True)).to_be_visible()


def test_sigterm_stops_everything_in_order(own_demo: Demo, browser: Browser) -> None:
    own_demo.start()
    visitors = Visitors(own_demo, browser, "lobby")
    sees(visitors.join("Ada"), {"Ada": 1})
    server = own_demo.postgres_pid()
    assert own_demo.stop() == 0
    assert not runs(server)
    assert not answers(own_demo.url)
    assert "Traceback" not in own_demo.printed()
    assert own_demo.printed().endswith("Stopped.\n")
    visitors.leave()


def test_ctrl_c_during_the_start_stops_everything_too(own_demo: Demo) -> None:
    own_demo.process = own_demo.launch("--port", "0")
    wait_until(lambda: "Preparing the database" in own_demo.printed())
    server = own_demo.postgres_pid()
    assert own_demo.stop(signal.SIGINT) == 0
    assert not runs(server)
    assert "Traceback" not in own_demo.printed()
    assert own_demo.printed().endswith("Stopped.\n")


def test_a_killed_demo_starts_again_with_its_data(own_demo: Demo, browser: Browser) -> None:
    own_demo.start(max_age=3)
    visitors = Visitors(own_demo, browser, "lobby")
    ada = visitors.join("Ada")
    sees(ada, {"Ada": 1})
    orphan = own_demo.postgres_pid()
    own_demo.stop(signal.SIGKILL)
    assert runs(orphan)
    expect(ada.locator("#state")).to_contain_text("Connection lost")

    own_demo.start(own_demo.url.rpartition(":")[2], max_age=3)
    assert not runs(orphan)
    expect(ada.locator("#state")).to_have_text("Live", timeout=20_000)
    kinds = "SELECT kind FROM presence_event WHERE room = 'lobby' AND kind <> 'touch' ORDER BY kind"
    wait_until(lambda: own_demo.rows(kinds) == [("join",), ("join",), ("prune",)])
    sees(ada, {"Ada": 1})
    visitors.leave()


def test_a_second_demo_on_the_same_data_is_refused(demo: Demo) -> None:
    output = subprocess.run(
        [sys.executable, DEMO / "serve.py", "--data", demo.data, "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert output.returncode == 1
    assert f"process {demo.process.pid} is running" in output.stderr
    assert "Traceback" not in output.stderr
    assert answers(demo.url)


def test_a_port_that_is_taken_is_named(own_demo: Demo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert own_demo.launch("--port", port).wait(20) == 1
    assert f"Port {port} is not available" in own_demo.printed()
    assert "Traceback" not in own_demo.printed()


def test_a_demo_with_history_has_a_past_that_matches_the_log(own_demo: Demo) -> None:
    own_demo.start("0", "--history")
    ((stays,),) = own_demo.rows("SELECT count(*) FROM presence_session WHERE NOT is_open")
    assert f"Writing a day of history: {stays} stays\n" in own_demo.printed()
    assert stays > 600
    assert f"Timeline  {own_demo.url}/admin/projections/timeline/?room=lobby\n" in own_demo.printed()
    output = own_demo.manage("replay_presence", "--check", "--verbosity", "0")
    assert (output.returncode, output.stderr) == (0, ""), output.stdout
    assert own_demo.stop() == 0
    assert "Traceback" not in own_demo.printed()


def test_the_project_passes_its_checks(demo: Demo) -> None:
    output = demo.manage("check", "--database", "default", "--fail-level", "WARNING")
    assert (output.returncode, output.stdout) == (0, "System check identified no issues (0 silenced).\n"), output.stderr


def test_no_page_scrolls_sideways(visitors: Visitors, tmp_path: Path) -> None:
    """Not on phones either, and also with a long name and a long word."""
    page = visitors.join("Wolfeschlegelsteinhausenbergerdorff")
    send(page, "x" * 300)
    expect(page.get_by_text("xxx")).to_be_visible()
    for width, scheme in product((390, 1280, 1600), ("light", "dark")):
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.screenshot(path=tmp_path / f"{width}-{scheme}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


def test_the_screenshots_of_the_readme(visitors: Visitors, tmp_path: Path) -> None:
    """They are taken each time, and kept if PRESENCE_SCREENSHOTS is set."""
    directory = ROOT / "docs" / "images" if os.environ.get("PRESENCE_SCREENSHOTS") else tmp_path
    visitors.room = "tea-kitchen"
    ada = visitors.join("Ada", viewport={"width": 1280, "height": 800}, device_scale_factor=2, locale="en-GB")
    grace, linus = visitors.join("Grace Hopper"), visitors.join("Linus")
    visitors.another_tab(ada)
    for page, text in [
        (grace, "Morning! Is the kettle on?"),
        (ada, "Just boiled. I have a second tab open for the engine room."),
        (linus, "And yet there is only one of you."),
        (grace, "One person, two connections. That is how it should be."),
        (linus, "I am on the train, by the way. Tunnel ahead"),
    ]:
        send(page, text)
        expect(ada.get_by_text(text)).to_be_visible()
    linus.get_by_role("button", name="Pull the plug").click()
    sees(ada, {"Ada": 2, "Grace Hopper": 1}, PRUNED_AFTER)
    visitors.join("Margaret")
    sees(ada, {"Ada": 2, "Grace Hopper": 1, "Margaret": 1})
    ada.mouse.move(640, 600)
    for scheme, file in (("light", "demo.png"), ("dark", "demo-dark.png")):
        ada.emulate_media(color_scheme=scheme)
        ada.screenshot(path=directory / file, animations="disabled")
        assert (directory / file).stat().st_size > 50_000
