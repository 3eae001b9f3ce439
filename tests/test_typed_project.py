"""The project for type checkers uses every public name. The tox environment ``types`` runs the checkers on it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from django.db import models

from projections.sessions import PresenceSessionQuerySet

PROJECT = Path(__file__).parent / "typed_project"
MODULES = (
    "presence_events.archive.manifests",
    "presence_events.archive.querying",
    "presence_events.archive.verifying",
    "presence_events.archive.writing",
    "presence_events.checkpoints",
    "presence_events.databases.rooms",
    "presence_events.exceptions",
    "presence_events.models",
    "presence_events.recorder",
    "presence_events.signals",
    "presence_events.tail",
    "projections.attendance",
    "projections.consumers",
    "projections.decorators",
    "projections.erasure",
    "projections.managers",
    "projections.metrics",
    "projections.models",
    "projections.rosters",
    "projections.rosters.http",
    "projections.sessions",
    "projections.signals",
    "projections.tasks",
    "projections.testing",
)
"""The modules that applications import. The admin and the settings have no methods that applications call."""

REFUSED = {"save", "delete", "update", "bulk_create", "bulk_update"}
"""Methods of the models and of queries for stays that only raise."""

INTERNAL = {"is_awaited", "send_batch"}
"""Methods of the signals that only this library calls."""


def test_the_project_for_type_checkers_uses_every_public_name() -> None:
    used = set(used_names())
    missing = [name for module in MODULES for name in public_names(module) if name.rpartition(".")[2] not in used]
    assert missing == [], "Use these in tests/typed_project, and assert the types of their results."


def used_names() -> Iterator[str]:
    for path in PROJECT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                yield node.attr
            elif isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, ast.ClassDef):
                yield from (target.id for one in node.body if isinstance(one, ast.Assign) for target in one.targets
                            if isinstance(target, ast.Name))  # fmt: skip


def public_names(module_name: str) -> Iterator[str]:
    module = import_module(module_name)
    exported = getattr(module, "__all__", None)
    if exported is None:
        exported = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module_name]
    for name in exported:
        yield f"{module_name}.{name}"
        value = getattr(module, name)
        if inspect.isclass(value):
            yield from (f"{module_name}.{name}.{member}" for member in members(value))


def members(cls: type) -> Iterator[str]:
    """Returns the public methods, properties and options that the library defines in ``cls``, and fields of models."""
    is_model = issubclass(cls, models.Model)
    is_read_only = is_model or issubclass(cls, PresenceSessionQuerySet)
    if is_model:
        for field in cls._meta.concrete_fields:
            yield from {str(field.name), str(field.attname)}
    for owner in cls.__mro__:
        if owner.__module__.partition(".")[0] in ("presence_events", "projections"):
            for name, value in vars(owner).items():
                is_option = isinstance(value, (bool, int))
                # Django gives models partial methods, for their fields. Those of the library are functions.
                is_method = inspect.isfunction(value) or isinstance(value, (classmethod, property))
                if (
                    not name.startswith("_")
                    and name not in INTERNAL
                    and (is_option or is_method)
                    and not (is_read_only and name in REFUSED)
                ):
                    yield name
