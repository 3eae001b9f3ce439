"""Compares the log with its seals, and the seals with a copy and a public key.

A finding is of one of three kinds. *Integrity*: something differs from what was sealed. *Completeness*: something that
was sealed is missing, or something was added. *Freshness*: too much is not sealed, or not copied, yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from presence_events import sql
from presence_events.exceptions import InvalidSeal, NotTimestamped
from presence_events.models import PresenceEvent, Removal, SealTimestamp, Segment, StoredSeal
from presence_events.seals import reading, timestamps
from presence_events.seals.contents import MARK_BYTES, Contents, contents
from presence_events.seals.copies import SealCopy
from presence_events.seals.erasures import records, statements
from presence_events.seals.seal import Part, Seal
from presence_events.seals.signing import is_signed_by
from presence_events.segments.catalogue import MayContain
from presence_events.validation import MAX_CLOCK_SKEW

__all__ = ["COMPLETENESS", "FRESHNESS", "INTEGRITY", "Finding", "Verification", "verify"]

INTEGRITY, COMPLETENESS, FRESHNESS = "integrity", "completeness", "freshness"

MAX_READ = 1_000_000
"""Events of one seal that are read. A seal has fewer, so more of them means that some were added."""

ReportProgress = Callable[[str, int, int], None]
"""Called with what is done, how many positions have been verified, and how many there are to verify."""


class Finding(NamedTuple):
    """Something that does not agree. ``kind`` is `INTEGRITY`, `COMPLETENESS` or `FRESHNESS`."""

    kind: str
    text: str


@dataclass
class Verification:
    """What `verify` has found out."""

    seals: int = 0
    signed: int = 0
    """Seals with a valid signature: by the given public key, or else by the key that is stored with them."""
    events: int = 0
    """Events that agree with their seals."""
    removed: int = 0
    """Sealed events of parts that retention has removed, so they could not be compared."""
    erased: int = 0
    """Events of erased persons, by the records of erasures. What their seals commit to is unknown."""
    unsealed: int = 0
    """Events after the last seal."""
    stamped: int = 0
    """Seals with a valid time stamp, of their own or of a later seal."""
    stamped_at: datetime | None = None
    """The time of the last valid time stamp."""
    findings: list[Finding] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        self.findings.append(Finding(kind, text))


def verify(
    using: str,
    *,
    copy: Sequence[SealCopy] | None = None,
    public_key: bytes | None = None,
    roots: Sequence[Any] | None = None,
    max_age: timedelta | None = None,
    report: ReportProgress | None = None,
) -> Verification:
    """Verifies the log of the database ``using``, and returns what does not agree.

    With ``copy``, each of its seals has to be in the database, too. With ``public_key``, each seal has to be signed by
    that key. With ``roots``, time stamps have to be those of a server with a certificate that one of these certificates
    has issued. With ``max_age``, no event may be older than that without a seal, and no seal without a copy, and with
    ``roots`` not without a time stamp. Raises what the database raises, and `SealsNotInstalled` if a seal is signed or
    has a time stamp, and the package is missing.
    """
    found = Verification()
    seals = _read_seals(using, found)
    for sealed in seals:
        problem = _problem_of_signature(sealed, public_key)
        if problem:
            found.add(INTEGRITY, f"Seal {sealed.seal.number} {problem}.")
        found.signed += sealed.signature is not None and not problem
    if copy is not None:
        _compare(copy, {each.seal.number: each.seal for each in seals}, public_key, max_age, found)
    _verify_timestamps([each.seal for each in seals], roots, max_age, using, found)
    _verify_erasures([each.seal for each in seals], using, found)
    last = seals[-1].seal.up_to if seals else 0
    for sealed in seals:
        _verify_events(sealed.seal, using, found)
        if report:
            report("verify", sealed.seal.up_to, last)
    _verify_end(last, max_age, using, found)
    return found


def _read_seals(using: str, found: Verification) -> list[SealCopy]:
    """Returns the seals of the database, without those whose text cannot be read."""
    seals: list[SealCopy] = []
    for stored in StoredSeal.objects.using(using).defer("marks").order_by("number"):
        try:
            sealed = SealCopy.of(stored)
        except InvalidSeal as error:
            found.add(INTEGRITY, f"Seal {stored.number} cannot be read. {error}")
            continue
        if (stored.number, stored.up_to) != (sealed.seal.number, sealed.seal.up_to):
            found.add(INTEGRITY, f"Seal {stored.number} is stored as another one than its text.")
        if not sealed.seal.follows(seals[-1].seal if seals else None):
            before = f"seal {seals[-1].seal.number}" if seals else "nothing"
            found.add(COMPLETENESS, f"Seal {stored.number} comes after {before}, which is not the one that it names.")
        seals.append(sealed)
    found.seals = len(seals)
    return seals


def _problem_of_signature(sealed: SealCopy, public_key: bytes | None) -> str | None:
    if sealed.signature is None or sealed.public_key is None:
        return "is not signed" if public_key else None
    if public_key and sealed.public_key != public_key:
        return f"is signed with another key, {sealed.public_key.hex()}"
    return None if is_signed_by(sealed.public_key, sealed.signature, sealed.seal) else "has a wrong signature"


def _compare(
    copy: Sequence[SealCopy],
    seals: dict[int, Seal],
    public_key: bytes | None,
    max_age: timedelta | None,
    found: Verification,
) -> None:
    """Compares a copy with the ``seals`` of the database, by their numbers."""
    for copied in copy:
        number = copied.seal.number
        problem = _problem_of_signature(copied, public_key)
        if problem:
            found.add(INTEGRITY, f"Seal {number} of the copy {problem}.")
        if number not in seals:
            found.add(COMPLETENESS, f"Seal {number} of the copy is missing in the database.")
        elif seals[number] != copied.seal:
            found.add(INTEGRITY, f"Seal {number} differs from the copy.")
    missing = [seal for number, seal in seals.items() if number > (copy[-1].seal.number if copy else 0)]
    if missing and max_age is not None and datetime.now(UTC) - missing[0].sealed_at > max_age:
        found.add(
            FRESHNESS, f"{len(missing)} seals are not in the copy, the first since {missing[0].sealed_at.isoformat()}."
        )


def _verify_timestamps(
    seals: list[Seal], roots: Sequence[Any] | None, max_age: timedelta | None, using: str, found: Verification
) -> None:
    by_number = {seal.number: seal for seal in seals}
    for stamp in SealTimestamp.objects.using(using).order_by("number").iterator():
        seal = by_number.get(stamp.number)
        if seal is None:
            found.add(COMPLETENESS, f"Seal {stamp.number}, of which there is a time stamp, is missing.")
            continue
        try:
            at = timestamps.time_of(stamp.response, seal, roots)
        except NotTimestamped as error:
            found.add(INTEGRITY, f"The time stamp of seal {seal.number} is not valid. {error}")
            continue
        if seal.sealed_at - at > MAX_CLOCK_SKEW:
            found.add(INTEGRITY, f"Seal {seal.number} says that it was made after its time stamp of {at.isoformat()}.")
        while found.stamped < len(seals) and seals[found.stamped].number <= seal.number:
            stamped = seals[found.stamped]
            found.stamped += 1
            if max_age is not None and at - stamped.sealed_at > max_age:
                found.add(
                    FRESHNESS,
                    f"Seal {stamped.number} says that it was made at {stamped.sealed_at.isoformat()}, and has no time "
                    f"stamp before {at.isoformat()}.",
                )
        found.stamped_at = at
    rest = seals[found.stamped :]
    if rest and roots is not None and max_age is not None and datetime.now(UTC) - rest[0].sealed_at > max_age:
        found.add(FRESHNESS, f"{len(rest)} seals have no time stamp, the first since {rest[0].sealed_at.isoformat()}.")


def _verify_erasures(seals: Sequence[Seal], using: str, found: Verification) -> None:
    """Compares the records of erasures with the seals, and the erased events with the records."""
    recorded = records(using)
    found.erased = sum(record.events for record in recorded)
    stated = set(statements(recorded))
    for seal in seals:
        expected = seal.erasures.events
        if len(recorded) < expected:
            text = f"Seal {seal.number} has {expected} records of erasures, and the database has {len(recorded)}."
            found.add(COMPLETENESS, text)
        elif seal.erasures not in stated:
            found.add(INTEGRITY, f"The records of erasures in seal {seal.number} differ from those of the database.")
    for segment, events, number, with_data in sql.rows("presence_events", "queries/seals/unrecorded", using=using):
        found.add(
            INTEGRITY,
            f"{segment} has {events} erased events, of which {with_data} have data. {number} are recorded as erased.",
        )


def _verify_events(seal: Seal, using: str, found: Verification) -> None:
    def find_keys(subjects: Collection[str]) -> dict[str, bytes]:
        keys = reading.find_keys(subjects, using=using)
        for subject in sorted(set(subjects) - keys.keys()):
            found.add(INTEGRITY, f"The key of {subject}, which has events in seal {seal.number}, is missing.")
        return dict.fromkeys(subjects, b"") | keys

    actual = contents(reading.pages(seal.after, seal.up_to, MAX_READ, using=using), find_keys)
    different = []
    for part, sealed, read in (
        (Segment.Part.STAYS, seal.stays, actual.stays),
        (Segment.Part.TOUCHES, seal.touches, actual.touches),
    ):
        if sealed == read:
            found.events += read.events
        elif read.events < sealed.events and _was_removed(part, seal, using):
            found.removed += sealed.events
        else:
            different.append((part, sealed, read))
    if different:
        where = _first_difference(seal, actual, using)
        for part, sealed, read in different:
            found.add(*_difference(seal, part, sealed, read, where))


def _difference(seal: Seal, part: str, sealed: Part, read: Part, where: str) -> tuple[str, str]:
    if sealed.events != read.events:
        return COMPLETENESS, f"Seal {seal.number} has {sealed.events} {part}, and the log has {read.events}. {where}"
    return INTEGRITY, f"The {part} of seal {seal.number} differ from the log. {where}"


def _was_removed(part: str, seal: Seal, using: str) -> bool:
    """Returns whether retention has removed a segment of ``part`` that may have had events of ``seal``.

    It has recorded that.
    """
    gone = Segment.objects.using(using).filter(part=part, state__in=[Segment.State.LEAVING, Segment.State.REMOVED])
    names = gone.filter(first_id__lte=seal.up_to, last_id__gt=seal.after).values("name")
    return Removal.objects.using(using).filter(segment__in=names).exists()


def _first_difference(seal: Seal, actual: Contents, using: str) -> str:
    """Names the first event that differs from the seal by its position and its table, or where events are missing."""
    marks = bytes(StoredSeal.objects.using(using).values_list("marks", flat=True).get(number=seal.number))
    same = 0
    while marks[same : same + MARK_BYTES] == actual.marks[same : same + MARK_BYTES] and same < len(marks):
        same += MARK_BYTES
    if same >= len(actual.marks):
        return f"What came after the position {actual.last or seal.after} is missing."
    events = reading.lines(seal.after, seal.up_to, same // MARK_BYTES + 1, using=using)
    position = max(int(event.position) for event in events)
    ((table,),) = sql.rows("presence_events", "queries/seals/table", {"position": position}, using=using)
    return f"The first difference is at the position {position}, in the table {table}."


def _verify_end(last: int, max_age: timedelta | None, using: str, found: Verification) -> None:
    """Looks at the events after the position ``last``, up to which the log is sealed."""
    unsealed = PresenceEvent.objects.using(using).filter(MayContain("id", after=last), id__gt=last)
    found.unsealed = unsealed.count()
    first = unsealed.order_by("id").first()
    if first is not None and max_age is not None and datetime.now(UTC) - first.at > max_age:
        found.add(FRESHNESS, f"{found.unsealed} events are not sealed, the first since {first.at.isoformat()}.")
