"""Connects Django in this process to clusters of the test."""

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
    """Replaces DATABASES in this thread by ``clusters``, whose aliases are the keywords. One of them is ``default``.

    ``blocker`` is that of pytest-django, and is unblocked: the test uses none of its databases.
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
