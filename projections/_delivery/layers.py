"""Which channel layer a connection is on.

A connection is on the layer of its consumer, which Channels calls ``channel_layer_alias``. A process remembers the
layers of the connections that it joined lately. No other process knows them. So a discard for a connection that is not
remembered is sent to every layer, and an add to the default layer. A layer ignores the discard of a channel that is not
in the group.
"""

from __future__ import annotations

from typing import cast

from channels import DEFAULT_CHANNEL_LAYER
from channels.exceptions import InvalidChannelLayerError
from channels.layers import channel_layers

from projections._delivery.bounded import BoundedMap

__all__ = ["MAX_REMEMBERED", "check", "of_add", "of_discard", "remember"]

MAX_REMEMBERED = 20_000
"""Connections whose layer a process remembers. A connection is remembered again with every join."""


def check(alias: str) -> None:
    """Raises `channels.exceptions.InvalidChannelLayerError` for a layer that is not configured.

    Does nothing for the default layer, which a site need not have.
    """
    if alias not in (DEFAULT_CHANNEL_LAYER, *_configured()):
        names = ", ".join(map(repr, _configured())) or "none"
        raise InvalidChannelLayerError(f"{alias!r} is not a layer of CHANNEL_LAYERS. Its layers: {names}.")


def remember(channel_name: str, alias: str) -> None:
    """Notes that the connection is on the layer ``alias``. Call it before each of its joins."""
    if alias != DEFAULT_CHANNEL_LAYER or len(_configured()) > 1:
        _remembered.put(channel_name, alias)


def of_add(channel_name: str) -> tuple[str, ...]:
    """Returns the aliases of the layers that an add of this connection to a group is sent to."""
    return (_known(channel_name) or DEFAULT_CHANNEL_LAYER,)


def of_discard(channel_name: str) -> tuple[str, ...]:
    """Returns the aliases of the layers that a discard of this connection from a group is sent to."""
    alias = _known(channel_name)
    return (alias,) if alias else _configured()


_remembered: BoundedMap[str] = BoundedMap(MAX_REMEMBERED)


def _known(channel_name: str) -> str | None:
    alias = _remembered.get(channel_name)
    # A test may have replaced CHANNEL_LAYERS, and use the name again.
    return alias if alias is not None and alias in _configured() else None


def _configured() -> tuple[str, ...]:
    return tuple(cast("dict[str, object]", channel_layers.configs))
