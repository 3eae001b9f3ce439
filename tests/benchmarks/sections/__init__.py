"""The sections of the benchmarks, one in each module.

A section has a ``NAME`` (for ``--only``) and a ``TITLE``. ``run(bench)`` measures and returns data that can be written
as JSON. From the data, ``report(data)`` makes the text with its tables, ``targets(data)`` the promised and measured
ratios, and ``plots(data)``, which is optional, the pictures.
"""

from __future__ import annotations

from tests.benchmarks.sections import (
    asynchronous,
    endtoend,
    floor,
    growth,
    indexes,
    leases,
    projector,
    reports,
    size,
    storm,
    synchronous,
)

ALL = (synchronous, asynchronous, storm, projector, floor, leases, growth, reports, indexes, size, endtoend)
