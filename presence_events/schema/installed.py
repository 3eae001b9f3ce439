"""Compares the triggers in a database with those that the library installs.

It reads the system catalogs: the function's body, rights, settings and options, and the definition of the trigger. It
does not use the comment on the trigger, in which django-pgtrigger stores a hash, because a changed trigger keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

import pgtrigger.registry

from presence_events import sql

__all__ = ["TriggerFault", "trigger_faults"]


class TriggerFault(NamedTuple):
    """A trigger that is not installed as it should be."""

    table: str
    name: str
    obstacle: str
    """``missing``, ``changed``, ``disabled`` or ``switched off by session_replication_role``."""
    detail: str = ""
    """What has changed, as a clause: "its function has another body"."""


def trigger_faults(app_labels: Collection[str], *, using: str) -> list[TriggerFault]:
    """Returns what is wrong with the triggers of the apps in the database ``using``, in one query that writes nothing.

    A trigger with several faults is listed once, with the first of them.
    """
    expected = [
        (model, trigger) for model, trigger in pgtrigger.registry.registered() if model._meta.app_label in app_labels
    ]
    tables = [model._meta.db_table for model, _ in expected]
    names = [trigger.get_pgid(model) for model, trigger in expected]
    rows = sql.rows("presence_events", "queries/installed/triggers", {"tables": tables, "names": names}, using=using)
    faults = []
    for (model, trigger), row in zip(expected, map(_Installed._make, rows), strict=True):
        obstacle, detail = _fault(row, trigger.compile(model).sql)
        if obstacle:
            faults.append(TriggerFault(model._meta.db_table, str(trigger.name), obstacle, detail))
    return faults


class _Installed(NamedTuple):
    """A row of ``queries/installed/triggers``."""

    enabled: str | None
    replication_role: str
    type: int
    columns: list[str] | None
    definition: str
    language: str
    body: str
    is_security_definer: bool
    settings: list[str] | None
    schema: str
    has_default_options: bool
    has_rights_of_the_tables_owner: bool
    is_granted: bool


def _fault(installed: _Installed, expected: Any) -> tuple[str, str]:
    """Returns the obstacle and the detail of the first fault, or empty texts. ``expected`` is a `TriggerSql`."""
    if installed.enabled is None:
        return "missing", ""
    for is_wrong, detail in (
        ((installed.body, installed.language) != (expected.body, "plpgsql"), "its function has another body"),
        (
            installed.is_security_definer != expected.has_owners_rights,
            f"its function runs with the rights of the {'caller' if expected.has_owners_rights else 'owner'}",
        ),
        (not installed.has_rights_of_the_tables_owner, "its function belongs to another role"),
        (
            _settings(installed) != (_expected_settings(installed) if expected.has_owners_rights else {}),
            "its function has other settings",
        ),
        (not installed.has_default_options, "its function has other options"),
        (installed.is_granted, "roles other than the owner may execute its function"),
        (_events(installed) != _expected_events(expected), "it fires for other events"),
        (
            _condition(installed.definition) != _condition(expected.kwargs.get("condition", "")),
            "it fires under another condition",
        ),
    ):
        if is_wrong:
            return "changed", detail
    if installed.enabled == "D":
        return "disabled", ""
    if installed.enabled != "A" and (installed.enabled == "R") != (installed.replication_role == "replica"):
        return "switched off by session_replication_role", ""
    return "", ""


_NAME_IN_LIST = re.compile(r'"((?:[^"]|"")*)"|([^\s,"]+)')
"""A name with or without quotes. With ``quote_all_identifiers``, PostgreSQL writes quotes that are not needed."""


def _settings(installed: _Installed) -> dict[str, list[str]]:
    settings = (setting.partition("=") for setting in installed.settings or [])
    return {
        name: [quoted.replace('""', '"') or plain for quoted, plain in _NAME_IN_LIST.findall(value)]
        for name, _, value in settings
    }


def _expected_settings(installed: _Installed) -> dict[str, list[str]]:
    return {"search_path": [installed.schema, "pg_temp"], "enable_seqscan": ["off"]}


_TYPE_BITS = {"ROW": 1, "BEFORE": 2, "INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
"""The bits of pg_trigger.tgtype."""


def _events(installed: _Installed) -> tuple[int, set[str]]:
    return installed.type, set(installed.columns or [])


def _expected_events(expected: Any) -> tuple[int, set[str]]:
    """Returns the type, and the columns of an UPDATE OF."""
    operation = expected.kwargs["operation"]
    columns = set(re.findall(r'"(\w+)"', operation))
    words = {expected.kwargs["when"], expected.kwargs.get("level", "ROW"), *re.findall(r"[A-Z]+", operation)}
    return sum(bit for word, bit in _TYPE_BITS.items() if word in words), columns


_NEEDLESS_QUOTES = re.compile(r'"([a-z_][a-z0-9_]*)"')


def _condition(definition: str) -> str:
    """Returns the WHEN clause of a trigger without spaces and parentheses, some of which PostgreSQL adds."""
    found = re.search(r"\bWHEN \(.*", definition.rsplit(" EXECUTE FUNCTION ", 1)[0], re.DOTALL)
    return re.sub(r"[\s()]", "", _NEEDLESS_QUOTES.sub(r"\1", found[0])) if found else ""
