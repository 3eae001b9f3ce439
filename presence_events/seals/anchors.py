"""Publishes seals at anchors: places outside of the database that ``CHANNELS_PRESENCE_SEALS`` names.

Each anchor gets all seals in their order, after they were made, and fails alone. What an anchor has, and why it fails,
is stored in `Anchor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.utils.module_loading import import_string

from presence_events import conf
from presence_events.exceptions import InvalidSeal
from presence_events.models import Anchor, StoredSeal
from presence_events.seals import copies, timestamps

__all__ = ["ANCHORS", "AnchorStatus", "configured", "place_of", "publish", "statuses"]

MAX_FAILURE = 1000
"""Characters of a failure that are stored."""


def _copy(place: str, after: int, using: str) -> Iterator[int]:
    return copies.append(Path(place), using=using)


def _directory(place: str, after: int, using: str) -> Iterator[int]:
    return copies.add_to_directory(Path(place), after, using=using)


def _timestamp(place: str, after: int, using: str) -> Iterator[int]:
    return timestamps.add(place, using=using)


def _function(place: str, after: int, using: str) -> Iterator[int]:
    function = import_string(place)
    for copied in copies.stored_after(after, using):
        function(copied, using)
        yield copied.seal.number


ANCHORS: Mapping[str, Callable[[str, int, str], Iterator[int]]] = {
    "copy": _copy,
    "directory": _directory,
    "timestamp": _timestamp,
    "function": _function,
}
"""Each publishes the seals after a number at a place, and yields the numbers of those that are there from then on."""


@dataclass(frozen=True)
class AnchorStatus:
    """How an anchor is doing."""

    name: str
    waiting: float
    """Seconds since the first seal was made that it does not have, or 0 if it has all."""
    failure: str
    """Why the last attempt failed; empty if it did not."""
    failing: float
    """Seconds since the first of the attempts that have failed without a success in between, or 0."""


def configured() -> list[str]:
    """Returns the names of the anchors that the setting has."""
    return [name for name in ANCHORS if name in (conf.seals() or {})]


def place_of(name: str, using: str) -> str | None:
    """Returns what the setting says about an anchor of the database ``using``, or None if it says nothing."""
    place = (conf.seals() or {}).get(name)
    return None if place is None else str(place).replace("{database}", using)


def publish(name: str, place: str, *, using: str) -> int:
    """Publishes the seals of the database ``using`` that the anchor ``name`` does not have. Returns their number.

    ``place`` is the path, the address or the function. Raises what the anchor raises, and stores that. Seals that were
    published before an error stay so. An interrupted run may publish a seal again that the anchor has already.
    """
    anchor = Anchor.objects.using(using).filter(name=name).first() or Anchor(name=name)
    before = (anchor.last_seal, anchor.failure)
    newest = StoredSeal.objects.using(using).order_by("-number").values_list("number", flat=True).first() or 0
    count = 0
    try:
        for number in ANCHORS[name](place, anchor.last_seal, using):
            anchor.last_seal = max(number, anchor.last_seal)
            count += 1
        # It may have had them already, and this may have failed to store that.
        anchor.last_seal = max(newest, anchor.last_seal)
        anchor.failure, anchor.failing_since = "", None
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".replace("\0", " ").split())
        anchor.failure, anchor.failing_since = text[:MAX_FAILURE], anchor.failing_since or datetime.now(UTC)
        raise
    finally:
        if (anchor.last_seal, anchor.failure) != before:
            anchor.save(using=using)
    return count


def statuses(using: str) -> list[AnchorStatus]:
    """Returns how the anchors of the setting are doing in the database ``using``."""
    names = configured()
    stored = {anchor.name: anchor for anchor in Anchor.objects.using(using).filter(name__in=names)} if names else {}
    now = datetime.now(UTC)
    found = []
    for name in names:
        anchor = stored.get(name) or Anchor(name=name)
        waiting = _age_of_first(anchor.last_seal, using)
        failing = (now - anchor.failing_since).total_seconds() if anchor.failing_since else 0.0
        found.append(AnchorStatus(name, waiting, anchor.failure, max(failing, 0.0)))
    return found


def _age_of_first(after: int, using: str) -> float:
    """Returns the seconds since the first seal after the seal ``after`` was made, or 0 if there is none."""
    first = StoredSeal.objects.using(using).defer("marks").filter(number__gt=after).order_by("number").first()
    try:
        return max((datetime.now(UTC) - first.seal.sealed_at).total_seconds(), 0.0) if first else 0.0
    except InvalidSeal:
        # No anchor can publish it, which is the failure.
        return 0.0
