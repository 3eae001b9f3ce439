"""Keys and signatures of seals."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from presence_events.exceptions import InvalidSealKey, SealsNotInstalled
from presence_events.seals.signing import Signer, is_signed_by, read_public_key
from tests.presence_events.seals.test_seal import SEAL
from tests.seals import key_pair


def test_a_signature_is_valid_for_its_seal_and_key(tmp_path: Path) -> None:
    pair = key_pair(tmp_path)
    signer = Signer(pair.private)
    signature = signer.sign(SEAL)
    assert read_public_key(pair.public) == signer.public_key
    assert is_signed_by(signer.public_key, signature, SEAL)
    assert not is_signed_by(signer.public_key, signature, SEAL._replace(up_to=8))
    assert not is_signed_by(signer.public_key, bytes(64), SEAL)
    assert not is_signed_by(b"short", signature, SEAL)
    assert not is_signed_by(bytes(32), signature, SEAL)


def test_the_files_of_a_pair_are_told_apart(tmp_path: Path) -> None:
    pair = key_pair(tmp_path)
    with pytest.raises(InvalidSealKey, match=r"openssl genpkey .*seal\.pub"):
        Signer(pair.public)
    with pytest.raises(InvalidSealKey):
        read_public_key(pair.private)


def test_a_missing_file_and_a_key_of_another_kind_are_refused(tmp_path: Path) -> None:
    for read in (Signer, read_public_key):
        with pytest.raises(InvalidSealKey, match="No such file"):
            read(tmp_path / "missing")
    pair = key_pair(tmp_path, "x25519")
    with pytest.raises(InvalidSealKey, match="it is not an Ed25519 key"):
        Signer(pair.private)
    with pytest.raises(InvalidSealKey, match="it is not an Ed25519 key"):
        read_public_key(pair.public)


def test_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)
    with pytest.raises(SealsNotInstalled, match=r"django-presence-events\[seals\]"):
        Signer(tmp_path / "key")
