"""Decorators for handlers of consumers, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from projections._live import hand_made, live_loop
from projections.consumers import AsyncPresenceMixin, PresenceMixin

__all__ = ["remove_presence", "touch_presence"]

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


@overload
def touch_presence(handler: _Handler) -> _Handler: ...
@overload
def touch_presence(*, every: float = 0) -> Callable[[_Handler], _Handler]: ...
def touch_presence(handler: Any = None, *, every: float = 0) -> Any:
    """Records a touch for each message. Decorates ``receive`` or ``receive_json``.

    A message that is exactly the JSON string ``"heartbeat"`` does not reach the handler. All other messages do, text
    and bytes, by keyword or by position.

    ``every`` is a number of seconds. With ``@touch_presence(every=10)`` a message within 10 seconds of the last touch
    is not recorded and costs no I/O.

    A consumer that was pruned rejoins its rooms, and the groups of these rooms, with its user and its last data. One of
    `projections.consumers` rejoins if it was pruned by mistake, and is closed otherwise.

    Raises ValueError if ``every`` is not a finite number of at least zero.
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
    """Makes the connection leave every room before the handler runs. Decorates ``disconnect``.

    As the outermost decorator in a consumer class, it also makes the connection leave when Channels ends the consumer
    without calling ``disconnect``: when a handler raises (as ``send`` does after the client has gone), and when the
    server cancels the consumer.
    """
    ends = handler.__name__ in ("disconnect", "websocket_disconnect")
    if iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def ainner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
            if _has_channel(consumer):
                await hand_made.aleave_all(consumer.channel_name, hand_made.databases(consumer.channel_name))
            consumer._presence_removed = ends
            return await handler(consumer, *args, **kwargs)

        return cast("_Handler", markcoroutinefunction(_LeaveOnExit(ainner)))

    @functools.wraps(handler)
    def inner(consumer: Any, *args: Any, **kwargs: Any) -> Any:
        if _has_channel(consumer):
            hand_made.leave_all(consumer.channel_name)
        consumer._presence_removed = ends
        return handler(consumer, *args, **kwargs)

    return cast("_Handler", _LeaveOnExit(inner))


class _LeaveOnExit:
    """Replaces itself by ``handler`` when the consumer class is created, and makes the class leave when it ends.

    It wraps ``__call__`` of the class, which runs the consumer. Outside a class it behaves like ``handler``.
    """

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
                if _has_channel(consumer) and not getattr(consumer, "_presence_removed", False):
                    databases = hand_made.databases(consumer.channel_name)
                    leave = hand_made.aleave_all(consumer.channel_name, databases)
                    await live_loop.current().drain.run(leave, cancelled=cancelled)
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
            await hand_made.atouch(consumer.channel_name)
        consumer._presence_touched = monotonic()


def _touch(consumer: Any, every: float) -> None:
    if _is_due(consumer, every):
        if isinstance(consumer, PresenceMixin):
            consumer.touch_presence()
        else:
            hand_made.touch(consumer.channel_name)
        consumer._presence_touched = monotonic()


def _has_channel(consumer: Any) -> bool:
    """Whether Channels has given the consumer a channel. Without a channel layer it never does."""
    return hasattr(consumer, "channel_name")


def _is_due(consumer: Any, every: float) -> bool:
    if not _has_channel(consumer):
        return False
    return every == 0 or monotonic() - getattr(consumer, "_presence_touched", -math.inf) >= every


def _is_heartbeat(handler: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if handler.__name__ == "receive_json":
        return (args[0] if args else kwargs.get("content")) == "heartbeat"
    return (args[0] if args else kwargs.get("text_data")) == '"heartbeat"'
