"""Random histories of a room: whatever is lost, repeated, reordered or cut, every client ends with the same people.

The log of the model is a list of events of transactions that commit in any order. Processes read it in windows between
snapshots, as `presence_events.tail` does, and keep replicas. Clients follow them over links that lose messages.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from random import Random
from typing import Any, NamedTuple

from django.utils.timezone import now as django_now
from hypothesis import given, settings
from hypothesis import strategies as st

from presence_events.models import PresenceEvent
from projections.rosters import Connection, Member, Roster
from projections.rosters.history import Change
from projections.rosters.marks import RosterMark, Snapshot
from projections.rosters.people import ANONYMOUS, Stay
from projections.rosters.replica import Replica
from projections.testing import RosterClient

HISTORIES = int(os.environ.get("PRESENCE_HISTORIES", "150"))
"""Random histories of the test. ``PRESENCE_HISTORIES=10000`` takes some minutes."""

STEPS = 60
NOW = django_now()


class Hiding(Roster):
    """Hides the users whose key is even from viewers who are no staff, and a person whose data says so from all."""

    def show(self, member: Member, view: Any) -> dict[str, Any] | None:
        if member.data.get("hidden") or (view != "staff" and member.user_id % 2 == 0):
            return None
        return super().show(member, view)


class Guests(Roster):
    """Names connections without a user by their data."""

    def person(self, user_id: Any, data: Any) -> str | None:
        guest = data.get("guest") if isinstance(data, dict) else None
        return f"guest {guest}" if guest else super().person(user_id, data)


ROSTERS = {
    "plain": lambda grace, limit: Roster(grace=grace, limit=limit),
    "data": lambda grace, limit: Roster(grace=grace, limit=limit, data=True),
    "hiding": lambda grace, limit: Hiding(grace=grace, limit=limit, data=True),
    "guests": lambda grace, limit: Guests(grace=grace, limit=limit),
    "count": lambda grace, limit: Roster(grace=grace, count_only=True),
}


class Open(NamedTuple):
    """A stay of the model."""

    session: int
    channel_name: str
    user_id: int | None
    data: Any


class Log:
    """The log, its transactions, and the stays as the fold leaves them."""

    def __init__(self) -> None:
        self.events: list[PresenceEvent] = []
        self.next_tx = 1
        self.open_txs: dict[int, int] = {}
        self.committed: set[int] = set()
        self.locked: dict[str, int] = {}
        self.stays: dict[str, Open] = {}
        self.sessions = 0

    def append(self, tx: int, kind: str, channel: str, user_id: int | None, data: Any) -> None:
        """Appends an event that changes something, unless another transaction has the connection locked."""
        if self.locked.get(channel, tx) != tx:
            return
        stay = self.stays.get(channel)
        if (kind == "join") == (stay is not None):
            return
        if kind == "join":
            self.sessions += 1
            stay = Open(self.sessions, channel, user_id, data)
        assert stay is not None
        if kind == "touch":
            stay = stay._replace(data=data)
        self.locked[channel] = tx
        self.open_txs.setdefault(tx, len(self.events))
        if kind in ("leave", "prune"):
            del self.stays[channel]
            data = {"reason": "test"}
        else:
            self.stays[channel] = stay
        self.events.append(
            PresenceEvent(
                id=len(self.events) + 1,
                kind=kind,
                room="room",
                channel_name=channel,
                user_id=stay.user_id,
                session=stay.session,
                since=NOW,
                data=data,
                tx=tx,
            )
        )

    def begin(self) -> int:
        self.next_tx += 1
        return self.next_tx - 1

    def commit(self, tx: int) -> None:
        self.open_txs.pop(tx, None)
        self.committed.add(tx)
        self.locked = {channel: holder for channel, holder in self.locked.items() if holder != tx}

    def snapshot(self) -> Snapshot:
        running = frozenset(range(1, self.next_tx)) - self.committed
        return Snapshot(min(running, default=self.next_tx), self.next_tx, running)

    def visible(self, snapshot: Snapshot) -> list[PresenceEvent]:
        return [event for event in self.events if snapshot.sees(event.tx) and event.tx in self.committed]

    def open_stays(self, snapshot: Snapshot) -> list[Stay]:
        found: dict[int, Stay] = {}
        for event in self.visible(snapshot):
            session = int(event.session or 0)
            if event.kind == "join":
                found[session] = Stay(session, str(event.channel_name), event.user_id, NOW, event.data)
            elif event.kind == "touch":
                found[session] = found[session]._replace(data=event.data)
            else:
                del found[session]
        return list(found.values())

    def low(self) -> int:
        return min(self.open_txs.values(), default=len(self.events))


class Link:
    """A socket: messages to the client wait in it."""

    def __init__(self, process: Process, client: RosterClient) -> None:
        self.process = process
        self.client = client
        self.queue: list[str] = []
        self.mark: str | None = None
        self.is_live = False


class Process:
    """A server process with a replica of the room, as `projections.rosters.feed` keeps it."""

    def __init__(self, log: Log, roster: Roster, clock: Clock) -> None:
        self.log = log
        self.clock = clock
        self.replica = Replica(roster, "room", "log")
        self.seen = log.snapshot()
        self.links: dict[str, set[Link]] = defaultdict(set)
        self.replica.load(log.open_stays(self.seen), RosterMark(log.low(), self.seen, self.now()), len(log.events))
        self.publish()

    def now(self) -> int:
        return int(NOW.timestamp())

    def read(self) -> None:
        seen = self.log.snapshot()
        new = [event for event in self.log.visible(seen) if not self.seen.sees(event.tx)]
        for event in new:
            self.replica.apply(event, self.clock.time)
        self.seen = seen
        self.replica.mark = RosterMark(self.log.low(), seen, self.now())

    def reload(self) -> None:
        """Loads the room again, as after an error of the database."""
        self.seen = self.log.snapshot()
        mark = RosterMark(self.log.low(), self.seen, self.now())
        self.replica.load(self.log.open_stays(self.seen), mark, len(self.log.events))

    def publish(self) -> None:
        coroutine = self.replica.publish(self.clock.time, self._describe)
        try:
            coroutine.send(None)
        except StopIteration as result:
            messages = result.value
        for view, (text, mark) in messages.items():
            for link in self.links[view]:
                link.queue.append(text)
                link.mark = mark

    async def _describe(self, roster: Roster, members: Any) -> None:
        raise AssertionError("The rosters of this test have no information.")

    def answer(self, link: Link, view: str, mark: str | None) -> None:
        self.publish()
        after = self.replica.missing_history(view, mark)
        if after is not None:
            changes = [
                Change(
                    event.id,
                    event.tx,
                    ANONYMOUS if event.user_id is None else str(event.user_id),
                    event.kind in ("leave", "prune"),
                )
                for event in self.log.visible(self.log.snapshot())
                if event.id > after
            ]
            self.replica.history.extend(changes, after)
        text, link.mark = self.replica.answer(view, mark)
        link.queue.append(text)
        self.links[view].add(link)


class Clock:
    time = 0.0


class Viewer:
    """A page: a client, the link of its present socket, and what it has received."""

    def __init__(self, view: str) -> None:
        self.view = view
        self.client = RosterClient("room", self.send)
        self.link: Link | None = None
        self.received: list[str] = []
        self.reported: dict[str, dict[str, Any]] = {}
        self.is_repeated = False
        self.client.on_join(self.on_join)
        self.client.on_leave(self.on_leave)

    def connect(self, process: Process) -> None:
        self.disconnect()
        self.link = Link(process, self.client)
        self.client.follow()

    def disconnect(self) -> None:
        if self.link is not None:
            self.link.process.links[self.view].discard(self.link)
        self.link = None

    def send(self, message: dict[str, Any]) -> None:
        assert self.link is not None
        self.link.process.answer(self.link, self.view, message["mark"])

    def deliver(self, index: int = 0) -> None:
        if self.link is not None and self.link.queue:
            text = self.link.queue.pop(index % len(self.link.queue))
            self.received.append(text)
            self.client.receive(text)

    def on_join(self, member: dict[str, Any], before: Any) -> None:
        self.is_repeated |= member["id"] in self.reported
        self.reported[member["id"]] = member

    def on_leave(self, member: dict[str, Any], before: Any) -> None:
        # A member who came into a partial list did not arrive.
        self.reported.pop(member["id"], None)


def expected(log: Log, roster: Roster, view: str) -> tuple[dict[str, list[Any]], int, int]:
    """What a viewer has to see: the data of each member's connections, and the two counts."""
    people: dict[str, list[Open]] = defaultdict(list)
    for stay in sorted(log.stays.values()):
        people[roster.person(stay.user_id, stay.data) or ANONYMOUS].append(stay)
    anonymous = len(people.pop(ANONYMOUS, ()))
    visible = {}
    for key, stays in people.items():
        connections = [Connection(stay.session, NOW, stay.data) for stay in stays]
        shown = roster.show(Member(key, stays[0].user_id, connections), view)
        if shown is not None:
            visible[key] = shown
    return {key: _data(shown) for key, shown in visible.items()}, len(visible), anonymous


