"""The forms of pseudonyms, by which they can be told from keys of users and from each other."""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

__all__ = ["DAILY", "ERASED", "Form"]


class Form(NamedTuple):
    """The form of one sort of pseudonyms, for each type that keys of users can have.

    A number is negative, and has the remainder ``parity`` when it is divided by 2. A UUID begins with the 32 bits
    ``uuid_start``, and a text with ``text_start``.
    """

    parity: int
    uuid_start: int
    text_start: str

    def fits(self, key: Any) -> bool:
        """Returns whether ``key``, a key of a user as Python has it, has this form."""
        if isinstance(key, int):
            return key < 0 and key % 2 == self.parity
        if isinstance(key, uuid.UUID):
            return key.int >> 96 == self.uuid_start
        return isinstance(key, str) and key.startswith(self.text_start)


ERASED = Form(0, 0xE2A5ED00, "erased-")
"""The form of the pseudonyms of erased persons."""

DAILY = Form(1, 0xDA117000, "daily-")
"""The form of daily pseudonyms. ``presence_pseudonym`` makes them."""
