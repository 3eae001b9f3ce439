"""The canonical form of an event, version 1, and its leaf in a Merkle tree.

``docs/reference/seal-format.md`` specifies both. A line has the fields of an event, as PostgreSQL writes them with COPY
in its text format. The last two, the user and the data, are personal. They enter the leaf as a commitment only: a hash
with a key of the subject, which is the user, or the stay of an anonymous connection. Once that key is deleted, the
commitment tells nothing about what it stands for, and the leaf remains. An event that was erased has its commitment in
place of what it stands for.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from presence_events.seals.subject_keys import SubjectKeys

__all__ = ["Line", "Row", "event_key", "leaves"]

Row = tuple[str, bool, str, str, str | None, str | None]
"""The fields of a `Line`."""


class Line(NamedTuple):
    """The canonical line of an event, in its parts."""

    position: str
    is_touch: bool
    public: str
    """All fields but the personal ones."""
    personal: str
    """The user and the data."""
    subject: str | None
    """Names whose data the personal fields are. None if there are none, or if the event was erased."""
    commitment: str | None
    """The commitment of an event that was erased, in hexadecimal digits."""


def leaves(lines: Iterable[Row], keys: SubjectKeys) -> list[bytes]:
    """Returns the hashes of the leaves of ``lines``. Raises a KeyError if the key of a subject is not in ``keys``."""
    # Sealing and verifying spend most of their time here, so this has no calls but those of the hashes.
    found = []
    for position, _, public, personal, subject, erased in lines:
        if erased is not None:
            commitment = erased
        elif subject is None:
            commitment = "\\N"
        else:
            inner, outer = keys[subject]
            inner, outer = inner.copy(), outer.copy()
            inner.update(position.encode())
            outer.update(inner.digest())
            commitment = sha256(outer.digest() + personal.encode()).hexdigest()
        # The zero byte is that of `merkle.leaf_hash`.
        found.append(sha256(f"\0001\t{public}\t{commitment}".encode()).digest())
    return found


def event_key(line: Line, key: bytes) -> bytes:
    """Returns the key of the commitment of one event, from the key of its subject. It opens no other event."""
    return hmac.digest(key, line.position.encode(), "sha256")
