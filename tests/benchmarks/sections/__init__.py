"""What is measured, a module a section.

Each has ``NAME`` (for ``--only``), ``TITLE``, ``run(bench)``, which measures and returns what can be written as JSON,
and ``report(data)`` and ``targets(data)``, which make of that the text with its tables, and what became of promises.
Those that have ``plots(data)`` return pictures.
"""

from __future__ import annotations

from tests.benchmarks.sections import (
    asynchronous,
    endtoend,
    floor,
    growth,
    indexes,
    projector,
    reports,
    size,
    storm,
    synchronous,
)

ALL = (synchronous, asynchronous, storm, projector, floor, growth, reports, indexes, size, endtoend)
