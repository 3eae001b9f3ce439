"""Copies of seals outside of the database: a file that is only ever appended to, or a directory with a file for each.

A seal is one line: a JSON object with the text of the seal, and the signature and the public key in hexadecimal digits
or null. Each seal names the one before it, so adding seals compares the last one only. `read` returns all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from django.core.files import locks

from presence_events.exceptions import CopyDiffers, InvalidSeal
from presence_events.models import StoredSeal
from presence_events.seals.seal import Seal

__all__ = ["MAX_LINE", "SealCopy", "add_to_directory", "append", "read", "stored_after"]

MAX_LINE = 65536
"""Bytes at the end of a file among which the line of its last seal has to begin."""


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

    @classmethod
    def parse(cls, line: str | bytes) -> SealCopy:
        """Returns the seal of a line. Raises `InvalidSeal`."""
        try:
            found: dict[str, Any] = json.loads(line)
            keys = (found[name] and bytes.fromhex(found[name]) for name in ("signature", "public_key"))
            return cls(Seal.parse(found["seal"]), *keys)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InvalidSeal(str(error)) from None

    @property
    def line(self) -> str:
        """The seal as a line of a copy, with its newline."""
        found = {
            "seal": self.seal.text,
            "signature": None if self.signature is None else self.signature.hex(),
            "public_key": None if self.public_key is None else self.public_key.hex(),
        }
        return f"{json.dumps(found)}\n"


def stored_after(number: int, using: str) -> Iterator[SealCopy]:
    """Yields the seals of the database ``using`` that come after the seal ``number``. Raises `InvalidSeal`."""
    stored = StoredSeal.objects.using(using).defer("marks").filter(number__gt=number).order_by("number")
    yield from map(SealCopy.of, stored.iterator())


def append(path: Path, *, using: str) -> Iterator[int]:
    """Appends the seals of the database ``using`` that come after the last one in the file. Yields their numbers.

    Creates the file if it does not exist, and finishes a line that was not. The seals are on disk when the iteration
    ends. Reads the end of the file only. Raises `CopyDiffers`, and writes nothing, if the last seal of the file is
    another one in the database. Raises `InvalidSeal` and an OSError.
    """
    with path.open("a+b") as file:
        # Another process that appends at the same time would write the same seals.
        locks.lock(file, locks.LOCK_EX)
        last, unfinished = _end(file, path)
        _require_stored(last, using)
        for added in stored_after(last.seal.number if last else 0, using):
            file.write(_rest(added, unfinished))
            unfinished = b""
            yield added.seal.number
        file.flush()
        os.fsync(file.fileno())
    if unfinished:
        raise CopyDiffers("It ends with the beginning of another seal.")


def add_to_directory(directory: Path, after: int, *, using: str) -> Iterator[int]:
    """Writes a new file into ``directory`` for each seal of the database ``using`` after the seal ``after``.

    Yields the numbers of these seals, which are on disk. If the file of the seal ``after`` is missing, begins with the
    first seal. Files are created and never replaced; the rest of one that was not finished is appended. Raises
    `CopyDiffers` if a file has another seal. Raises `InvalidSeal` and an OSError.
    """
    path = _file_of(directory, after)
    last = SealCopy.parse(path.read_bytes()) if path.exists() else None
    _require_stored(last, using)
    for added in stored_after(last.seal.number if last else 0, using):
        _write_once(_file_of(directory, added.seal.number), added)
        yield added.seal.number


def read(path: Path) -> list[SealCopy]:
    """Returns the seals in a file, or in the files of a directory.

    Raises `InvalidSeal` with the number of a line or the name of a file that has none, and an OSError.
    """
    if path.is_dir():
        lines = [(str(each), each.read_text(encoding="utf-8")) for each in sorted(path.glob("*.json"))]
    else:
        found = path.read_text(encoding="utf-8").splitlines()
        lines = [(f"Line {number} of {path}", line) for number, line in enumerate(found, 1)]
    copies = []
    for name, line in lines:
        try:
            copies.append(SealCopy.parse(line))
        except InvalidSeal as error:
            raise InvalidSeal(f"{name}: {error}") from None
    return copies


def _file_of(directory: Path, number: int) -> Path:
    return directory / f"{number:012}.json"


def _write_once(path: Path, added: SealCopy) -> None:
    try:
        rest, file = added.line.encode(), path.open("xb")
    except FileExistsError:
        rest = _rest(added, path.read_bytes())
        if not rest:
            return
        file = path.open("ab")
    with file:
        file.write(rest)
        file.flush()
        os.fsync(file.fileno())


def _end(file: BinaryIO, path: Path) -> tuple[SealCopy | None, bytes]:
    """Returns the last seal of a file, and what comes after its line."""
    file.seek(max(file.seek(0, os.SEEK_END) - MAX_LINE, 0))
    end = file.read()
    *lines, unfinished = end.rsplit(b"\n", 2)
    if not lines:
        return None, unfinished
    try:
        return SealCopy.parse(lines[-1]), unfinished
    except InvalidSeal as error:
        raise InvalidSeal(f"The last line of {path}: {error}") from None


def _require_stored(last: SealCopy | None, using: str) -> None:
    """Raises `CopyDiffers` unless the database has the last seal of a copy, and with it all seals before that one."""
    if last is not None:
        stored = StoredSeal.objects.using(using).defer("marks").filter(number=last.seal.number).first()
        if stored is None or SealCopy.of(stored).seal != last.seal:
            raise CopyDiffers(f"It has another seal {last.seal.number}.")


def _rest(added: SealCopy, written: bytes) -> bytes:
    """Returns what ``written``, the beginning of the line of ``added``, lacks. Raises `CopyDiffers` if it is none."""
    line = added.line.encode()
    if not line.startswith(written):
        raise CopyDiffers(f"It has another seal {added.seal.number}.")
    return line[len(written) :]
