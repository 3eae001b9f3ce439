"""Copies of seals outside of the database: a file with one seal in each line, which is only ever appended to.

A line is a JSON object with the text of the seal, and the signature and the public key in hexadecimal digits or null.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from presence_events.exceptions import CopyDiffers, InvalidSeal
from presence_events.models import StoredSeal
from presence_events.seals.seal import Seal

__all__ = ["SealCopy", "append", "read"]


class SealCopy(NamedTuple):
    """A seal with its signature, as a copy or the database has it."""

    seal: Seal
    signature: bytes | None
    public_key: bytes | None

    @classmethod
    def of(cls, stored: StoredSeal) -> SealCopy:
        """Returns what the database has. Raises `InvalidSeal` if the text is not a seal."""
        signature, public_key = stored.signature, stored.public_key
        return cls(
            stored.seal,
            None if signature is None else bytes(signature),
            None if public_key is None else bytes(public_key),
        )


def append(path: Path, seals: Iterable[StoredSeal]) -> int:
    """Appends those of ``seals`` that come after the last one in the file, and returns their number.

    The file is created if it does not exist, and is on disk when this returns. Raises `CopyDiffers`, and writes
    nothing, if the file has a seal that is not among ``seals``. Raises `InvalidSeal` and an OSError.
    """
    known = read(path) if path.exists() else []
    stored = [SealCopy.of(each) for each in seals]
    for copied, own in zip_longest(known, stored[: len(known)]):
        if own is None or own.seal != copied.seal:
            raise CopyDiffers(f"It has another seal {copied.seal.number}.")
    rest = stored[len(known) :]
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(_as_json(each))}\n" for each in rest)
        file.flush()
        os.fsync(file.fileno())
    return len(rest)


def read(path: Path) -> list[SealCopy]:
    """Returns the seals in a file. Raises `InvalidSeal` with the number of a line that has none, and an OSError."""
    copies = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            copies.append(_from_json(json.loads(line)))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InvalidSeal(f"Line {number} of {path}: {error}") from None
    return copies


def _as_json(copied: SealCopy) -> dict[str, str | None]:
    return {
        "seal": copied.seal.text,
        "signature": None if copied.signature is None else copied.signature.hex(),
        "public_key": None if copied.public_key is None else copied.public_key.hex(),
    }


def _from_json(found: dict[str, Any]) -> SealCopy:
    signature, public_key = (found[name] and bytes.fromhex(found[name]) for name in ("signature", "public_key"))
    return SealCopy(Seal.parse(found["seal"]), signature, public_key)
