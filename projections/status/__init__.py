"""How presence is doing: figures about the present and the log, and the problems that they show."""

from __future__ import annotations

from projections.status.figures import (
    COUNTED,
    MAX_READ,
    STRETCH,
    AnchorStatus,
    CheckpointStatus,
    RemovalStatus,
    RetentionStatus,
    Status,
    TriggerStatus,
    status,
)
from projections.status.problems import find_problems

__all__ = [
    "COUNTED",
    "MAX_READ",
    "STRETCH",
    "AnchorStatus",
    "CheckpointStatus",
    "RemovalStatus",
    "RetentionStatus",
    "Status",
    "TriggerStatus",
    "find_problems",
    "status",
]
