"""Browser contexts of a logged-in operator of the admin."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page

from tests.live.browser import listen


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
