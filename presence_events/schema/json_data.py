"""The limits of the JSON in ``data``, and a decoder that also reads what breaks them.

The fold refuses data beyond the limits (``projections/sql/triggers/fold.sql``). The log can have such data
nevertheless, because its owner can disable the triggers. Python cannot decode all of it, nor encode it again.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NamedTuple, Self

__all__ = ["MAX_BYTES", "MAX_LEVELS", "Shape", "TolerantDecoder", "UnreadableData", "shape_of"]

MAX_BYTES = 8192
"""The size limit for ``data``, in bytes of the text that PostgreSQL writes for it, in UTF-8."""

MAX_LEVELS = 64
"""How many lists and objects may contain a value in ``data``."""

MAX_NUMBER = Decimal("1.7976931348623157e308")
"""The largest absolute value of a number in ``data``: that of a floating-point number of 64 bits."""

MAX_SHOWN = 100
"""Characters of unreadable data that its placeholder shows."""

_LONG_NUMBER = re.compile(r"[0-9]{309}")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]|-?[0-9][0-9.eE+-]*|[a-z]+')


class Shape(NamedTuple):
    """What the limits are about.

    - ``size``: bytes of the text that PostgreSQL writes for it.
    - ``levels``: how many lists and objects contain the innermost value.
    - ``has_large_number``: whether the absolute value of a number is more than `MAX_NUMBER`.
    """

    size: int
    levels: int
    has_large_number: bool


class UnreadableData(str):
    """Stands for data that Python cannot read. The text is for people: it shows where the data begins.

    ``manage.py export_presence`` writes the data itself.
    """

    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """Returns the placeholder for the JSON ``text``."""
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
        return cls(f"Unreadable data of {len(text)} characters: {shown}")


class TolerantDecoder(json.JSONDecoder):
    """Returns `UnreadableData` for a text that is nested too deeply or has numbers that are too large."""

    def decode(self, s: str, *args: Any) -> Any:
        return super().decode(s, *args) if _is_readable(s) else UnreadableData.of(s)


def shape_of(text: str) -> Shape:
    """Returns the shape of ``text``, which is valid JSON without spaces between its parts.

    If a key occurs twice in an object, both count, although PostgreSQL stores one.
    """
    size, depth, levels, has_large_number = len(text.encode()), 0, 0, False
    for match in _TOKEN.finditer(text):
        token = match.group()
        first = token[0]
        if first in ",:":
            size += 1  # PostgreSQL writes a space after it
        elif first in "]}":
            depth -= 1
        else:
            levels = max(levels, depth)
            if first in "[{":
                depth += 1
            elif first in "-0123456789":
                size += _written_length(token) - len(token)
                has_large_number |= len(token) > 308 and Decimal(token).copy_abs() > MAX_NUMBER
    return Shape(size, levels, has_large_number)


def _written_length(number: str) -> int:
    """Returns how many characters PostgreSQL writes for ``number``. It has no exponents and no negative zero."""
    if "e" in number or "E" in number:
        return len(f"{Decimal(number):f}")
    return 3 if number == "-0.0" else len(number)


def _is_readable(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_LEVELS and not _LONG_NUMBER.search(text):
        return True
    shape = shape_of(text)
    return shape.levels <= MAX_LEVELS and not shape.has_large_number
