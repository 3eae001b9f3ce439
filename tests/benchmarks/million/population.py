"""The simulated people, their connections and their rooms."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from hashlib import md5
from itertools import accumulate
from random import Random

from django.contrib.auth import get_user_model

from presence_events.recorder import Selection
from projections import selections
from tests.benchmarks.million.scenario import LARGE, LARGE_SHARE, MEDIUM, MEDIUM_SIZE, Scenario

__all__ = ["Connection", "Population"]

_TABS = (1,) * 7 + (2,) * 2 + (3,)
"""Of ten people, three have several tabs."""

_FALL = 0.7
"""The sizes of rooms fall with this power of their rank: of 50,000 rooms, the largest has 10,000 and the last 5."""


class Connection:
    """A connection in one room. ``place`` is its index among the connections of its process."""

    __slots__ = ("number", "place", "room", "user")

    def __init__(self, number: int, room: str, user: int) -> None:
        self.number = number
        self.room = room
        self.user = user
        self.place = -1

    @property
    def channel_name(self) -> str:
        """The name, which is as long as those of ``channels_redis.core``."""
        digest = md5(str(self.number).encode(), usedforsecurity=False).hexdigest()
        return f"specific.{digest}!{digest[::-1]}"

    def join(self) -> Selection:
        user = get_user_model()(pk=self.user)
        return selections.join(self.room, self.channel_name, user, None, is_leased=True)

    def leave(self) -> Selection:
        return selections.leave_all(self.channel_name)


class Population:
    """Makes the connections of a scenario, the same ones each time."""

    def __init__(self, scenario: Scenario, random: Random) -> None:
        self._random = random
        self._users = scenario.users
        self._user = self._number = 0
        share = max(1 - LARGE_SHARE - MEDIUM_SIZE / scenario.connections, 0.1)
        ranks = list(range(1, scenario.rooms + 1))
        random.shuffle(ranks)
        # The room whose size is asked about has an average one.
        ranks[0] = scenario.rooms // 5 + 1
        weights = [rank**-_FALL for rank in ranks]
        scale = share / sum(weights)
        self._names = [LARGE, MEDIUM, *(f"room-{number}" for number in range(scenario.rooms))]
        self._sizes = list(
            accumulate([LARGE_SHARE, MEDIUM_SIZE / scenario.connections, *(scale * weight for weight in weights)])
        )
        self._people = self._arrivals()

    def next(self) -> Connection:
        """Returns the next connection: another tab of the person before, or the first of the next person."""
        return next(self._people)

    def one(self, room: str) -> Connection:
        """Returns a connection of a person with no other one, in ``room``."""
        return self.again(room, self._next_user())

    def again(self, room: str, user: int) -> Connection:
        """Returns a new connection of ``user`` in ``room``."""
        self._number += 1
        return Connection(self._number, room, user)

    def _arrivals(self) -> Iterator[Connection]:
        while True:
            user, room = self._next_user(), self._room()
            for tab in range(self._random.choice(_TABS)):
                yield self.again(self._room() if tab == 2 else room, user)

    def _next_user(self) -> int:
        self._user = self._user % self._users + 1
        return self._user

    def _room(self) -> str:
        return self._names[bisect(self._sizes, self._random.random() * self._sizes[-1])]
