"""Variants of an echo consumer, one in each module. Each sends "welcome" when the connection and its join are done."""

from __future__ import annotations

from typing import Any


def room(scope: Any) -> str:
    name: str = scope["path"].strip("/")
    return name
