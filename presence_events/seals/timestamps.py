"""Time stamps of seals by a server of another organization, as RFC 3161 defines them.

A time stamp says that a seal existed at a time. Each seal names the one before it, so this holds for all seals before
it as well. Everything here needs the package rfc3161-client.
"""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from presence_events.exceptions import InvalidSealKey, NotTimestamped, SealsNotInstalled
from presence_events.models import SealTimestamp, StoredSeal
from presence_events.seals.seal import Seal

__all__ = ["TIMEOUT", "add", "read_certificates", "time_of", "write"]

TIMEOUT = 10.0
"""Seconds that a server may take for each part of its answer."""

MAX_RESPONSE = 1_000_000


def add(url: str, *, using: str) -> Iterator[int]:
    """Gets a time stamp of the last seal of the database ``using``, and stores it. Yields the number of the seal.

    Does nothing if that seal has one, or if there is no seal. Raises `NotTimestamped`, `SealsNotInstalled`,
    `InvalidSeal` and an OSError.
    """
    last = StoredSeal.objects.using(using).defer("marks").order_by("number").last()
    if last is not None and not SealTimestamp.objects.using(using).filter(number__gte=last.number).exists():
        response = request(url, last.seal)
        stamp = SealTimestamp(number=last.number, response=response)
        SealTimestamp.objects.using(using).bulk_create([stamp], ignore_conflicts=True)
        yield last.number


def request(url: str, seal: Seal) -> bytes:
    """Returns the response of the server at ``url`` with a time stamp of the text of ``seal``. Raises as `add`."""
    library = _library()
    text = seal.text.encode()
    asked = library.TimestampRequestBuilder(data=text, hash_algorithm=library.HashAlgorithm.SHA256).build()
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    # The system check admits http and https alone.
    sent = urllib.request.Request(url, asked.as_bytes(), headers)  # noqa: S310
    with urllib.request.urlopen(sent, timeout=TIMEOUT) as answer:  # noqa: S310
        response: bytes = answer.read(MAX_RESPONSE)
    if _info_of(response, seal).nonce != asked.nonce:
        raise NotTimestamped("The response is that to another request.")
    return response


def time_of(response: bytes, seal: Seal, roots: Sequence[Any] | None) -> datetime:
    """Returns the time of a time stamp of ``seal``. Raises `NotTimestamped` if it is not one, and `SealsNotInstalled`.

    With ``roots``, the server's certificate has to be issued by one of these certificates, and valid at that time.
    """
    info = _info_of(response, seal)
    if roots is not None:
        library = _library()
        decoded = library.decode_timestamp_response(response)
        try:
            library.VerifierBuilder(roots=[*roots]).build().verify_message(decoded, seal.text.encode())
        except (library.VerificationError, ValueError) as error:
            raise NotTimestamped(str(error).partition(": ErrorStack")[0]) from None
    at: datetime = info.gen_time.astimezone(UTC)
    return at


def read_certificates(path: Path) -> list[Any]:
    """Returns the certificates in the file ``path``, in PEM. Raises `InvalidSealKey` and `SealsNotInstalled`."""
    _library()
    from cryptography import x509

    try:
        certificates: list[Any] = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidSealKey(f"{path}: {error}") from None
    return certificates


def write(directory: Path, *, using: str) -> int:
    """Writes each time stamp that is not in ``directory`` yet to a new file of its own, and returns their number.

    The name of a file is that of the seal in a directory of seals, with the ending ``.tsr``. Raises an OSError.
    """
    directory.mkdir(exist_ok=True)
    count = 0
    for stamp in SealTimestamp.objects.using(using).order_by("number").iterator():
        with contextlib.suppress(FileExistsError), (directory / f"{stamp.number:012}.tsr").open("xb") as file:
            file.write(stamp.response)
            count += 1
    return count


def _info_of(response: bytes, seal: Seal) -> Any:
    """Returns what a response states. Raises `NotTimestamped` unless it is a time stamp of the text of ``seal``."""
    library = _library()
    try:
        decoded = library.decode_timestamp_response(bytes(response))
        if decoded.status != library.PKIStatus.GRANTED:
            raise ValueError(f"The server has refused: {', '.join(decoded.status_string) or decoded.status}")
        info = decoded.tst_info
    except ValueError as error:
        raise NotTimestamped(str(error)) from None
    if info.message_imprint.message.hex() != seal.digest:
        raise NotTimestamped("It is a time stamp of something else.")
    return info


def _library() -> Any:
    try:
        return import_module("rfc3161_client")
    except ImportError:
        raise SealsNotInstalled from None
