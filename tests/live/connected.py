"""Django in this process, led to clusters that the test has made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.contrib.contenttypes.models import ContentType
from django.db import connections

from tests.live.databases import Cluster


@contextmanager
def connected(blocker: Any, **clusters: Cluster) -> Iterator[None]:
    """In this thread the aliases lead to the databases of ``clusters``, one of which is the ``default``.

    ``blocker`` is pytest-django's: the test needs none of its databases.
    """
    outer = [(alias, connections[alias]) for alias in connections]
    databases: dict[str, Any] = {
        alias: {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": cluster.database,
            "USER": "postgres",
            "HOST": str(cluster.home),
        }
        for alias, cluster in clusters.items()
    }
    with blocker.unblock(), patch.dict(connections.settings, connections.configure_settings(databases)):
        for alias in clusters:
            connections[alias] = connections.create_connection(alias)
        ContentType.objects.clear_cache()
        try:
            yield
        finally:
            connections.close_all()
            ContentType.objects.clear_cache()
            for alias in clusters:
                del connections[alias]
            for alias, connection in outer:
                connections[alias] = connection
