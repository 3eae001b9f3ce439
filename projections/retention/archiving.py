"""Archives segments before they are removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from presence_events import sql
from presence_events.archive import manifests, segments, writing
from presence_events.exceptions import RetentionStopped
from presence_events.models import Segment

__all__ = ["archive"]

_A_DAY = timedelta(days=1)


def archive(
    directory: Path, segment: Segment, *, using: str, report: Callable[[str, int, int], object] | None = None
) -> str | None:
    """Archives the days of ``segment``, verifies them, and compares them with the segment.

    Days that the archive has are verified and stay as they are. Days between those and the segment are archived too, so
    that none is missing. Returns the checksum of the manifests, or None for a segment without events. Raises
    `RetentionStopped` if the archive does not have as many events of each kind as the segment, and what
    `presence_events.archive.writing.write` raises.
    """
    if segment.first_id is None or segment.last_id is None:
        return None
    start, end = segments.days_of(segment)
    if directory.is_dir() and (days := manifests.days(directory)):
        start, end = min(start, days[-1] + _A_DAY), max(end, days[0])
    written = writing.write(directory, using=using, start=start, end=end, report=report)
    # The positions of a day begin at its midnight, within the tolerance for clocks.
    if written[0].start_position > segment.first_id:
        writing.write(directory, using=using, start=start - _A_DAY, end=start, report=report)
    if written[-1].end_position <= segment.last_id:
        writing.write(directory, using=using, start=end, end=end + _A_DAY, report=report)
    logged = dict(sql.rows("projections", "queries/retention/kinds", using=using, segment=segment.name))
    archived = segments.count(directory, segment)
    if archived != logged:
        raise RetentionStopped(f"{segment.name} has {logged}, and the archive has {archived} of it.")
    return segments.checksum(directory, segment)
