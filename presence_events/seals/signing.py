"""Signs seals with Ed25519 (RFC 8032), with a key that is not in the database. It needs the package cryptography."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from presence_events.exceptions import InvalidSealKey, SealsNotInstalled
from presence_events.seals.seal import Seal

__all__ = ["Signer", "is_signed_by", "read_public_key"]


class Signer:
    """Signs seals with the private key in the file ``path``, in PEM without a password.

    Raises `InvalidSealKey` for what is not such a file, and `SealsNotInstalled` without the package cryptography.
    """

    def __init__(self, path: Path) -> None:
        serialization = _cryptography("hazmat.primitives.serialization")
        try:
            self._key = serialization.load_pem_private_key(path.read_bytes(), password=None)
            self.public_key = _raw(self._key.public_key())
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise InvalidSealKey(f"{path}: {error}") from None

    def sign(self, seal: Seal) -> bytes:
        """Returns the signature of the text of ``seal``, 64 bytes."""
        signature: bytes = self._key.sign(seal.text.encode())
        return signature


def read_public_key(path: Path) -> bytes:
    """Returns the 32 bytes of the public key in the file ``path``, in PEM. Raises as `Signer`."""
    serialization = _cryptography("hazmat.primitives.serialization")
    try:
        return _raw(serialization.load_pem_public_key(path.read_bytes()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InvalidSealKey(f"{path}: {error}") from None


def is_signed_by(public_key: bytes, signature: bytes, seal: Seal) -> bool:
    """Returns whether ``signature`` is that of ``seal`` by the key pair of ``public_key``."""
    ed25519 = _cryptography("hazmat.primitives.asymmetric.ed25519")
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public_key).verify(signature, seal.text.encode())
    except (ValueError, _cryptography("exceptions").InvalidSignature):
        return False
    return True


def _raw(public_key: Any) -> bytes:
    """Returns the bytes of an Ed25519 public key. Raises a ValueError for a key of another kind."""
    if not isinstance(public_key, _cryptography("hazmat.primitives.asymmetric.ed25519").Ed25519PublicKey):
        raise ValueError("it is not an Ed25519 key")
    raw: bytes = public_key.public_bytes_raw()
    return raw


def _cryptography(module: str) -> Any:
    try:
        return import_module(f"cryptography.{module}")
    except ImportError:
        raise SealsNotInstalled from None
