"""Seals the log and copies the seals, as ``CHANNELS_PRESENCE_SEALS`` says."""

from __future__ import annotations

from pathlib import Path

from presence_events import conf, sql
from presence_events.models import StoredSeal
from presence_events.seals import copies
from presence_events.seals.sealing import ReportProgress, seal
from presence_events.seals.signing import Signer
from presence_events.segments import catalogue

__all__ = ["copy_path", "maintain", "unsealed_age"]


def copy_path(using: str) -> Path | None:
    """Returns the file with the copy of the seals of the database ``using``, or None if there is none."""
    path = (conf.seals() or {}).get("copy")
    return None if path is None else Path(str(path).replace("{database}", using))


def maintain(
    using: str, *, key: Path | None = None, copy: Path | None = None, report: ReportProgress | None = None
) -> tuple[list[StoredSeal], int]:
    """Seals what is new in the log, and adds all seals to the copy that it does not have yet.

    ``key`` and ``copy`` are files; the default is what the setting says. Returns the new seals, and how many were added
    to the copy. Raises as `sealing.seal`, `Signer` and `copies.append`. What was sealed before an error remains.
    """
    private, copy = key or (conf.seals() or {}).get("key"), copy or copy_path(using)
    made = seal(using, signer=None if private is None else Signer(Path(private)), report=report)
    stored = StoredSeal.objects.using(using).defer("marks").order_by("number")
    return made, copies.append(copy, stored.iterator()) if copy else 0


def unsealed_age(using: str) -> float:
    """Returns the seconds since the first event that has no seal was recorded, or 0 if all are sealed."""
    last = StoredSeal.objects.using(using).order_by("-number").values_list("up_to", flat=True).first() or 0
    days = catalogue.days(using=using, after=last)
    rows = sql.rows("presence_events", "queries/seals/unsealed", {"after": last}, using=using, days=days)
    return float(rows[0][0]) if rows else 0.0
