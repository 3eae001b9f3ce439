"""The lists of the admin on screens of several sizes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.backdating import Stay, write
from tests.live.operators import Operators

LISTS = ["projections/presence", "projections/presencesession", "projections/process", "presence_events/presenceevent"]

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
@pytest.mark.parametrize("width", [390, 1280, 1600])
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
