"""The order of our models on the index of the admin: what people look for first, what operators need last."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest

__all__ = ["order_models"]

_FIRST = ("Timeline", "Room", "Presence", "PresenceSession", "ScheduledReport", "AttendanceReport", "PresenceEvent")
_LAST = ("Segment", "Checkpoint", "Process", "DeadLetter")


def order_models(site: AdminSite) -> None:
    """Makes ``site`` list our models in this order. Does nothing if the class of the site has an order of its own.

    Django sorts by name and has no hook for a library. So the list of this one site is replaced.
    """
    if type(site).get_app_list is not AdminSite.get_app_list:
        return

    def get_app_list(request: HttpRequest, app_label: str | None = None) -> list[Any]:
        apps = AdminSite.get_app_list(site, request, app_label)
        for app in apps:
            if app["app_label"] in ("projections", "presence_events"):
                app["models"].sort(key=_place)
        return apps

    site.get_app_list = get_app_list  # type: ignore[method-assign]


def _place(model: dict[str, Any]) -> int:
    """The place of a model. Those that are not named keep their order in between."""
    name = model["object_name"]
    if name in _FIRST:
        return _FIRST.index(name)
    return len(_FIRST) + (1 + _LAST.index(name) if name in _LAST else 0)
