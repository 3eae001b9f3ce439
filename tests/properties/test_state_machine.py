"""A dict, the live tables and a replay of the log agree after every step of any sequence of operations."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from presence_events import recorder
from presence_events._recording import statement
from presence_events.exceptions import AlreadyPresent, RoomIsFull
from presence_events.models import PresenceEvent
from presence_events.recorder import record_select
from projections import selections
from projections.models import Presence, Process, Room
from projections.signals import presence_changed
from projections.times import microseconds
from tests import leases
from tests.fold import assert_live_is_the_fold
from tests.properties import MORE

ROOMS = st.sampled_from(["a", "B", "c-1", "d.2"])
CHANNELS = st.sampled_from(["1", "2", "3!x"])
PROCESSES = st.sampled_from(["one", "two"])
USERS = st.sampled_from([None, 0, 1])
DATA = (
    st.none() | st.booleans() | st.text("ab%{}'\\", max_size=3) | st.dictionaries(st.text("xy", max_size=2), st.none())
)

Model = dict[tuple[str, str], tuple[Any, Any]]
"""(room, channel): (user id, data)"""


class PresenceMachine(RuleBasedStateMachine):
    """Runs recorded operations and applies them to a model in plain Python."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic: Any = None
        self.rooms: set[str] = set()
        self.model: Model = {}
        self.saved: tuple[set[str], Model] = (set(), {})
        self.committed: Model = {}
        self.signalled: set[tuple[str, str]] = set()
        self.pruned: dict[tuple[str, str], datetime] = {}

    @initialize()
    def start(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE presence_event, presence_open_stay, presence_process, presence_room")
        users = get_user_model()._default_manager
        self.users = [users.get_or_create(username=name)[0] for name in ("ada", "grace")]
        presence_changed.connect(self.receive)

    def receive(self, room: Room, added: Any, removed: Any, events: list[PresenceEvent], **kwargs: Any) -> None:
        for event in events:
            key = (room.channel_name, str(event.channel_name))
            if event.kind == "join":
                assert key not in self.signalled
                self.signalled.add(key)
            else:
                self.signalled.remove(key)

    @rule(room=ROOMS, channel=CHANNELS, user=USERS, data=DATA)
    def join(self, room: str, channel: str, user: int | None, data: Any) -> None:
        instance = None if user is None else self.users[user]
        Room.objects.add(room, channel, instance, data)
        self.rooms.add(room)
        key = None if instance is None else instance.pk
        if (room, channel) not in self.model or self.model[room, channel][0] != key:
            self.model[room, channel] = (key, data)

    @rule(
        room=ROOMS,
        channel=CHANNELS,
        user=USERS,
        capacity=st.none() | st.integers(1, 2),
        exclusive=st.sampled_from([None, "newest", "oldest"]),
    )
    def join_with_limits(self, room: str, channel: str, user: int | None, capacity: int | None, exclusive: Any) -> None:
        instance = None if user is None else self.users[user]
        key = None if instance is None else instance.pk
        outcome: type[Exception] | None = None
        others: Model = {}
        if self.model.get((room, channel), (object(), None))[0] != key:
            # The own stay as another user ends first, and with "newest" those of the user.
            rest = {stay: value for stay, value in self.model.items() if stay[0] == room and stay[1] != channel}
            mine = {stay: value for stay, value in rest.items() if key is not None and value[0] == key}
            others = mine if exclusive == "newest" else {}
            people = [value[0] for stay, value in rest.items() if stay not in others]
            count = len({person for person in people if person is not None}) + people.count(None)
            if exclusive == "oldest" and mine:
                outcome = AlreadyPresent
            elif capacity is not None and count >= capacity and (key is None or key not in people):
                outcome = RoomIsFull
        with nullcontext() if outcome is None else pytest.raises(outcome):
            Room.objects.add(room, channel, instance, capacity=capacity, exclusive=exclusive)
        if outcome is not None:
            return
        self.rooms.add(room)
        for stay in others:
            del self.model[stay]
        if (room, channel) not in self.model or self.model[room, channel][0] != key:
            self.model[room, channel] = (key, None)

    @rule(channel=CHANNELS, data=DATA)
    def touch(self, channel: str, data: Any) -> None:
        present = [key for key in self.model if key[1] == channel]
        assert Presence.objects.touch(channel, data) == len(present)
        for key in present:
            if data is not None:
                self.model[key] = (self.model[key][0], data)

    @rule(room=ROOMS, channel=CHANNELS)
    def leave(self, room: str, channel: str) -> None:
        Room.objects.remove(room, channel)
        self.model.pop((room, channel), None)

    @rule(channel=CHANNELS)
    def leave_all(self, channel: str) -> None:
        present = [key for key in self.model if key[1] == channel]
        assert Presence.objects.leave_all(channel) == len(present)
        for key in present:
            del self.model[key]

    @rule(user=st.sampled_from([0, 1]))
    def leave_user(self, user: int) -> None:
        present = [key for key, (user_id, _) in self.model.items() if user_id == self.users[user].pk]
        assert Presence.objects.leave_user(self.users[user], reason="test") == len(present)
        for key in present:
            del self.model[key]

    @rule()
    def prune(self) -> None:
        assert Room.objects.prune_presences(timedelta(hours=1).total_seconds()) == 0
        assert Room.objects.prune_presences(0) == len(self.model)
        self.model.clear()

    @rule(room=ROOMS)
    def prune_one_room(self, room: str) -> None:
        present = [key for key in self.model if key[0] == room]
        assert Room(channel_name=room).prune_presences(0) == len(present)
        for key in present:
            del self.model[key]

    @rule()
    def prune_rooms(self) -> None:
        empty = self.rooms - {room for room, _ in self.model}
        assert Room.objects.prune_rooms() == len(empty)
        self.rooms -= empty

    @rule(process=PROCESSES, room=ROOMS, channel=CHANNELS)
    def join_on_lease(self, process: str, room: str, channel: str) -> None:
        selection = selections.join(room, channel, None, None, is_leased=True)
        events = statement.to_events(statement.append([selection], "default", process=process), "default", ())
        if events:
            transaction.on_commit(lambda: recorder._announce(events, "default"))
        self.rooms.add(room)
        if (room, channel) not in self.model or self.model[room, channel][0] is not None:
            self.model[room, channel] = (None, None)

    @rule(process=PROCESSES, room=ROOMS, channel=CHANNELS, is_leased=st.booleans())
    def change_lease(self, process: str, room: str, channel: str, is_leased: bool) -> None:
        changed = leases.put_on_lease(process, (room, channel), is_leased=is_leased)
        assert changed == ((room, channel) in self.model)
        if changed:
            stay = Presence.objects.get(room=room, channel_name=channel)
            assert stay.is_leased == is_leased
            assert stay.process == process or not is_leased

    @rule(process=PROCESSES)
    def beat(self, process: str) -> None:
        before = dict(Presence.objects.values_list("id", "last_seen"))
        leases.beat(process)
        seen_at = Process.objects.get(pk=process).seen_at
        for stay in Presence.objects.all():
            covered = stay.is_leased and stay.process == process
            assert stay.last_seen == max(before[stay.pk], seen_at) if covered else before[stay.pk]

    @rule(process=PROCESSES)
    def end_lease(self, process: str) -> None:
        has_lease = Process.objects.filter(pk=process).exists()
        is_used = Presence.objects.filter(process=process, is_leased=True).exists()
        assert leases.end_lease(process) == (has_lease and not is_used)

    @rule(process=PROCESSES)
    def server_dies(self, process: str) -> None:
        for lease in Process.objects.filter(pk=process):
            lost = Presence.objects.filter(process=process).values_list("room_id", "channel_name")
            for key in list(lost):
                del self.model[key]
            died = selections.prune_dead_servers([process], [microseconds(lease.seen_at)], 3600)
            record_select(died, using="default")
            assert leases.end_lease(process)

    @precondition(lambda self: self.atomic is None)
    @rule()
    def begin(self) -> None:
        self.saved = (set(self.rooms), dict(self.model))
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    @precondition(lambda self: self.atomic is not None)
    @rule(commit=st.booleans())
    def end(self, commit: bool) -> None:
        transaction.set_rollback(not commit)
        self.atomic.__exit__(None, None, None)
        self.atomic = None
        if not commit:
            self.rooms, self.model = self.saved

    @rule(room=ROOMS, channel=CHANNELS)
    def leave_with_the_last_sign_of_life(self, room: str, channel: str) -> None:
        for stay in Presence.objects.filter(room=room, channel_name=channel):
            Room.objects.remove(room, channel)
            assert PresenceEvent.objects.get(session=stay.pk, kind="leave").last_seen == stay.last_seen
            del self.model[room, channel]

    @invariant()
    def the_live_tables_are_the_model(self) -> None:
        live = {(p.room_id, p.channel_name): (p.user_id, p.data) for p in Presence.objects.all()}
        assert live == self.model
        assert set(Room.objects.values_list("pk", flat=True)) == self.rooms

    @invariant()
    def the_live_tables_are_the_fold_of_the_log(self) -> None:
        assert_live_is_the_fold()

    @invariant()
    def joins_minus_ends_is_the_number_present(self) -> None:
        events = PresenceEvent.objects.exclude(channel_name=None)
        ends = events.filter(kind__in=["leave", "prune"]).count()
        assert events.filter(kind="join").count() - ends == len(self.model)

    @precondition(lambda self: self.atomic is None)
    @invariant()
    def the_signals_add_up_to_the_model(self) -> None:
        assert self.signalled == set(self.model)

    def teardown(self) -> None:
        presence_changed.disconnect(self.receive)
        if self.atomic is not None:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(600)
def test_model_live_tables_and_log_agree_after_every_step() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        PresenceMachine,
        settings=settings(max_examples=30 * MORE, stateful_step_count=40, deadline=None, derandomize=True),
    )
