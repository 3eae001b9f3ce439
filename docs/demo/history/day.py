"""Places an office day into the last 24 hours, so that it has just ended at any time of day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from history.crash import crash
from history.rooms import all_stays
from history.stay import SECOND, Stay

QUARTER = timedelta(minutes=15)
HOME_TIME = 18
"""The office hour at the last full quarter before the start. Meetings then begin at full quarters of the clock."""


class Day:
    """The office day before ``start``. It is always the same, except for the time of day."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        home_time = start - (start - datetime.min.replace(tzinfo=start.tzinfo)) % QUARTER
        self.midnight = home_time - timedelta(hours=HOME_TIME)

    def at(self, hour: float) -> datetime:
        return self.midnight + timedelta(hours=hour)

    def stays(self) -> list[Stay]:
        """Returns all stays in the order in which they began. Stays that are open at the end are closed then."""
        chance = Random(20)  # noqa: S311, this is not for cryptography
        return sorted(self._until_now(crash(all_stays(chance), chance), chance), key=lambda stay: stay.joined)

    def _until_now(self, stays: Iterator[Stay], chance: Random) -> Iterator[Stay]:
        now = (self.start - self.midnight) / timedelta(hours=1)
        for stay in stays:
            end = now - chance.uniform(1, 15) * SECOND
            yield stay if stay.left < end else stay._replace(left=end, seen=min(stay.seen, end - SECOND), pruned=False)
