"""Asks the database which connections are present."""

from __future__ import annotations

from collections.abc import Collection

from presence_events import sql

__all__ = ["absent"]


def absent(stays: Collection[tuple[str, str]], using: str) -> set[tuple[str, str]]:
    """Those of ``stays``, pairs of room and channel name, for which there is no presence."""
    if not stays:
        return set()
    rooms, channel_names = zip(*stays, strict=True)
    params = {"rooms": list(rooms), "channel_names": list(channel_names)}
    return {(room, name) for room, name in sql.rows("projections", "queries/delivery/absent", params, using=using)}
