"""Decorators for the handlers of consumers, synchronous and asynchronous ones."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from projections._live import heartbeat
from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.models import Presence

__all__ = ["remove_presence", "touch_presence"]

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


@overload
def touch_presence(handler: _Handler) -> _Handler: ...
@overload
def touch_presence(*, every: float = 0) -> Callable[[_Handler], _Handler]: ...
def touch_presence(handler: Any = None, *, every: float = 0) -> Any:
    """For ``receive`` (and ``receive_json``): the connection was seen.

    A message that is the JSON string ``"heartbeat"`` and nothing else ends here; all others reach the handler, text
    and bytes, by keyword or by position.

    Every message is recorded as a touch. With ``@touch_presence(every=10)`` those that come within 10 seconds of the
    last touch are not, and cost no I/O. A consumer of `projections.consumers` that was pruned by mistake rejoins its
    rooms. Raises ValueError for an ``every`` that is not a finite number of seconds, zero or more.
    """
    _check_seconds(every)
    if handler is None:
        return functools.partial(touch_presence, every=every)
    if not callable(handler):
        raise TypeError(f"touch_presence decorates a handler. Got {handler!r}: did you mean every={handler!r}?")

    if iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def ainner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
            await _atouch(consumer, every)
            if _is_heartbeat(handler, args, kwargs):
                return None
            return await handler(consumer, *args, **kwargs)

        return ainner

    @functools.wraps(handler)
    def inner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
        _touch(consumer, every)
        if _is_heartbeat(handler, args, kwargs):
            return None
        return handler(consumer, *args, **kwargs)

    return inner


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
            cancelled = False
            try:
                await (own(consumer, *args, **kwargs) if own else inherited.__call__(*args, **kwargs))
            except asyncio.CancelledError:
                cancelled = True
                raise
            finally:
                if hasattr(consumer, "channel_name") and not getattr(consumer, "_presence_removed", False):
                    leaving = Presence.objects.aleave_all(consumer.channel_name)
                    await heartbeat.of_running_loop().see_off(leaving, cancelled=cancelled)
                    consumer._presence_removed = True

        owner.__call__ = run


def _check_seconds(every: Any) -> None:
    if isinstance(every, bool) or not isinstance(every, (int, float)) or not 0 <= every < math.inf:
        raise ValueError(f"touch_presence(every=...) takes a number of seconds, zero or more. Got {every!r}.")


async def _atouch(consumer: Any, every: float) -> None:
    if _is_due(consumer, every):
        if isinstance(consumer, AsyncPresenceMixin):
            await consumer.touch_presence()
        else:
            await Presence.objects.atouch(consumer.channel_name)
        consumer._presence_touched = monotonic()


def _touch(consumer: Any, every: float) -> None:
    if _is_due(consumer, every):
        if isinstance(consumer, PresenceMixin):
            consumer.touch_presence()
        else:
            Presence.objects.touch(consumer.channel_name)
        consumer._presence_touched = monotonic()


def _is_due(consumer: Any, every: float) -> bool:
    return every == 0 or monotonic() - getattr(consumer, "_presence_touched", -math.inf) >= every


def _is_heartbeat(handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if handler.__name__ == "receive_json":
        return (args[0] if args else kwargs.get("content")) == "heartbeat"
    return (args[0] if args else kwargs.get("text_data")) == '"heartbeat"'
