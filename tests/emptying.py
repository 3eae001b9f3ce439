"""Empties the test database after a test that commits, as Django's flush does, in a fifth of its time.

Django truncates every table, which makes a new file for each table and index, and then makes content types and
permissions anew. Here a table that nobody has written is left alone, and so are those two as long as they are what they
were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import TransactionTestCase

KEPT = ("django_content_type", "auth_permission")
GUARDED = ("presence_events", "projections")  # their triggers refuse DELETE
FEW_PAGES = 8

# What was analysed while it was empty counts as written: planning would know.
_WRITTEN = """
    SELECT relname, pg_relation_size(oid) / current_setting('block_size')::int
      FROM pg_class
     WHERE oid = ANY(%s::regclass[]) AND (pg_relation_size(oid) > 0 OR reltuples >= 0)
"""
_CONTENT = "SELECT " + " || ".join(
    f"(SELECT coalesce(md5(string_agg(kept::text, chr(10) ORDER BY id)), '') FROM {table} kept)" for table in KEPT
)


def _content() -> str:
    with connection.cursor() as cursor:
        cursor.execute(_CONTENT)
        (content,) = cursor.fetchone()
    return str(content)


def _empty() -> None:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    guarded = {model._meta.db_table for app in GUARDED for model in apps.get_app_config(app).get_models()}
    with transaction.atomic(), connection.cursor() as cursor:
        # As TRUNCATE would, it waits for whoever is still writing.
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(_WRITTEN, [[table for table in tables if table not in KEPT]])
        written = dict(cursor.fetchall())
        truncated = [table for table, pages in written.items() if table in guarded or pages > FEW_PAGES]
        if truncated:
            cursor.execute(f"TRUNCATE {', '.join(truncated)} CASCADE")
        for table in written.keys() - truncated:
            cursor.execute(f"DELETE FROM {table}")


@contextmanager
def quick(blocker: Any) -> Iterator[None]:
    """While it lasts, tests that commit are followed by this instead of Django's flush, where it can be."""
    flush: Callable[[Any], None] = TransactionTestCase._fixture_teardown
    with blocker.unblock():
        content = _content()

    def empty(case: Any) -> None:
        nonlocal content
        if case._databases_names(include_mirrors=False) == ["default"] and _content() == content:
            _empty()
        else:
            flush(case)
            content = _content()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield
