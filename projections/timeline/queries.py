"""Queries that no queryset can say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connections

from presence_events import sql
from presence_events.models import PresenceEvent

__all__ = ["fetched"]


def fetched(name: str, params: Mapping[str, Any], using: str) -> list[tuple[Any, ...]]:
    """The rows of ``sql/<name>.sql``, in which ``{user_id}`` stands for the type of user keys."""
    user: Any = PresenceEvent._meta.get_field("user")
    query = sql.read("projections", name).format(user_id=user.db_type(connections[using]))
    with connections[using].cursor() as cursor:
        cursor.execute(query, params)
        return list(cursor.fetchall())
