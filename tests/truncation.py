"""Empties the test database after a test that commits: a replacement for Django's flush in a fifth of its time.

Django truncates every table, which creates a new file for each table and index, and then recreates content types and
permissions. This module skips tables that are empty, and keeps content types and permissions as long as their content
has not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import TransactionTestCase

from presence_events.test_databases import is_test_database
from tests import segments

KEPT = ("django_content_type", "auth_permission")
GUARDED = ("presence_events", "projections")  # their triggers refuse DELETE
MAX_PAGES_TO_DELETE = 8  # a DELETE from so few pages is faster than a TRUNCATE

# A table that was analysed while it was empty counts as written: its statistics influence later plans.
# The size of a partitioned table is that of its partitions.
_WRITTEN = """
    SELECT c.relname, sum(pg_relation_size(p.oid)) / current_setting('block_size')::int
      FROM pg_class AS c, LATERAL (
           SELECT c.oid WHERE c.relkind = 'r' UNION ALL SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf
      ) AS leaf
      JOIN pg_class AS p ON p.oid = leaf.oid
     WHERE c.oid = ANY(%s::regclass[])
     GROUP BY c.relname
    HAVING sum(pg_relation_size(p.oid)) > 0 OR max(p.reltuples) >= 0
"""
_CONTENT = "SELECT " + " || ".join(
    f"(SELECT coalesce(md5(string_agg(kept::text, chr(10) ORDER BY id)), '') FROM {table} kept)" for table in KEPT
)


def _content() -> str:
    with connection.cursor() as cursor:
        cursor.execute(_CONTENT)
        (content,) = cursor.fetchone()
    return str(content)


def truncate() -> None:
    """Empties the tables that are not empty, or were analysed while they were.

    Does nothing without a test database: pytest-django makes one only for tests that use it.
    """
    if not is_test_database(connection):
        return
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    guarded = {model._meta.db_table for app in GUARDED for model in apps.get_app_config(app).get_models()}
    with transaction.atomic(), connection.cursor() as cursor:
        # Waits, as TRUNCATE does, for transactions that are still writing.
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(_WRITTEN, [[table for table in tables if table not in KEPT]])
        written = dict(cursor.fetchall())
        truncated = [table for table, pages in written.items() if table in guarded or pages > MAX_PAGES_TO_DELETE]
        if truncated:
            cursor.execute(f"TRUNCATE {', '.join(truncated)} CASCADE")
        for table in written.keys() - truncated:
            cursor.execute(f"DELETE FROM {table}")


@contextmanager
def fast_truncation(blocker: Any) -> Iterator[None]:
    """Replaces Django's flush after tests that commit, as long as the block runs.

    Also gives the log the segments that it has after ``migrate``, if the test has divided them.

    Falls back to Django's flush for tests with several databases, and when content types or permissions have changed.
    """
    if not is_test_database(connection):
        yield
        return
    flush: Callable[[Any], None] = TransactionTestCase._fixture_teardown
    with blocker.unblock():
        content = _content()

    def teardown(case: Any) -> None:
        nonlocal content
        if case._databases_names(include_mirrors=False) == ["default"] and _content() == content:
            truncate()
        else:
            flush(case)
            content = _content()
        if segments.is_divided():
            segments.reset()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield
