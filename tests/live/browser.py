"""Starts a real browser, and collects its errors."""

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
    """Starts an installed browser. Without one, the tests are skipped, or fail in CI."""
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


def listen(context: BrowserContext, errors: list[str]) -> None:
    """Collects errors, warnings and violations of the page's policy in ``errors``."""

    def collect(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            errors.append(message.text)

    context.on("console", collect)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " event => console.error(`${event.violatedDirective}: ${event.blockedURI}`))"
    )
