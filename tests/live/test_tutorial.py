"""The tutorial, step by step, in a virtual environment of its own, up to two browsers that see each other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.docs.pages import ROOT, text_of
from tests.live.browser import launched
from tests.live.databases import Cluster
from tests.live.servers import free_port
from tests.waiting import wait_until

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"\A(?:#|<!--) (\S+\.(?:py|html))(?: -->)?\n")
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "database").empty() as cluster:
        yield cluster


class Project:
    """The folder of a reader who follows the tutorial, with a database in another place."""

    def __init__(self, home: Path, database: Cluster) -> None:
        self.home = home
        self.database = database
        self.blocks = BLOCK.findall(text_of("docs/tutorial/roster.md", "docs/tutorial/own-list.md"))
        self.server: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def console(self, command: str) -> None:
        """Runs a line of a console block."""
        match command.split():
            case ["python3", "-m", "venv", directory]:
                venv.create(self.home / directory, with_pip=True)
            case [pip, "install", "django-presence-events", *packages]:
                self.run(pip, "install", "--quiet", str(ROOT), *(package.strip('"') for package in packages))
            case [python, "manage.py", "createsuperuser"]:
                for name in ("ada", "bo"):
                    self.run(
                        *(python, "manage.py", "createsuperuser", "--noinput", "--username", name),
                        *("--email", f"{name}@example.com"),
                    )
            case [python, "manage.py", "runserver"]:
                self.start(python)
            case arguments:
                self.run(*arguments)

    def run(self, *arguments: str) -> None:
        done = subprocess.run(
            arguments, cwd=self.home, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"

    def start(self, python: str) -> None:
        with (self.home / "server.log").open("wb") as log:
            self.server = subprocess.Popen(
                [python, "manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}"],
                cwd=self.home,
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self.answers)

    def answers(self) -> bool:
        assert self.server is not None
        assert self.server.poll() is None, (self.home / "server.log").read_text()
        try:
            return bool(urlopen(f"http://127.0.0.1:{self.port}/admin/login/", timeout=10).status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        if self.server is not None:
            self.server.terminate()
            self.server.wait(30)
            self.server = None

    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "PYTHONPATH")
        }
        return {**kept, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}

    def write(self, text: str) -> None:
        """Writes the file that a block names. The settings are appended, with the database of this test."""
        found = FILE.match(text)
        assert found, f"The block names no file: {text[:50]}"
        path = self.home / found[1]
        path.parent.mkdir(exist_ok=True)
        if path.name == "settings.py":
            own = re.sub(r'"HOST": "localhost"', f'"HOST": "{self.database.home}"', text)
            for key, value in {"NAME": "postgres", "USER": "postgres"}.items():
                own = own.replace(f'"{key}": "mysite"', f'"{key}": "{value}"')
            path.write_text(path.read_text() + own)
        else:
            path.write_text(text)


def log_in(browser: Browser, project: Project, name: str) -> Page:
    page = browser.new_context().new_page()
    page.goto(f"http://127.0.0.1:{project.port}/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.click("[type=submit]")
    return page


def test_two_browsers_see_each_other_at_the_end_of_the_tutorial(
    browser: Browser, database: Cluster, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", database)
    project.home.mkdir()
    try:
        for language, text in project.blocks:
            if language == "console":
                for command in text.splitlines():
                    project.console(command)
            else:
                if project.server is not None and language == "html":
                    _check_the_element(browser, project)
                    project.stop()
                project.write(text)
        project.start("venv/bin/python")
        _check_the_list(browser, project)
    finally:
        project.stop()
        shutil.rmtree(project.home / "venv", ignore_errors=True)
        sys.stdout.write((project.home / "server.log").read_text())


def _check_the_element(browser: Browser, project: Project) -> None:
    ada = log_in(browser, project, "ada")
    expect(ada.locator("[part~=name]")).to_have_text(["ada"])
    bo = log_in(browser, project, "bo")
    for page in (ada, bo):
        expect(page.locator("[part~=name]")).to_have_text(["ada", "bo"])
    tab = ada.context.new_page()
    tab.goto(ada.url)
    expect(bo.locator("[part~=tabs]:visible")).to_have_text(["2 tabs"])
    bo.context.close()
    expect(ada.locator("[part~=name]")).to_have_text(["ada"], timeout=30_000)
    ada.context.close()


def _check_the_list(browser: Browser, project: Project) -> None:
    ada = log_in(browser, project, "ada")
    expect(ada.locator("li")).to_have_text(["ada (active)"])
    bo = log_in(browser, project, "bo")
    expect(ada.locator("li")).to_have_text(["ada (active)", "bo (active)"])
    bo.context.close()
    ada.context.close()
