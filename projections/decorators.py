"""Decorators for the handlers of consumers, synchronous and asynchronous ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction

from projections.models import Presence

__all__ = ["remove_presence", "touch_presence"]

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def touch_presence(handler: _Handler) -> _Handler:
    """For ``receive`` (and ``receive_json``): the connection was seen.

    A message that is the JSON string ``"heartbeat"`` and nothing else ends here; all others reach the handler, text
    and bytes, by keyword or by position.
    """
    if iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def ainner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
            await Presence.objects.atouch(consumer.channel_name)
            if _is_heartbeat(handler, args, kwargs):
                return None
            return await handler(consumer, *args, **kwargs)

        return cast(_Handler, ainner)

    @functools.wraps(handler)
    def inner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
        Presence.objects.touch(consumer.channel_name)
        if _is_heartbeat(handler, args, kwargs):
            return None
        return handler(consumer, *args, **kwargs)

    return cast(_Handler, inner)


def remove_presence(handler: _Handler) -> _Handler:
    """For ``disconnect``: the connection leaves every room it is in, then the handler runs."""
    if iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def ainner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
            await Presence.objects.aleave_all(consumer.channel_name)
            return await handler(consumer, *args, **kwargs)

        return cast(_Handler, ainner)

    @functools.wraps(handler)
    def inner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
        Presence.objects.leave_all(consumer.channel_name)
        return handler(consumer, *args, **kwargs)

    return cast(_Handler, inner)


def _is_heartbeat(handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if handler.__name__ == "receive_json":
        return (args[0] if args else kwargs.get("content")) == "heartbeat"
    return (args[0] if args else kwargs.get("text_data")) == '"heartbeat"'
