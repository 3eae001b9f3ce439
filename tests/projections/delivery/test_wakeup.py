"""Waking a waiting worker."""

from __future__ import annotations

import logging

import pytest
from django.db import Error, connection, transaction

from projections._delivery.wakeup import channel, wake

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_listening_connection_is_notified() -> None:
    with connection.copy().cursor() as cursor:
        name = channel(cursor)
        cursor.execute(f'LISTEN "{name}"')
        wake("default")
        (notification,) = cursor.connection.notifies(timeout=30, stop_after=1)
        assert notification.channel == name
        cursor.db.close()


def test_a_failure_is_logged_and_not_raised(caplog: pytest.LogCaptureFixture) -> None:
    with transaction.atomic():
        with pytest.raises(Error), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        with caplog.at_level(logging.WARNING):
            wake("default")
        transaction.set_rollback(True)
    assert "Could not wake the worker" in caplog.text
