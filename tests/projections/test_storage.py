"""How the tables of the projections are stored."""

from __future__ import annotations

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

APPEND = """
INSERT INTO presence_event (kind, room, channel_name)
SELECT %s, 'room-' || number %% 10, 'specific.inmemory!' || number FROM generate_series(1000, 1999) AS number
"""


def test_touching_every_connection_in_one_statement_writes_almost_no_index() -> None:
    """The new versions of the rows fit on the pages of the old ones.

    A few rows may have two new versions, because the fold writes the time again after a wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(APPEND, ["join"])
        cursor.execute(APPEND, ["touch"])
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_updated('presence_open_stay'::regclass), "
            "pg_stat_get_xact_tuples_hot_updated('presence_open_stay'::regclass)"
        )
        updated, without_index = cursor.fetchone()
    assert updated >= 1000
    assert without_index > 0.9 * updated
