"""The same echo, a module a variant. Each says "welcome" when the client has been let in, presence included."""

from __future__ import annotations

from typing import Any


def room(scope: Any) -> str:
    name: str = scope["path"].strip("/")
    return name
