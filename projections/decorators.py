"""Decorators for the handlers of consumers, synchronous and asynchronous ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

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

        return cast("_Handler", ainner)

    @functools.wraps(handler)
    def inner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
        Presence.objects.touch(consumer.channel_name)
        if _is_heartbeat(handler, args, kwargs):
            return None
        return handler(consumer, *args, **kwargs)

    return cast("_Handler", inner)


def remove_presence(handler: _Handler) -> _Handler:
    """For ``disconnect``: the connection leaves every room it is in, then the handler runs.

    As the outermost decorator in a consumer class it leaves as well when Channels ends the consumer without calling
    ``disconnect``: when any handler raises (``send`` does, once the client is gone), and when the server cancels it.
    """
    ends = handler.__name__ in ("disconnect", "websocket_disconnect")
    if iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def ainner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
            await Presence.objects.aleave_all(consumer.channel_name)
            consumer._presence_removed = ends
            return await handler(consumer, *args, **kwargs)

        return cast("_Handler", markcoroutinefunction(_EveryWayOut(ainner)))

    @functools.wraps(handler)
    def inner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
        Presence.objects.leave_all(consumer.channel_name)
        consumer._presence_removed = ends
        return handler(consumer, *args, **kwargs)

    return cast("_Handler", _EveryWayOut(inner))


class _EveryWayOut:
    """Stands for ``handler`` until the consumer class is made, then wraps what runs the consumer as well."""

    def __init__(self, handler: Callable[..., Any]) -> None:
        functools.update_wrapper(self, handler)
        self._handler = handler

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._handler(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self._handler.__get__(instance, owner)

    def __set_name__(self, owner: Any, name: str) -> None:
        setattr(owner, name, self._handler)
        own = vars(owner).get("__call__")

        async def run(consumer: Any, *args: Any, **kwargs: Any) -> None:
            inherited: Any = super(owner, consumer)
            try:
                await (own(consumer, *args, **kwargs) if own else inherited.__call__(*args, **kwargs))
            finally:
                if hasattr(consumer, "channel_name") and not getattr(consumer, "_presence_removed", False):
                    await Presence.objects.aleave_all(consumer.channel_name)
                    consumer._presence_removed = True

        owner.__call__ = run


def _is_heartbeat(handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if handler.__name__ == "receive_json":
        return (args[0] if args else kwargs.get("content")) == "heartbeat"
    return (args[0] if args else kwargs.get("text_data")) == '"heartbeat"'
