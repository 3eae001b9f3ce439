"""Browser contexts of a logged-in operator of the admin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page

from tests.live.browser import listen

_Kind = TypeVar("_Kind", bound="Operators")


class Operators:
    """Browser contexts of a logged-in operator. Their errors, warnings and policy violations fail the test."""

    def __init__(self, browser: Browser, server: Any, client: Client) -> None:
        self.browser = browser
        self.server = server
        self.cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        self.errors: list[str] = []
        self.contexts: list[Any] = []

    def page(self, **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = self.browser.new_context(base_url=self.server.url, **options)
        # Browsers request the icon by themselves.
        context.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": self.cookie, "url": self.server.url}])
        listen(context, self.errors)
        self.contexts.append(context)
        return context.new_page()


@contextmanager
def operating(kind: type[_Kind], browser: Browser, server: Any, user_model: Any) -> Iterator[_Kind]:
    """Makes an operator with all rights. At the end, closes the contexts, and asserts that there were no errors."""
    client = Client()
    client.force_login(user_model.objects.create_superuser("operator"))
    operators = kind(browser, server, client)
    yield operators
    for context in operators.contexts:
        context.close()
    assert operators.errors == []
