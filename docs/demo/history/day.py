"""The last 24 hours, with an office day laid over them that is just over, whatever the clock says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from history.crash import crash
from history.rooms import everything
from history.stay import SECOND, Stay

QUARTER = timedelta(minutes=15)
HOME_TIME = 18
"""The hour of the office at the last quarter before the start: meetings are then at full quarters of any clock."""


class Day:
    """The office day before ``start``: always the same, but for the time of day at which it is."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        home_time = start - (start - datetime.min.replace(tzinfo=start.tzinfo)) % QUARTER
        self.midnight = home_time - timedelta(hours=HOME_TIME)

    def at(self, hour: float) -> datetime:
        return self.midnight + timedelta(hours=hour)

    def stays(self) -> list[Stay]:
        """All who were here, in the order in which they came. Whoever is still here at the end has to leave then."""
        chance = Random(20)  # noqa: S311, a story needs no secrets
        return sorted(self._until_now(crash(everything(chance), chance), chance), key=lambda stay: stay.joined)

    def _until_now(self, stays: Iterator[Stay], chance: Random) -> Iterator[Stay]:
        now = (self.start - self.midnight) / timedelta(hours=1)
        for stay in stays:
            end = now - chance.uniform(1, 15) * SECOND
            yield stay if stay.left < end else stay._replace(left=end, seen=min(stay.seen, end - SECOND), pruned=False)
