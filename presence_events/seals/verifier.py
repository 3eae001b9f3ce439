"""Verifies an archive of the log, or a proof, with a file of seals. It needs neither Django nor a database.

    python verifier.py archive DIRECTORY --seals PATH --keys FILE [--public-key FILE]
    python verifier.py proof FILE --seals PATH [--public-key FILE]

The seals are in a file or in a directory. With ``--timestamps DIRECTORY --timestamp-certificates FILE``, their time
stamps are verified, too.

Copy this file to where you trust it. It is one file on purpose, and shares no code with what makes the seals: it is a
second implementation of ``docs/reference/seal-format.md``. ``archive`` needs the package pyarrow, ``--public-key``
cryptography, and ``--timestamps`` rfc3161-client.

The exit status is 0 if all agrees, 1 if something does not, and 2 if the files cannot be read.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FIELDS = (
    "id",
    "kind",
    "room",
    "channel_name",
    "session",
    "at",
    "since",
    "last_seen",
    "process",
    "is_leased",
    "capacity",
    "is_exclusive",
)
"""The public fields, in the order of the canonical line."""

ESCAPES = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


class Unusable(Exception):
    """A file is not what it should be."""


def field(value: Any) -> str:
    """Writes a value as in a canonical line."""
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    return "".join(ESCAPES.get(letter, letter) for letter in str(value))


def leaf_of(public: str, personal: str, event_key: bytes | None, commitment: str | None = None) -> bytes:
    """Returns the hash of a leaf. ``event_key`` is None if there is nothing personal, ``commitment`` if it is unknown.

    The commitment of an event is given if the person was erased.
    """
    if commitment is None:
        commitment = "\\N" if event_key is None else hashlib.sha256(event_key + personal.encode()).hexdigest()
    return hashlib.sha256(b"\x00" + f"1\t{public}\t{commitment}".encode()).digest()


def subject_of(event: dict[str, Any]) -> str | None:
    """Names whose key the commitment of an event is made with. None if no key is needed."""
    user, session = event["user_id"], event["session"]
    if event.get("commitment") is not None or (user is None and event["data"] is None):
        return None
    if user is not None and (session is None or int(session) > 0):
        return f"user:{user}"
    return f"event:{event['id']}" if session is None else f"session:{session}"


def leaf_of_event(event: dict[str, Any], keys: dict[str, bytes]) -> bytes:
    """Returns the hash of the leaf of an event. Raises a KeyError if the key of its subject is unknown."""
    subject = subject_of(event)
    public = "\t".join(field(event[name]) for name in FIELDS)
    if subject is None:
        return leaf_of(public, "", None, event.get("commitment"))
    event_key = hmac.new(keys[subject], str(event["id"]).encode(), hashlib.sha256).digest()
    return leaf_of(public, f"{field(event['user_id'])}\t{field(event['data'])}", event_key)


def tree_hash(leaves: list[bytes]) -> bytes:
    """Returns the root of a Merkle tree, level by level. A node without a sibling moves up as it is (RFC 6962)."""
    if not leaves:
        return hashlib.sha256().digest()
    while len(leaves) > 1:
        pairs = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(leaves[::2], leaves[1::2], strict=False)
        ]
        leaves = [*pairs, leaves[-1]] if len(leaves) % 2 else pairs
    return leaves[0]


def root_by_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Returns the root to which an audit path leads. Raises `Unusable` if its length does not fit."""
    if size == 1:
        if path or index:
            raise Unusable("the path does not fit the size of the tree")
        return leaf
    if not path or not 0 <= index < size:
        raise Unusable("the path does not fit the size of the tree")
    split = 1 << (size - 1).bit_length() - 1
    if index < split:
        left, right = root_by_path(leaf, index, split, path[:-1]), path[-1]
    else:
        left, right = path[-1], root_by_path(leaf, index - split, size - split, path[:-1])
    return hashlib.sha256(b"\x01" + left + right).digest()


def read_seals(path: Path) -> list[dict[str, Any]]:
    """Reads a file of seals, or a directory with a file of each seal. Raises `Unusable`."""
    paths = sorted(path.glob("*.json")) if path.is_dir() else [path]
    try:
        lines = [line for each in paths for line in each.read_text(encoding="utf-8").splitlines()]
        return [parsed(json.loads(line)) for line in lines]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{path} is not a file of seals: {error}") from None


