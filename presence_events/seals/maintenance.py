"""Seals the log with the key that ``CHANNELS_PRESENCE_SEALS`` names."""

from __future__ import annotations

from pathlib import Path

from presence_events import conf, sql
from presence_events.models import StoredSeal
from presence_events.seals.sealing import ReportProgress, seal
from presence_events.seals.signing import Signer
from presence_events.segments import catalogue

__all__ = ["maintain", "unsealed_age"]


def maintain(using: str, *, key: Path | None = None, report: ReportProgress | None = None) -> list[StoredSeal]:
    """Seals what is new in the log, and returns the new seals.

    ``key`` is the file with the private key; the default is what the setting says. Raises as `sealing.seal` and
    `Signer`. What was sealed before an error remains.
    """
    private = key or (conf.seals() or {}).get("key")
    return seal(using, signer=None if private is None else Signer(Path(private)), report=report)


def unsealed_age(using: str) -> float:
    """Returns the seconds since the first event that has no seal was recorded, or 0 if all are sealed."""
    last = StoredSeal.objects.using(using).order_by("-number").values_list("up_to", flat=True).first() or 0
    days = catalogue.days(using=using, after=last)
    rows = sql.rows("presence_events", "queries/seals/unsealed", {"after": last}, using=using, days=days)
    return float(rows[0][0]) if rows else 0.0
