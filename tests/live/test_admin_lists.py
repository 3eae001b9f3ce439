"""The lists of the admin, and the pages that they lead to, on screens of several sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.utils import timezone
from playwright.sync_api import Page

from presence_events.checkpoints import Reader
from presence_events.seals.sealing import seal
from presence_events.segments import holds
from projections.final_reports.making import make_due_reports
from projections.final_reports.scheduling import schedule_report
from tests.backdating import Stay, write
from tests.live.operators import Operators

APPS = ("presence_events", "projections")
LISTS = ["projections/presence", "projections/presencesession", "projections/process", "presence_events/presenceevent"]
WIDTHS = (390, 1280, 1600)

CHANNEL = "specific.inmemory!abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _people(transactional_db: None, django_user_model: Any) -> None:
    data = {"device": "phone", "page": "/a/long/path"}
    write(
        *(
            Stay(
                "planning",
                f"{CHANNEL}{number}",
                django_user_model.objects.create_user(f"a-person-with-a-name-{number}"),
                timezone.now() - timedelta(minutes=number),
                data=data,
            )
            for number in range(1, 4)
        )
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_lists_fit_the_screen(operators: Operators, width: int, scheme: Any) -> None:
    """On phones, a list scrolls in its own frame, and the page does not."""
    page = operators.page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for name in LISTS:
        page.goto(f"/admin/{name}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        hidden = page.evaluate(
            "[...document.querySelectorAll('.results')].map(one => one.scrollWidth - one.clientWidth)"
        )
        assert width < 1280 or sum(hidden) == 0, name


def look(page: Page, path: Path, *schemes: Any) -> None:
    """Takes screenshots in each width, and asserts that the page does not scroll sideways."""
    for width, scheme in product(WIDTHS, schemes):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=f"{path}-{width}-{scheme}.jpeg", type="jpeg")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)


def test_no_page_scrolls_sideways(operators: Operators, tmp_path: Path) -> None:
    seal("default")
    holds.place("case 7: " + "a long reason " * 9, using="default")
    reader = Reader("a-reader-with-a-long-name-" * 3, using="default")
    reader.read(1)
    reader.store()
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    schedule_report("planning", "Weekly " * 20, start, start + timedelta(hours=1))
    make_due_reports("default")
    page = operators.page()
    models = [model._meta for model in admin.site._registry if model._meta.app_label in APPS]
    lists = [f"/admin/{meta.app_label}/{meta.model_name}/" for meta in models]
    seen = 0
    for address in ("/admin/", *lists):
        name = address.strip("/").replace("/", "-")
        page.goto(address)
        look(page, tmp_path / name, "light", "dark")
        details = page.locator("#result_list tbody th a").first
        if details.count():
            details.click()
            look(page, tmp_path / f"{name}-one", "light")
            seen += 1
    assert seen > 8


def test_the_end_of_a_channel_name_is_shown_and_all_of_it_is_copied(operators: Operators) -> None:
    page = operators.page()
    page.goto("/admin/projections/presence/")
    shown = page.locator(".presence-channel").first
    assert shown.get_attribute("title") == f"{CHANNEL}1"
    assert shown.evaluate("one => one.scrollWidth > one.clientWidth")
    copied = shown.evaluate("one => { getSelection().selectAllChildren(one); return getSelection().toString() }")
    assert copied == f"{CHANNEL}1"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_name_of_a_room_is_not_squeezed(operators: Operators, width: int) -> None:
    write(Stay("r" * 99, "1", None, timezone.now()))
    page = operators.page(viewport={"width": width, "height": 900})
    page.goto("/admin/projections/room/")
    box = page.locator("th.field-channel_name", has_text="rrrr").bounding_box()
    assert box is not None
    assert 80 <= box["width"] <= 320
