"""Attacks on the log and its seals, as the owner of the tables could do them, and keys that sign seals."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection, transaction

from presence_events.seals.leaves import Line, leaves
from presence_events.seals.subject_keys import SubjectKeys

__all__ = ["KeyPair", "as_attacker", "attack", "key_pair", "leaf", "line_of"]


class KeyPair(NamedTuple):
    private: Path
    public: Path


def key_pair(directory: Path, algorithm: str = "ed25519") -> KeyPair:
    """Makes a key pair with openssl, as the documentation says."""
    pair = KeyPair(directory / "seal.pem", directory / "seal.pub")
    subprocess.run(["openssl", "genpkey", "-algorithm", algorithm, "-out", pair.private], check=True)
    subprocess.run(["openssl", "pkey", "-in", pair.private, "-pubout", "-out", pair.public], check=True)
    return pair


def line_of(text: str) -> Line:
    """Returns the parts of a canonical line with 14 fields."""
    fields = text.split("\t")
    *public, user, data = fields
    assert len(public) == 12
    subject = None
    if user != "\\N" and not fields[4].startswith("-"):
        subject = f"user:{user}"
    elif user != "\\N" or data != "\\N":
        subject = f"event:{fields[0]}" if fields[4] == "\\N" else f"session:{fields[4]}"
    return Line(fields[0], fields[1] == "touch", "\t".join(public), f"{user}\t{data}", subject, None)


def leaf(line: Line, keys: Mapping[str, bytes]) -> bytes:
    """Returns the hash of the leaf of one line."""
    ready = SubjectKeys()
    ready.add(keys)
    return leaves([line], ready)[0]


@contextmanager
def as_attacker() -> Iterator[Any]:
    """A cursor for which no guard of the tables fires."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor


def attack(statement: str, *params: Any) -> None:
    """Executes a statement for which no guard fires."""
    with as_attacker() as cursor:
        cursor.execute(statement, params or None)
