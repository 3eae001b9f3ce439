"""Talks to a consumer without a server, on a machine of any speed."""

from __future__ import annotations

from typing import Any

from channels import testing

__all__ = ["PATIENCE", "WebsocketCommunicator"]

PATIENCE = 30.0
"""Seconds that a consumer has for an answer. Channels allows one, which a loaded machine may need."""


class WebsocketCommunicator(testing.WebsocketCommunicator):
    """That of Channels, with more patience in all methods."""

    async def receive_output(self, timeout: float = PATIENCE) -> Any:  # noqa: ASYNC109 - the signature of Channels
        return await super().receive_output(max(timeout, PATIENCE))

    async def wait(self, timeout: float = PATIENCE) -> None:  # noqa: ASYNC109 - the signature of Channels
        await super().wait(max(timeout, PATIENCE))
