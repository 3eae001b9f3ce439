"""A worker of gunicorn that pings soon. gunicorn passes no options of uvicorn, so they are set on the class."""

from __future__ import annotations

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker

__all__ = ["PingingWorker"]


class PingingWorker(UvicornWorker):
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        **UvicornWorker.CONFIG_KWARGS,
        "ws_ping_interval": 1,
        "ws_ping_timeout": 8,
    }
