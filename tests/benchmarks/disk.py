"""Sizes of tables and indexes on disk, of which some are partitioned."""

from __future__ import annotations

__all__ = ["LOG", "of"]


def of(relation: str, function: str = "pg_total_relation_size") -> str:
    """Returns SQL for the bytes of ``relation`` with all its partitions.

    PostgreSQL's own functions return 0 for a partitioned table or index.
    """
    return (
        f"(SELECT coalesce(sum({function}(part.relid)), {function}('{relation}'))::int8"
        f" FROM pg_partition_tree('{relation}') AS part)"
    )


LOG = of("presence_event")
"""SQL for the bytes of the log with its indexes."""
