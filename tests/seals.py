"""Attacks on the log and its seals, as the owner of the tables could do them, and keys that sign seals."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection, transaction

__all__ = ["KeyPair", "as_attacker", "attack", "key_pair"]


class KeyPair(NamedTuple):
    private: Path
    public: Path


def key_pair(directory: Path, algorithm: str = "ed25519") -> KeyPair:
    """Makes a key pair with openssl, as the documentation says."""
    pair = KeyPair(directory / "seal.pem", directory / "seal.pub")
    subprocess.run(["openssl", "genpkey", "-algorithm", algorithm, "-out", pair.private], check=True)
    subprocess.run(["openssl", "pkey", "-in", pair.private, "-pubout", "-out", pair.public], check=True)
    return pair


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
