"""Keys of subjects, ready for HMAC-SHA-256 (RFC 2104) of many messages.

HMAC hashes the message after a block that depends on the key alone, and the result after another one. Both are hashed
once for each key here. The hmac module of Python needs more than twice the time for each message.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["SubjectKey", "SubjectKeys"]

_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class SubjectKey(NamedTuple):
    """The hashes of the two blocks. HMAC of a message continues a copy of the inner one, then one of the outer one."""

    inner: _Hash
    outer: _Hash

    @classmethod
    def of(cls, key: bytes) -> SubjectKey:
        """Makes a key of at most 64 bytes ready."""
        block = key.ljust(64, b"\0")
        return cls(sha256(block.translate(_INNER)), sha256(block.translate(_OUTER)))


class SubjectKeys(dict[str, SubjectKey]):
    """The keys of subjects by their names."""

    def add(self, keys: Mapping[str, bytes]) -> None:
        """Makes ``keys`` ready."""
        self.update((subject, SubjectKey.of(key)) for subject, key in keys.items())
