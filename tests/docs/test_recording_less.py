"""The examples of docs/operations/recording-less.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from presence_events.privacy.rules import Rule, of_room
from projections.models import Presence
from tests.docs.pages import blocks, text_of
from tests.projections.rosters.pages import Page, new_user
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "docs/operations/recording-less.md"


def example(text: str) -> dict[str, Any]:
    """Runs the Python block that contains ``text``. Returns its names."""
    (found,) = [block for block in blocks(PAGE, "python") if text in block]
    namespace: dict[str, Any] = {}
    exec(compile(found, PAGE, "exec"), namespace)  # noqa: S102
    return namespace


def test_the_setting_means_what_the_text_says(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = example("CHANNELS_PRESENCE_PRIVACY")["CHANNELS_PRESENCE_PRIVACY"]
    assert (of_room("clinic-7"), of_room("lobby")) == (Rule("anonymous", False), Rule("daily"))


async def test_the_consumer_hides_and_is_shown_again() -> None:
    consumer = example("class DiscreetConsumer")["DiscreetConsumer"]
    watcher, page = Page(consumer, await new_user("ada"), "team"), Page(consumer, await new_user("eve"), "team")
    for each, session in ((watcher, {}), (page, {"incognito": True})):
        await with_session(each, session)
    assert watcher.client.people == 1
    eve = await Presence.objects.aget(user__username="eve")
    assert eve.is_hidden
    await page.socket.send_json_to({"hidden": False})
    await until(lambda: watcher.client.people == 2)
    await page.socket.send_json_to({"hidden": True})
    await until(lambda: watcher.client.people == 1)
    await page.close()
    await watcher.close()


async def with_session(page: Page, session: dict[str, Any]) -> None:
    """Opens ``page`` with a session in its scope."""
    lobby = page._lobby.as_asgi()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await lobby({**scope, "session": session}, receive, send)

    page._lobby = type("App", (), {"as_asgi": staticmethod(lambda: app)})
    await page.open()


def test_the_page_names_the_check_and_the_forms_of_pseudonyms() -> None:
    text = text_of(PAGE)
    code = Path("presence_events/privacy/daily.py").read_text(encoding="utf-8")
    for name in ("daily-", "da117000"):
        assert f"`{name}`" in text
        assert name in code.lower()
    assert "`presence_events.E009`" in text
