"""Random histories, and what holds in each of them. ``tox -e properties`` tries ten times as many as by default."""

from __future__ import annotations

import os

from hypothesis import settings

__all__ = ["MORE", "examples"]

MORE = int(os.environ.get("PRESENCE_EXAMPLES", "1"))
"""How many times as many examples as by default are tried."""


def examples(number: int) -> settings:
    """Tries ``number`` examples of a test, or more of them."""
    return settings(max_examples=number * MORE)
