"""Looks up which connections are present."""

from __future__ import annotations

from collections.abc import Collection

from presence_events import sql

__all__ = ["absent"]


def absent(pairs: Collection[tuple[str, str]], using: str) -> set[tuple[str, str]]:
    """Returns those of ``pairs``, each a room and a channel name, that have no presence in the database ``using``."""
    if not pairs:
        return set()
    rooms, channel_names = zip(*pairs, strict=True)
    params = {"rooms": list(rooms), "channel_names": list(channel_names)}
    return {(room, name) for room, name in sql.rows("projections", "queries/delivery/absent", params, using=using)}
