from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.template import Context, engines

from projections.models import Room

TEMPLATE = "{% load presence %}{% presence_roster room url=url %}"


def rendered(room: Any, url: str = "/ws/", **context: Any) -> str:
    template = engines["django"].from_string(TEMPLATE).template
    return str(template.render(Context({"room": room, "url": url, **context})))


class LazyNonce:
    """A nonce that is false until it is used, as those of Django and django-csp are."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "n0nce"


def test_the_tag_renders_the_script_and_the_element() -> None:
    assert rendered("lobby") == (
        '<script type="module" src="/static/projections/presence-roster.js"></script>'
        '<presence-roster room="lobby" url="/ws/"></presence-roster>'
    )


def test_the_tag_takes_a_room() -> None:
    assert 'room="lobby"' in rendered(Room(channel_name="lobby"))


def test_everything_is_escaped() -> None:
    page = rendered("\"><script>'", url='/ws/?a=1&b="', csp_nonce='"x')
    assert 'room="&quot;&gt;&lt;script&gt;&#x27;" url="/ws/?a=1&amp;b=&quot;"' in page
    assert 'nonce="&quot;x"' in page


def test_the_script_has_the_nonce_of_the_request() -> None:
    for context in ({"request": SimpleNamespace(csp_nonce=LazyNonce())}, {"csp_nonce": LazyNonce()}):
        assert 'presence-roster.js" nonce="n0nce"></script>' in rendered("lobby", **context)


def test_a_request_without_a_nonce_gives_none() -> None:
    assert "nonce" not in rendered("lobby", request=SimpleNamespace())
