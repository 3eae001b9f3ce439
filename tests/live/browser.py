"""A real browser, and what it complains about."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser of this machine. Without one the tests are skipped, and fail in CI."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        message = f"There is no browser: install one of {', '.join(BROWSERS)}."
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    arguments = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else QUIET
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(arguments))
        yield browser
        browser.close()


def listen(context: BrowserContext, complaints: list[str]) -> None:
    """Collects errors, warnings and violations of the page's policy in ``complaints``."""

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    context.on("console", hear)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " event => console.error(`${event.violatedDirective}: ${event.blockedURI}`))"
    )
