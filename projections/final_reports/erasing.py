"""Erases a person from reports: a pseudonym takes the place of the key, and the name is removed.

The figures stay. The triggers of the tables admit this change and no other. A role that erases needs SELECT on the
three tables, and UPDATE on the columns that `erase` writes.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from presence_events import sql

__all__ = ["erase"]

_QUERIES = ("erase_reports", "erase_annotations", "erase_schedules")


def erase(user_key: Any, pseudonym: Any, *, using: str) -> int:
    """Puts ``pseudonym`` in place of ``user_key``, both keys of users, in all reports of the database ``using``.

    This covers rows of reports, authors of annotations, and people who are expected. The texts of annotations stay as
    they are. Returns how many rows of tables it changed: 0 if the person is in none. All or none of them change.
    """
    parameters = {"person": str(user_key), "pseudonym": str(pseudonym)}
    with transaction.atomic(using):
        return sum(
            int(count)
            for query in _QUERIES
            for (count,) in sql.rows("projections", f"queries/final_reports/{query}", parameters, using=using)
        )
