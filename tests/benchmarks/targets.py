"""Promised and measured ratios."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.benchmarks import table


class Target(NamedTuple):
    """A measured ratio, which should be at least ``promised``, or at most ``promised`` if ``at_most``."""

    what: str
    promised: float
    measured: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        return self.measured <= self.promised if self.at_most else self.measured >= self.promised


def report(targets: Iterable[Target]) -> str:
    return table.render(
        ["target", "promised", "measured", ""],
        [
            [
                target.what,
                f"{'≤' if target.at_most else '≥'} {target.promised:g}",
                table.ratio(target.measured),
                "met" if target.met else "**missed**",
            ]
            for target in targets
        ],
    )
