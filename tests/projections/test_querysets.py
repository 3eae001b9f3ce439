"""Deleting rooms and presences with Django's methods records events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.references import TO_ROOM, refer_to_room, referring
from tests.sites import Site

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def presences(user: Any) -> None:
    for room, channel, person in [("a", "1", user), ("a", "2", None), ("b", "1", user)]:
        Room.objects.add(room, channel, person)


@pytest.mark.usefixtures("presences")
def test_a_deleted_presence_leaves_with_a_signal(
    user: Any, log: Callable[[], list[str]], signals: list[dict[str, Any]]
) -> None:
    signals.clear()
    presence = Presence.objects.get(room="a", channel_name="1")
    assert presence.delete() == (1, {"projections.Presence": 1})
    assert log()[3:] == ["leave 1 a"]
    (signal,) = signals
    assert (signal["removed"], signal["removed"].user, signal["bulk_change"]) == (presence, user, False)
    assert_live_is_the_fold()


@pytest.mark.usefixtures("presences")
def test_deleting_an_ended_presence_does_not_end_the_next_stay(log: Callable[[], list[str]]) -> None:
    presence = Presence.objects.get(room="a", channel_name="2")
    assert presence.delete() == (1, {"projections.Presence": 1})
    Room.objects.add("a", "2")
    assert presence.delete() == (0, {})
    assert Presence.objects.filter(room="a", channel_name="2").exists()
    assert log()[3:] == ["leave 2 a", "join 2 a"]


@pytest.mark.usefixtures("presences")
def test_deleted_presences_of_a_query_leave(log: Callable[[], list[str]], signals: list[dict[str, Any]]) -> None:
    signals.clear()
    assert Presence.objects.select_related("user").filter(channel_name="1").order_by("-id").delete() == (
        2,
        {"projections.Presence": 2},
    )
    assert log()[3:] == ["leave 1 a", "leave 1 b"]
    assert len(signals) == 2
    assert Room.objects.get(pk="a").presence_set.all().delete() == (1, {"projections.Presence": 1})
    assert_live_is_the_fold()


@pytest.mark.usefixtures("presences")
def test_a_query_that_finds_nothing_records_nothing(log: Callable[[], list[str]]) -> None:
    for query in (Presence.objects.filter(channel_name="x"), Room.objects.filter(pk="x"), Room.objects.none()):
        assert query.delete() == (0, {})
    assert Room(channel_name="nowhere").delete() == (0, {})
    assert len(log()) == 3


@pytest.mark.usefixtures("presences")
def test_a_deleted_room_is_left_by_all_and_pruned(log: Callable[[], list[str]], signals: list[dict[str, Any]]) -> None:
    signals.clear()
    room = Room.objects.get(pk="a")
    assert room.delete() == (3, {"projections.Presence": 2, "projections.Room": 1})
    assert log()[3:] == ["leave 1 a", "leave 2 a", "prune room a"]
    assert [signal["removed"].channel_name for signal in signals] == ["1", "2"]
    assert room.channel_name == "a"
    assert Room.objects.get().channel_name == "b"
    assert_live_is_the_fold()


@pytest.mark.usefixtures("presences")
def test_deleted_rooms_of_a_query_are_left_and_pruned() -> None:
    query = Room.objects.all()
    assert len(query) == 2
    assert query.delete() == (5, {"projections.Presence": 3, "projections.Room": 2})
    assert list(query) == []
    assert_live_is_the_fold()


@pytest.mark.usefixtures("presences")
def test_signals_wait_for_the_commit_and_a_rollback_undoes_all(signals: list[dict[str, Any]]) -> None:
    signals.clear()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert Room.objects.all().delete()[0] == 5
        assert not Room.objects.exists()
        1 / 0  # noqa: B018
    assert (signals, Room.objects.count(), Presence.objects.count()) == ([], 2, 3)
    assert_live_is_the_fold()


async def test_each_deletion_has_a_coroutine_twin() -> None:
    for room, channel in [("a", "1"), ("b", "1"), ("c", "1")]:
        await Room.objects.aadd(room, channel)
    assert await (await Presence.objects.aget(room="a")).adelete() == (1, {"projections.Presence": 1})
    assert await Presence.objects.filter(room="b").adelete() == (1, {"projections.Presence": 1})
    assert await (await Room.objects.aget(pk="a")).adelete() == (1, {"projections.Room": 1})
    assert await Room.objects.filter(pk="c").adelete() == (2, {"projections.Presence": 1, "projections.Room": 1})


@pytest.mark.usefixtures("presences")
@pytest.mark.parametrize(
    "query",
    [
        lambda: Presence.objects.all()[:1],
        lambda: Presence.objects.order_by("room").distinct("room"),
        lambda: Presence.objects.values("id"),
    ],
)
def test_a_query_that_django_does_not_delete_raises_a_type_error(query: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="delete"):
        query().delete()
    assert Presence.objects.count() == 3


@pytest.mark.usefixtures("presences")
def test_a_row_that_refers_without_a_model_prevents_the_deletion() -> None:
    with referring(TO_ROOM):
        refer_to_room("a")
        with pytest.raises(IntegrityError, match="is still referenced"):
            Room.objects.get(pk="a").delete()
    assert Presence.objects.count() == 3
    assert_live_is_the_fold()


CLUB = """
    from django.db import models

    class Message(models.Model):
        room = models.ForeignKey("projections.Room", on_delete=models.CASCADE)

    class Pin(models.Model):
        room = models.ForeignKey("projections.Room", null=True, on_delete=models.SET_NULL)

    class Contract(models.Model):
        room = models.ForeignKey("projections.Room", on_delete=models.PROTECT)

    class Topic(models.Model):
        room = models.ForeignKey("projections.Room", db_constraint=False, on_delete=models.DO_NOTHING)
        fans = models.ManyToManyField("projections.Room", related_name="+")

    class Label(models.Model):
        room = models.ForeignKey("projections.Room", db_constraint=False, on_delete=models.CASCADE)

    class Device(models.Model):
        presence = models.ForeignKey("projections.Presence", on_delete=models.CASCADE)

    class Seat(models.Model):
        presence = models.ForeignKey("projections.Presence", db_constraint=False, on_delete=models.DO_NOTHING)

    class Imported(models.Model):
        room = models.ForeignKey("projections.Room", on_delete=models.DO_NOTHING)
        class Meta:
            managed = False