def _data(member: dict[str, Any]) -> list[Any]:
    return sorted(json.dumps(connection.get("data")) for connection in member["connections"])


class World:
    """A room with connections, two processes and three viewers, to whom random things happen."""

    def __init__(self, random: Random, roster: Roster) -> None:
        self.random = random
        self.log, self.clock, self.roster = Log(), Clock(), roster
        channels = [f"c{number}" for number in range(8)]
        self.users = dict(zip(channels, [1, 1, 2, 3, 3, 5, None, None], strict=True))
        self.open_txs: list[int] = []
        self.processes = [self.new_process() for _ in range(2)]
        self.viewers = [Viewer("staff"), Viewer("guest"), Viewer("staff")]

    def new_process(self) -> Process:
        return Process(self.log, self.roster, self.clock)

    def step(self) -> None:
        actions = [self.record] * 4 + [self.commit, self.read, self.publish, self.wait, self.connect, self.disturb]
        self.random.choice([*actions, self.reload, self.restart, self.deliver, self.deliver])()

    def record(self) -> None:
        random = self.random
        channel = random.choice(list(self.users))
        data = random.choice([None, {"guest": "x"}, {"hidden": True}, {"status": random.randrange(2)}])
        kind = random.choice(["join", "join", "touch", "leave", "prune"])
        tx = random.choice(self.open_txs) if self.open_txs and random.random() < 0.3 else self.log.begin()
        self.log.append(tx, kind, channel, self.users[channel], data or ({} if kind == "touch" else None))
        if tx not in self.open_txs:
            if random.random() < 0.4:
                self.open_txs.append(tx)
            else:
                self.log.commit(tx)

    def commit(self) -> None:
        if self.open_txs:
            self.log.commit(self.open_txs.pop(self.random.randrange(len(self.open_txs))))

    def read(self) -> None:
        self.random.choice(self.processes).read()

    def publish(self) -> None:
        process = self.random.choice(self.processes)
        process.read()
        process.publish()

    def reload(self) -> None:
        self.random.choice(self.processes).reload()

    def wait(self) -> None:
        self.clock.time += self.random.choice([0.5, 3, 20])

    def connect(self) -> None:
        self.random.choice(self.viewers).connect(self.random.choice(self.processes))

    def disturb(self) -> None:
        """Loses, repeats or reorders messages, or closes a socket."""
        viewer = self.random.choice(self.viewers)
        if viewer.link is None or not viewer.link.queue:
            return
        queue = viewer.link.queue
        match self.random.randrange(4):
            case 0:
                queue.pop(self.random.randrange(len(queue)))
            case 1:
                queue.append(self.random.choice(queue))
            case 2:
                self.random.shuffle(queue)
            case 3:
                viewer.disconnect()

    def restart(self) -> None:
        """Kills a process, with the sockets of its viewers, and starts another one."""
        if self.random.random() < 0.3:
            index = self.random.randrange(2)
            for viewer in self.viewers:
                if viewer.link is not None and viewer.link.process is self.processes[index]:
                    viewer.disconnect()
            self.processes[index] = self.new_process()

    def deliver(self) -> None:
        for _ in range(self.random.randrange(4)):
            self.random.choice(self.viewers).deliver(self.random.choice([0, 0, 0, self.random.randrange(5)]))

    def become_quiet(self) -> None:
        """Commits everything, connects all viewers, and waits for the end of the grace."""
        for tx in self.open_txs:
            self.log.commit(tx)
        for viewer in self.viewers:
            # A lost answer is not asked for again on the same socket: a socket that loses messages is closed.
            viewer.connect(self.random.choice(self.processes))
        for _ in range(2):
            for process in self.processes:
                process.read()
                process.publish()
            self.clock.time += 1000
        for viewer in self.viewers:
            while viewer.link is not None and viewer.link.queue:
                viewer.deliver()


def run(seed: int, kind: str, grace: float, limit: int) -> None:
    roster = ROSTERS[kind](grace, limit)
    world = World(Random(seed), roster)
    for _ in range(STEPS):
        world.step()
    world.become_quiet()
    for viewer in world.viewers:
        members, people, anonymous = expected(world.log, roster, viewer.view)
        client = viewer.client
        # Who is listed of a larger room depends on what a process knows: a person who reloads keeps the place.
        assert len(client.members) == min(people, roster.limit)
        assert all(_data(member) == members[key] for key, member in client.members.items())
        assert (client.people, client.anonymous) == (people, anonymous)
        if limit == 200 and not roster.count_only:
            assert viewer.reported.keys() == client.members.keys()
            assert not viewer.is_repeated
        if kind == "hiding" and viewer.view == "guest":
            assert not any('"id":"2"' in text or '"left":["2"' in text for text in viewer.received)


@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(sorted(ROSTERS)),
    grace=st.sampled_from([0, 5]),
    limit=st.sampled_from([2, 200]),
)
@settings(max_examples=HISTORIES)
def test_every_client_ends_with_the_people_in_the_room(seed: int, kind: str, grace: float, limit: int) -> None:
    run(seed, kind, grace, limit)
