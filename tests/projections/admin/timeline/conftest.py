from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from projections.models import PresenceSession
from tests.backdating import Stay, write

DAY = datetime(2026, 3, 2, tzinfo=UTC)


def at(hour: int, minute: int = 0) -> datetime:
    return DAY.replace(hour=hour, minute=minute)


@pytest.fixture
def past(user: Any, other_user: Any) -> dict[str, PresenceSession]:
    """A morning in two rooms, by connection."""
    write(
        Stay("lobby", "tab", user, at(9), at(10)),
        Stay(
            "lobby", "phone", user, at(9, 30), at(11), ended_by="prune", last_seen=at(10, 59), reason={"why": "silent"}
        ),
        Stay("lobby", "desk", other_user, at(9, 45), at(12)),
        Stay("lobby", "guest", None, at(9, 10), at(9, 20)),
        Stay("attic", "tab", user, at(10), at(10, 30)),
        Stay("attic", "desk", other_user, at(11), None),
    )
    return {f"{stay.channel_name} in {stay.room}": stay for stay in PresenceSession.objects.all()}
