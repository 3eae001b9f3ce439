"""The canonical form of an event, version 1, and its leaf in a Merkle tree. ``docs/seals.md`` specifies both.

A line has the fields of an event, as PostgreSQL writes them with COPY in its text format. The last two, the user and
the data, are personal. They enter the leaf as a commitment only: a hash with a key of the subject, which is the user,
or the stay of an anonymous connection. Once that key is deleted, the commitment tells nothing about what it stands for,
and the leaf remains. An event that was erased has its commitment in place of what it stands for.
"""

from __future__ import annotations

import hmac
import re
from binascii import hexlify
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from presence_events.seals.merkle import leaf_hash

__all__ = ["Line", "event_key", "leaf"]

_NULL = b"\\N"
_TAB = b"\t"
_ESCAPE = re.compile(rb"\\(.)")
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


class Line(NamedTuple):
    """The canonical line of an event, in its parts."""

    position: bytes
    is_touch: bool
    public: bytes
    """All fields but the personal ones."""
    personal: bytes
    """The user and the data."""
    subject: str | None
    """Names whose data the personal fields are. None if there are none, or if the event was erased."""
    commitment: bytes | None = None
    """The commitment of an event that was erased, in hexadecimal digits."""

    @classmethod
    def parse(cls, line: bytes, commitment: bytes | None = None) -> Line:
        """Returns the parts of a line of COPY, without its newline. Raises a ValueError if it has not 14 fields.

        ``commitment`` is that of an event that was erased.
        """
        public, user, data = line.rsplit(b"\t", 2)
        position, kind, _ = public.split(b"\t", 2)
        if public.count(b"\t") != 11:
            raise ValueError(f"A line has {line.count(_TAB) + 1} fields instead of 14.")
        if commitment is not None:
            subject = None
        elif user != _NULL:
            subject = f"user:{_unescaped(user)}"
        elif data == _NULL:
            subject = None
        else:
            session = public.split(b"\t", 5)[4]
            subject = f"event:{position.decode()}" if session == _NULL else f"session:{session.decode()}"
        return cls(position, kind == b"touch", public, b"%b\t%b" % (user, data), subject, commitment)


def leaf(line: Line, keys: Mapping[str, bytes]) -> bytes:
    """Returns the hash of the leaf of ``line``. ``keys`` has the key of its subject. Raises a KeyError without it."""
    if line.commitment is not None:
        commitment = line.commitment
    elif line.subject is None:
        commitment = _NULL
    else:
        commitment = hexlify(sha256(event_key(line, keys[line.subject]) + line.personal).digest())
    return leaf_hash(b"1\t" + line.public + b"\t" + commitment)


def event_key(line: Line, key: bytes) -> bytes:
    """Returns the key of the commitment of one event, from the key of its subject. It opens no other event."""
    return hmac.digest(key, line.position, "sha256")


def _unescaped(field: bytes) -> str:
    """Returns the text of a field of COPY."""
    if b"\\" not in field:
        return field.decode()
    return _ESCAPE.sub(lambda found: _CONTROLS.get(found[1], found[1]), field).decode()
