"""A seal: what was in the log in a range of positions, as a text that names the seal before it."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from presence_events.exceptions import InvalidSeal
from presence_events.seals.merkle import Tree

__all__ = ["FIRST", "Part", "Seal"]

FIRST = "0" * 64
"""What the first seal names as the digest of the seal before it."""

_HEADER = "presence-seal 1"
_NAMES = ("number", "previous", "after", "up_to", "stays", "touches", "erasures", "sealed_at")


class Part(NamedTuple):
    """The events of one part of the log in the range of a seal: how many there are, and the root of their tree.

    Of the records of erasures, their number and their hash.
    """

    events: int
    root: str

    @classmethod
    def of(cls, tree: Tree) -> Part:
        return cls(tree.size, tree.root().hex())


class Seal(NamedTuple):
    """A seal of the events with positions from ``after`` (excluded) to ``up_to`` (included).

    ``number`` counts from 1. ``previous`` is the digest of the seal before it, and its ``up_to`` is this ``after``.
    ``erasures`` are the records of all erasures until then.
    """

    number: int
    previous: str
    after: int
    up_to: int
    stays: Part
    touches: Part
    erasures: Part
    sealed_at: datetime

    @property
    def text(self) -> str:
        """The seal as text, which is what is signed and hashed."""
        values = (
            self.number,
            self.previous,
            self.after,
            self.up_to,
            *(f"{part.events} {part.root}" for part in (self.stays, self.touches, self.erasures)),
            self.sealed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        )
        lines = (f"{name} {value}\n" for name, value in zip(_NAMES, values, strict=True))
        return f"{_HEADER}\n{''.join(lines)}"

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal digits."""
        return sha256(self.text.encode()).hexdigest()

    @classmethod
    def parse(cls, text: str) -> Seal:
        """Returns the seal of a text. Raises `InvalidSeal` unless it is exactly the `text` of a seal."""
        try:
            header, *lines = text.splitlines()
            names, values = zip(*(line.split(" ", 1) for line in lines), strict=True)
            if header != _HEADER or names != _NAMES:
                raise ValueError(f"it does not begin with {_HEADER!r}, or its lines are not {', '.join(_NAMES)}")
            number, previous, after, up_to, stays, touches, erased, sealed_at = values
            found = cls(
                int(number),
                previous,
                int(after),
                int(up_to),
                _part(stays),
                _part(touches),
                _part(erased),
                datetime.strptime(sealed_at, "%Y-%m-%dT%H:%M:%S.%f%z"),
            )
            if found.text != text:
                raise ValueError("it is written in another way")
        except ValueError as error:
            raise InvalidSeal(str(error)) from None
        return found

    def follows(self, previous: Seal | None) -> bool:
        """Returns whether this seal names ``previous``, or is the first one if that is None."""
        if previous is None:
            return (self.number, self.previous, self.after) == (1, FIRST, 0)
        return (self.number, self.previous, self.after) == (previous.number + 1, previous.digest, previous.up_to)


def _part(text: str) -> Part:
    events, root = text.split(" ")
    return Part(int(events), root)