"""


def test_what_on_delete_says_happens_first_and_checks_say_what_to_declare(site: Site) -> None:
    site.write("club/models.py", CLUB)
    site.configure("club", MIGRATION_MODULES={"club": None})
    printed = site.run("""
        from django.core.checks import run_checks
        from django.core.management import call_command
        from django.db.models import ProtectedError
        call_command("migrate", verbosity=0, skip_checks=True)
        call_command("migrate", verbosity=0, skip_checks=True, run_syncdb=True)
        from club.models import Contract, Device, Message, Pin, Topic
        from presence_events.models import PresenceEvent
        from projections.models import Presence, Room

        for message in run_checks():
            print(message.id, message.obj, message.hint.split(".")[0])
            assert ("Declare the table with through=" in message.hint) is ("_fans" in str(message.obj))
        room = Room.objects.add("lobby", "tab")
        Message.objects.create(room=room)
        pin = Pin.objects.create(room=room)
        topic = Topic.objects.create(room=room)
        contract = Contract.objects.create(room=room)
        Device.objects.create(presence=Presence.objects.get())
        try:
            room.delete()
        except ProtectedError as error:
            assert error.protected_objects == {contract}
        assert (Message.objects.count(), Presence.objects.count(), PresenceEvent.objects.count()) == (1, 1, 1)
        contract.delete()
        assert Presence.objects.get().delete() == (2, {"club.Device": 1, "projections.Presence": 1})
        assert Room.objects.prune_rooms() == 0
        assert room.delete() == (2, {"club.Message": 1, "projections.Room": 1})
        pin.refresh_from_db()
        topic.refresh_from_db()
        assert (pin.room_id, topic.room_id, Room.objects.count()) == (None, "lobby", 0)
        try:
            topic.room
        except Room.DoesNotExist:
            print("topic.room does not exist")
    """)
    assert printed.splitlines() == [
        "projections.W005 club.Message.room If rooms may stay, set on_delete=models",
        "projections.W005 club.Pin.room If rooms may stay, set on_delete=models",
        "projections.W005 club.Topic_fans.room If rooms may stay, set on_delete=models",
        "projections.W006 club.Label.room Set on_delete=models",
        "projections.E007 club.Device.presence Set db_constraint=False and on_delete=models",
        "topic.room does not exist",
    ]


REFERRING = """
    from django.db import models

    class Note(models.Model):
        event = models.ForeignKey("presence_events.PresenceEvent", on_delete=models.CASCADE)

    class Report(models.Model):
        event = models.ForeignKey("presence_events.PresenceEvent", db_constraint=False, on_delete=models.DO_NOTHING)
"""


def test_a_foreign_key_to_the_log_has_no_constraint(site: Site) -> None:
    site.write("club/models.py", REFERRING)
    site.configure("club", MIGRATION_MODULES={"club": None})
    printed = site.run("""
        from django.core.checks import run_checks
        from django.core.management import call_command
        from django.db import ProgrammingError
        for message in run_checks():
            print(message.id, message.obj, message.hint.split(".")[0])
        call_command("migrate", verbosity=0, skip_checks=True)
        try:
            call_command("migrate", verbosity=0, skip_checks=True, run_syncdb=True)
        except ProgrammingError as error:
            print(error)
    """)
    check, error = printed.splitlines()
    assert check == "projections.E008 club.Note.event Set db_constraint=False and on_delete=models"
    assert error == 'there is no unique constraint matching given keys for referenced table "presence_event"'
