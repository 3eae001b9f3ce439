"""Writes files that appear once they are complete."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

__all__ = ["new_file", "parts_of"]


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yields a file for the content of ``path``, which appears or is replaced at the end of the block.

    Until then, and if the block raises, ``path`` stays as it is. The new file has the permissions of the old one. It is
    on the disk when this function returns. A process that is killed in the block leaves one of `parts_of` behind.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def parts_of(path: Path) -> list[Path]:
    """Returns the incomplete files that interrupted writes of ``path`` have left."""
    start = f".{path.name}."
    return sorted(one for one in path.parent.iterdir() if one.name.startswith(start) and one.name.endswith(".part"))


def _sync_directory(directory: Path) -> None:
    """Writes the names in ``directory`` to the disk. Windows cannot open a directory, and file systems may refuse."""
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