def parsed(found: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of a seal, its text, and its signature."""
    header, *lines = found["seal"].splitlines()
    if header != "presence-seal 1":
        raise ValueError(f"{header!r} is unknown")
    values = dict(line.split(" ", 1) for line in lines)
    seal: dict[str, Any] = {name: int(values[name]) for name in ("number", "after", "up_to")}
    for part in ("stays", "touches"):
        count, root = values[part].split(" ")
        seal[part] = (int(count), root)
    return seal | {
        "previous": values["previous"],
        "text": found["seal"],
        "signature": found["signature"],
        "public_key": found["public_key"],
    }


def problems_of_seals(seals: list[dict[str, Any]], public_key: Any) -> Iterator[str]:
    """Yields what is wrong with the seals themselves: their order, and their signatures."""
    previous, number, up_to = "0" * 64, 0, 0
    for seal in seals:
        if (seal["previous"], seal["number"], seal["after"]) != (previous, number + 1, up_to):
            yield f"completeness: seal {seal['number']} does not follow seal {number}"
        number, up_to = seal["number"], seal["up_to"]
        previous = hashlib.sha256(seal["text"].encode()).hexdigest()
        if public_key is not None and not is_signed(seal, public_key):
            yield f"integrity: seal {number} is not signed with the given key"


def is_signed(seal: dict[str, Any], public_key: Any) -> bool:
    """Returns whether the signature of a seal is that of a key."""
    from cryptography.exceptions import InvalidSignature

    try:
        public_key.verify(bytes.fromhex(seal["signature"] or ""), seal["text"].encode())
    except InvalidSignature:
        return False
    return True


def problems_of_timestamps(seals: list[dict[str, Any]], directory: Path, certificates: Path) -> Iterator[str]:
    """Yields which time stamps in a directory are not those of the seals. Prints up to which seal they reach."""
    import rfc3161_client
    from cryptography.x509 import load_pem_x509_certificates

    trusted = rfc3161_client.VerifierBuilder(roots=load_pem_x509_certificates(certificates.read_bytes())).build()
    texts = {seal["number"]: seal["text"] for seal in seals}
    last = "no seal has a time stamp"
    for path in sorted(directory.glob("*.tsr")):
        number = int(path.stem)
        if number not in texts:
            yield f"completeness: seal {number}, of which there is a time stamp, is missing"
            continue
        try:
            response = rfc3161_client.decode_timestamp_response(path.read_bytes())
            trusted.verify_message(response, texts[number].encode())
            last = f"the seals up to {number} existed at {response.tst_info.gen_time}"
        except (rfc3161_client.VerificationError, ValueError):
            yield f"integrity: the time stamp of seal {number} is not valid"
    print(last)


def read_public_key(path: Path) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    return load_pem_public_key(path.read_bytes())


def read_keys(path: Path) -> dict[str, bytes]:
    """Reads a file of keys: on each line a JSON list of a subject and its key in hexadecimal digits."""
    try:
        return {subject: bytes.fromhex(key) for subject, key in map(json.loads, path.read_text("utf-8").splitlines())}
    except (ValueError, TypeError) as error:
        raise Unusable(f"{path} is not a file of keys: {error}") from None


def events_of(directory: Path) -> Iterator[dict[str, Any]]:
    """Yields the events of an archive, in the order of its files."""
    from pyarrow import parquet, types

    for path in sorted(directory.rglob("*.parquet")):
        for batch in parquet.ParquetFile(path).iter_batches():
            columns = [
                (column.cast("int64") if types.is_timestamp(column.type) else column).to_pylist()
                for column in batch.columns
            ]
            for values in zip(*columns, strict=True):
                yield dict(zip(batch.schema.names, values, strict=True))


def problem_of_part(part: str, found: list[dict[str, Any]], seal: dict[str, Any], missing: list[str]) -> str | None:
    """Returns why the events of a part cannot be those of the seal, before their hashes are computed, or None."""
    if any(event["commitment"] is not None and event["data"] not in (None, "{}") for event in found):
        return f"integrity: seal {seal['number']} has erased {part} with data"
    if missing:
        return f"integrity: the keys of {len(missing)} subjects are missing, the first is that of {missing[0]}"
    if len(found) != seal[part][0]:
        return f"completeness: seal {seal['number']} has {seal[part][0]} {part}, and the archive has {len(found)}"
    return None


def verify_archive(
    events: Iterable[dict[str, Any]], seals: list[dict[str, Any]], keys: dict[str, bytes]
) -> Iterator[str]:
    """Yields what differs between events and the seals of their positions. Events may come in any order."""
    by_seal: list[dict[str, list[dict[str, Any]]]] = [{"stays": [], "touches": []} for _ in seals]
    unsealed = 0
    for event in events:
        for seal, parts in zip(seals, by_seal, strict=True):
            if seal["after"] < event["id"] <= seal["up_to"]:
                parts["touches" if event["kind"] == "touch" else "stays"].append(event)
                break
        else:
            unsealed += 1
    agreeing = absent = erased = 0
    for seal, parts in zip(seals, by_seal, strict=True):
        for part, found in parts.items():
            expected, root = seal[part]
            if not found and expected:
                absent += expected
                continue
            missing = sorted({subject for event in found if (subject := subject_of(event)) is not None} - keys.keys())
            erased += sum(event["commitment"] is not None for event in found)
            if problem := problem_of_part(part, found, seal, missing):
                yield problem
                continue
            leaves = [leaf_of_event(event, keys) for event in sorted(found, key=lambda event: int(event["id"]))]
            if tree_hash(leaves).hex() != root:
                yield f"integrity: the {part} of seal {seal['number']} differ"
            else:
                agreeing += expected
    print(f"{agreeing} events agree with their seals, {absent} are not in the archive, {unsealed} are not sealed")
    if erased:
        print(f"{erased} events were erased, so their users are not verified")


def verify_proof(proof: dict[str, Any], seals: list[dict[str, Any]]) -> Iterator[str]:
    """Yields what is wrong with a proof. Prints the events that it proves."""
    by_number = {seal["number"]: seal for seal in seals}
    try:
        for event in proof["events"]:
            seal = by_number.get(event["seal"])
            if seal is None:
                yield f"completeness: seal {event['seal']} is not in the file of seals"
                continue
            key = event["key"] and bytes.fromhex(event["key"])
            size, root = seal["touches" if event["line"].split("\t")[1] == "touch" else "stays"]
            leaf = leaf_of(event["line"], event["personal"], key, event["commitment"])
            path = [bytes.fromhex(each) for each in event["path"]]
            if root_by_path(leaf, event["index"], size, path).hex() != root:
                yield f"integrity: {event['line']!r} is not in seal {seal['number']}"
            else:
                personal = event["personal"] if event["commitment"] is None else "erased"
                print("proved:", event["line"], personal, sep="\t")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Unusable(f"the proof is not one: {error!r}") from None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verifies an archive of a presence log, or a proof, with its seals.")
    actions = parser.add_subparsers(dest="action", required=True)
    for name, help_text in (("archive", "a directory of Parquet files"), ("proof", "a file of presence_prove")):
        action = actions.add_parser(name)
        action.add_argument("path", type=Path, help=help_text)
        action.add_argument("--seals", type=Path, required=True, metavar="PATH", help="a copy of the seals")
        action.add_argument("--public-key", type=Path, metavar="FILE", help="the Ed25519 public key, in PEM")
        action.add_argument(
            "--timestamps", type=Path, metavar="DIRECTORY", help="their time stamps, as presence_seal writes"
        )
        action.add_argument("--timestamp-certificates", type=Path, metavar="FILE", help="whose time stamps, in PEM")
        if name == "archive":
            action.add_argument("--keys", type=Path, required=True, metavar="FILE", help="the keys of subjects")
    options = parser.parse_args(arguments)
    if (options.timestamps is None) != (options.timestamp_certificates is None):
        parser.error("--timestamps and --timestamp-certificates need each other")
    try:
        seals = read_seals(options.seals)
        public_key = read_public_key(options.public_key) if options.public_key else None
        problems = list(problems_of_seals(seals, public_key))
        if options.timestamps:
            problems += problems_of_timestamps(seals, options.timestamps, options.timestamp_certificates)
        if options.action == "archive":
            problems += verify_archive(events_of(options.path), seals, read_keys(options.keys))
        else:
            problems += verify_proof(json.loads(options.path.read_text(encoding="utf-8")), seals)
    except (Unusable, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
