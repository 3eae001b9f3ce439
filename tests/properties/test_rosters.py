"""Random histories of a room: whatever is lost, repeated, reordered or cut, every client ends with the same people.

The server is the library's own, from the sockets down to its queries. The database, the clock and the network are
simulated (`tests.properties.rosters`). Each page has the client in Python and the client in JavaScript, and both do the
same.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.rosters import Connection, Member
from projections.rosters.people import ANONYMOUS, Stay
from tests.projections.rosters.node import NodeClient, running
from tests.properties import MORE, examples
from tests.properties.rosters.kinds import KINDS, ModelRoster
from tests.properties.rosters.loop import SimulatedLoop
from tests.properties.rosters.pages import Page
from tests.properties.rosters.world import World

HISTORIES = 250 * MORE


@pytest.fixture(scope="module")
def process() -> Iterator[NodeClient]:
    with running() as process:
        yield process


def expected(stays: Iterable[Stay], roster: ModelRoster, view: str) -> tuple[dict[str, list[str]], int, int]:
    """What a viewer has to see: the data of each member's connections, and the two counts."""
    people: dict[str, list[Stay]] = defaultdict(list)
    for stay in sorted(stays):
        people[roster.person(stay.user_id, stay.data) or ANONYMOUS].append(stay)
    anonymous = len(people.pop(ANONYMOUS, ()))
    visible = {}
    for key, own in people.items():
        connections = [Connection(stay.session, stay.since, stay.data) for stay in own]
        shown = roster.show(Member(key, own[0].user_id, connections), view)
        if shown is not None:
            visible[key] = data_of(shown)
    return visible, len(visible), anonymous


def data_of(member: dict[str, Any]) -> list[str]:
    return sorted(json.dumps(connection.get("data")) for connection in member["connections"])


def check_follower(page: Page, stays: Iterable[Stay]) -> None:
    """The page shows who is in the room, and has reported each of them once."""
    client = page.client
    members, people, anonymous = expected(stays, page.roster, page.view)
    # Who is listed of a larger room depends on what a process knows: a person who reloads keeps the place.
    assert len(client.members) == min(people, page.roster.limit)
    assert all(data_of(member) == members[key] for key, member in client.members.items())
    assert (client.people, client.anonymous) == (people, anonymous)
    if page.roster.limit == 200:
        assert page.reported.keys() == client.members.keys()
        assert not page.is_repeated


def check_outsider(page: Page) -> None:
    """The page was told that its connection left, and shows nothing, or was told nothing since it asked."""
    assert page.socket is not None
    assert not page.socket.is_admitted
    assert page.client.mark is None or page.socket.is_admitted is None


def run(seed: int, rosters: list[ModelRoster], process: NodeClient) -> None:
    world = World(Random(seed), rosters)
    with world.cluster.simulated(), asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(world.run())
    assert world.cluster.faults == []
    stays = world.database.stays
    for page in world.pages:
        if page.channel is None or page.channel in stays:
            check_follower(page, stays.values())
        else:
            check_outsider(page)
        page.twins.compare(process)


ROSTERS = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from([0, 5]))


@pytest.mark.timeout(60 + HISTORIES)
@given(seed=st.integers(0, 2**32), kinds=st.lists(ROSTERS, min_size=2, max_size=2), limit=st.sampled_from([2, 200]))
@examples(250)
def test_every_client_ends_with_the_people_in_the_room(
    process: NodeClient, seed: int, kinds: list[tuple[str, float]], limit: int
) -> None:
    run(seed, [KINDS[kind](grace, limit) for kind, grace in kinds], process)
