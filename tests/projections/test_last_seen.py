"""``last_seen`` is exact in Python and SQL, wherever it is used."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Count, F, Max, Min, OuterRef, Subquery
from django.db.models.functions import Now

from presence_events.exceptions import ProjectionIsDerived
from projections.models import Presence, PresenceSession, Process, Room
from tests.leases import beat, join_leased, put_on_lease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stays(user: Any) -> dict[str, Presence]:
    """Three stays in the order in which they were last seen: by a beat, by a join, by a touch."""
    join_leased("one", "a", "leased")
    Room.objects.add("a", "touched", user)
    beat("one")
    Room.objects.add("b", "joined", user)
    Presence.objects.touch("touched")
    return {stay.channel_name: stay for stay in Presence.objects.all()}


ORDER = ["leased", "joined", "touched"]


def test_it_is_that_of_the_beat_the_join_or_the_touch(stays: dict[str, Presence]) -> None:
    assert stays["leased"].last_seen == Process.objects.get().seen_at > stays["leased"].touched_at
    assert stays["joined"].last_seen == stays["joined"].joined_at
    assert stays["touched"].last_seen == stays["touched"].touched_at > stays["touched"].joined_at


def test_presences_can_be_filtered_and_ordered_by_it(stays: dict[str, Presence]) -> None:
    presences = Presence.objects.order_by("last_seen")
    assert [stay.channel_name for stay in presences] == ORDER
    assert [stay.channel_name for stay in presences.reverse()] == ORDER[::-1]
    for index, name in enumerate(ORDER):
        seen = stays[name].last_seen
        assert list(presences.filter(last_seen__lt=seen).values_list("channel_name", flat=True)) == ORDER[:index]
        assert presences.get(last_seen=seen).channel_name == name
        assert presences.exclude(last_seen__gt=seen).count() == index + 1
    assert presences.filter(last_seen__lte=Now(), last_seen__gt=F("joined_at")).count() == 2
    assert presences.latest("last_seen").channel_name == "touched"
    assert presences.distinct("last_seen").count() == 3


def test_it_can_be_selected_aggregated_and_deferred(stays: dict[str, Presence]) -> None:
    presences = Presence.objects.order_by("last_seen")
    seen = [stays[name].last_seen for name in ORDER]
    assert list(presences.values_list("last_seen", flat=True)) == seen
    assert [row["last_seen"] for row in presences.values("channel_name", "last_seen")] == seen
    assert presences.aggregate(first=Min("last_seen"), last=Max("last_seen")) == {"first": seen[0], "last": seen[-1]}
    by_room = Presence.objects.values("room").annotate(seen=Max("last_seen"), number=Count("id")).order_by("room")
    assert [(row["room"], row["seen"], row["number"]) for row in by_room] == [("a", seen[2], 2), ("b", seen[1], 1)]
    assert [stay.last_seen for stay in presences.defer("last_seen")] == seen
    assert [stay.last_seen for stay in presences.only("last_seen").iterator()] == seen
    assert list(presences.dates("last_seen", "year"))
    beat("one")
    stay = stays["leased"]
    stay.refresh_from_db(fields=["last_seen"])
    assert stay.last_seen == Process.objects.get().seen_at > seen[0]


def test_it_works_through_relations_and_in_subqueries(stays: dict[str, Presence], user: Any) -> None:
    seen = stays["joined"].last_seen
    assert set(Room.objects.filter(presence__last_seen__gt=seen).values_list("pk", flat=True)) == {"a"}
    rooms = Room.objects.annotate(seen=Max("presence__last_seen")).order_by("seen")
    assert [room.pk for room in rooms] == ["b", "a"]
    assert [stay.channel_name for stay in Room.named("a").presence_set.order_by("-last_seen")] == ["touched", "leased"]
    name = Presence._meta.get_field("user").related_query_name()
    users = get_user_model()._default_manager.annotate(seen=Max(f"{name}__last_seen"))
    assert users.get(pk=user.pk).seen == stays["touched"].last_seen
    latest = Presence.objects.filter(room=OuterRef("pk")).order_by("-last_seen").values("last_seen")[:1]
    assert Room.objects.annotate(seen=Subquery(latest)).get(pk="a").seen == stays["touched"].last_seen
    with_rooms = Presence.objects.select_related("room", "user").annotate(number=Count("room__presence"))
    assert with_rooms.get(channel_name="leased").last_seen == stays["leased"].last_seen


def test_it_cannot_be_written(stays: dict[str, Presence]) -> None:
    with pytest.raises(ProjectionIsDerived):
        Presence.objects.update(last_seen=Now())
    with pytest.raises(ProjectionIsDerived):
        Process.objects.update(seen_at=Now())
    with pytest.raises(ProjectionIsDerived):
        Process.objects.all().delete()
    with pytest.raises(ProjectionIsDerived):
        Process.objects.get().delete()
    with pytest.raises(ProjectionIsDerived):
        Process.objects.create(name="x", started_at=Now(), seen_at=Now())
    with pytest.raises(ProjectionIsDerived):
        Process.objects.bulk_create([])


def test_sql_has_the_same_in_both_views(stays: dict[str, Presence]) -> None:
    expected = {(stay.pk, stay.last_seen) for stay in stays.values()}
    with connection.cursor() as cursor:
        for source in (
            "SELECT id, last_seen FROM presence",
            "SELECT session, last_seen FROM presence_session",
            "SELECT session, last_seen FROM presence_at(now())",
            "SELECT stay.id, stay.last_seen FROM presence_open_stay AS stay",
        ):
            cursor.execute(source)
            assert set(cursor.fetchall()) == expected, source
        cursor.execute("SELECT channel_name FROM presence ORDER BY last_seen")
        assert [name for (name,) in cursor.fetchall()] == ORDER
    assert {(stay.session, stay.last_seen) for stay in PresenceSession.objects.all()} == expected


def test_it_never_decreases_when_a_stay_comes_off_its_lease(stays: dict[str, Presence]) -> None:
    before = stays["leased"].last_seen
    put_on_lease("one", ("a", "leased"), is_leased=False)
    after = Presence.objects.get(channel_name="leased").last_seen
    assert after > before
    beat("one")
    assert Presence.objects.get(channel_name="leased").last_seen == after
