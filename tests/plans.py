"""The names of tables and indexes in plans."""

from __future__ import annotations

import re

_SEGMENT = re.compile(r"\bpresence_event_(stays|touches)_(first|[0-9]{4}_[0-9]{2}_[0-9]{2})")


def of_log(text: str) -> str:
    """Returns ``text`` with the name of the log in place of those of its segments, also in names of indexes."""
    return _SEGMENT.sub("presence_event", text)


def segments_in(plan: str) -> set[str]:
    """Returns the segments that ``plan`` reads, each as its part of the log and its first day, or ``first``."""
    return {"_".join(found.groups()) for found in _SEGMENT.finditer(plan)}
