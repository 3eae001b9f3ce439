"""Shows the people in a room: ``{% presence_roster "lobby" url="/ws/lobby/" %}``."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag(takes_context=True)
def presence_roster(context: Context, room: Any, *, url: str) -> SafeString:
    """Renders the element ``<presence-roster>`` and the script that defines it.

    ``room`` is a `Room` or its name. ``url`` is the address of a WebSocket that serves the roster, absolute or relative
    to the page. The script has the nonce of the request, if ``django-csp`` or the context processor of Django gives it
    one.
    """
    nonce = getattr(context.get("request"), "csp_nonce", None)
    if nonce is None:  # one that was not used yet is false
        nonce = context.get("csp_nonce")
    return format_html(
        '<script type="module" src="{}"{}></script><presence-roster room="{}" url="{}"></presence-roster>',
        static("projections/presence-roster.js"),
        "" if nonce is None else format_html(' nonce="{}"', nonce),
        room,
        url,
    )
