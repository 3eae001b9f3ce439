"""Talks to a consumer without a server, on a machine of any speed."""

from __future__ import annotations

import asyncio
from typing import Any

from channels import testing

__all__ = ["PATIENCE", "WebsocketCommunicator"]

PATIENCE = 30.0
"""Seconds that a consumer has for an answer. Channels allows one, which a loaded machine may need."""


class WebsocketCommunicator(testing.WebsocketCommunicator):
    """That of Channels, with more patience in all methods."""

    async def receive_output(self, timeout: float = PATIENCE) -> Any:  # noqa: ASYNC109 - the signature of Channels
        output = asyncio.ensure_future(self.output_queue.get())
        await asyncio.wait((output, self.future), timeout=max(timeout, PATIENCE), return_when=asyncio.FIRST_COMPLETED)
        if output.done():
            return output.result()
        output.cancel()
        # The consumer has ended, so there is nothing to wait for. This raises what it raised.
        return await super().receive_output(0.01 if self.future.done() else timeout)

    async def wait(self, timeout: float = PATIENCE) -> None:  # noqa: ASYNC109 - the signature of Channels
        await super().wait(max(timeout, PATIENCE))
