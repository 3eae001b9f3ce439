"""Queries for closed stays and open stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group
from django.core.exceptions import ObjectDoesNotExist
from django.db import Error, connection, connections, transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, Sum
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from presence_events.exceptions import InvalidMoment, InvalidRoomName, InvalidUser, LogIsAppendOnly
from presence_events.models import PresenceEvent
from projections.models import Presence, PresenceSession, Room
from tests import backdating
from tests.time import age_presences

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db

stays = PresenceSession.objects


def channels(found: Any) -> list[str]:
    return [stay.channel_name for stay in found]


@pytest.fixture
def history(user: Any, other_user: Any) -> None:
    """Ada in two tabs and two rooms, Grace pruned, a guest still present, and the lobby pruned since."""
    backdating.write(
        backdating.Stay("lobby", "ada-1", user, NOON, NOON + HOUR, last_seen=NOON + HOUR / 2, data={"device": "phone"}),
        backdating.Stay("lobby", "ada-2", user, NOON + 10 * MINUTE, NOON + 20 * MINUTE, reason={"why": "tab closed"}),
        backdating.Stay("lobby", "grace", other_user, NOON + 15 * MINUTE, NOON + 2 * HOUR, "prune", NOON + HOUR),
        backdating.Stay("hall", "ada-1", user, NOON + 3 * HOUR),
        backdating.Stay("hall", "guest", None, NOON + 4 * HOUR, last_seen=NOON + 5 * HOUR),
        backdating.RoomPruned("lobby", NOON + 6 * HOUR),
    )


class TestEveryQuery:
    """For any stays, a query returns what a loop over them finds."""

    # The magnitudes by which stays are indexed, and one microsecond less and more.
    LENGTHS = sorted(
        {timedelta(seconds=8**power) + around * INSTANT for power in range(10) for around in (-1, 0, 1)}
        | {timedelta(), INSTANT, 3 * SECOND, HOUR, timedelta(days=1)}
    )
    START = datetime(2015, 1, 1, tzinfo=UTC)

    @staticmethod
    def overlaps(stay: backdating.Stay, start: datetime, end: datetime) -> bool:
        return stay.joined < end and (stay.left is None or stay.left > start)

    @hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_the_result_is_right_for_any_order_of_methods(
        self, data: st.DataObject, user: Any, other_user: Any
    ) -> None:
        people = [None, user, other_user]
        history = [
            backdating.Stay(
                room, str(number), people[person], self.START + begins, lasts and self.START + begins + lasts
            )
            for number, (room, person, begins, lasts) in enumerate(
                data.draw(
                    st.lists(
                        st.tuples(
                            st.sampled_from(["one", "two"]),
                            st.integers(0, 2),
                            st.sampled_from(self.LENGTHS),
                            st.none() | st.sampled_from(self.LENGTHS[1:]),
                        ),
                        min_size=1,
                        max_size=8,
                    )
                )
            )
        ]
        marks = [mark for stay in history for mark in (stay.joined, stay.left) if mark]
        moments = st.builds(
            lambda mark, around: mark + around,
            st.sampled_from(marks),
            st.sampled_from([-INSTANT, INSTANT * 0, INSTANT]),
        )
        moment, start, span = data.draw(moments), data.draw(moments), data.draw(st.sampled_from(self.LENGTHS[1:]))
        methods: dict[str, tuple[Callable[[Any], Any], Callable[[backdating.Stay], bool]]] = {
            "at": (lambda found: found.at(moment), lambda stay: self.overlaps(stay, moment, moment + INSTANT)),
            "during": (
                lambda found: found.during(start, start + span),
                lambda stay: self.overlaps(stay, start, start + span),
            ),
            "in_room": (lambda found: found.in_room("one"), lambda stay: stay.room == "one"),
            "of_user": (lambda found: found.of_user(user), lambda stay: stay.user == user),
        }
        chosen = data.draw(st.lists(st.sampled_from(sorted(methods)), unique=True))
        with transaction.atomic():
            backdating.write(*history)
            found: Any = stays.all()
            for method in chosen:
                found = methods[method][0](found)
            expected = {stay.channel for stay in history if all(methods[method][1](stay) for method in chosen)}
            assert {stay.channel_name for stay in found} == expected
            transaction.set_rollback(True)

    @pytest.mark.parametrize("length", LENGTHS[1:], ids=str)
    def test_a_stay_of_any_length_is_half_open(self, length: timedelta) -> None:
        joined, left = self.START, self.START + length
        backdating.write(backdating.Stay("room", "channel", None, joined, left))
        for moment in (joined, joined + length / 2, left - INSTANT):
            assert stays.at(moment).exists()
            assert stays.during(moment, moment + INSTANT).exists()
        for moment in (joined - INSTANT, left, left + INSTANT):
            assert not stays.at(moment).exists()
            assert not stays.during(moment, moment + INSTANT).exists()
        assert stays.during(joined - HOUR, left + HOUR).exists()
        assert not stays.during(joined - HOUR, joined).exists()

    def test_a_stay_without_duration_is_in_spans_around_it_and_at_no_moment(self) -> None:
        backdating.write(backdating.Stay("room", "channel", None, NOON, NOON))
        assert not stays.at(NOON).exists()
        assert not stays.during(NOON, NOON + SECOND).exists()
        assert stays.during(NOON - INSTANT, NOON + INSTANT).exists()

    def test_an_open_stay_is_present_at_every_moment_since_its_join(self) -> None:
        backdating.write(backdating.Stay("room", "channel", None, NOON))
        assert not stays.at(NOON - INSTANT).exists()
        assert not stays.during(NOON - HOUR, NOON).exists()
        assert stays.at(NOON).exists()
        assert stays.during(NOON - HOUR, NOON + INSTANT).exists()
        assert stays.at(timezone.now()).exists()


@pytest.mark.usefixtures("history")
class TestTogether:
    def test_stays_are_ordered_by_their_join(self) -> None:
        assert channels(stays.all()) == ["ada-1", "ada-2", "grace", "ada-1", "guest"]

    def test_at_returns_the_stays_at_a_moment(self) -> None:
        assert channels(stays.at(NOON + 15 * MINUTE)) == ["ada-1", "ada-2", "grace"]
        assert channels(stays.at(NOON + 20 * MINUTE)) == ["ada-1", "grace"]
        assert channels(stays.at(NOON + 2 * HOUR)) == []

    def test_during_returns_the_stays_that_overlap_a_span(self) -> None:
        assert channels(stays.during(NOON + 20 * MINUTE, NOON + HOUR)) == ["ada-1", "grace"]
        assert channels(stays.during(NOON - HOUR, NOON)) == []

    def test_the_order_of_methods_does_not_matter(self, user: Any) -> None:
        steps = [
            lambda found: found.at(NOON + 12 * MINUTE),
            lambda found: found.during(NOON, NOON + HOUR),
            lambda found: found.in_room("lobby"),
            lambda found: found.of_user(user),
            lambda found: found.filter(left_at__lt=NOON + HOUR),
        ]
        for order in permutations(steps):
            found: Any = stays
            for step in order:
                found = step(found)
            assert channels(found) == ["ada-2"]

    def test_a_repeated_method_narrows_again(self) -> None:
        assert channels(stays.at(NOON + 12 * MINUTE).at(NOON + 30 * MINUTE)) == ["ada-1"]
        assert channels(stays.in_room("lobby").in_room("hall")) == []

    def test_a_pruned_room_keeps_its_stays(self) -> None:
        assert not Room.objects.filter(pk="lobby").exists()
        assert channels(stays.in_room("lobby")) == ["ada-1", "ada-2", "grace"]
        assert channels(stays.in_room("lobby").at(NOON)) == ["ada-1"]

    def test_a_room_may_be_given_as_an_instance(self) -> None:
        hall = Room.objects.get(pk="hall")
        assert channels(stays.in_room(hall)) == ["ada-1", "guest"]
        assert channels(stays.in_room(Room(channel_name="lobby")).at(NOON)) == ["ada-1"]

    def test_of_user_returns_the_stays_of_every_tab_and_room(self, user: Any, other_user: Any) -> None:
        assert channels(stays.of_user(user)) == ["ada-1", "ada-2", "ada-1"]
        assert channels(stays.of_user(user.pk)) == ["ada-1", "ada-2", "ada-1"]
        assert channels(stays.of_user(str(other_user.pk))) == ["grace"]
        assert channels(stays.of_user(SimpleLazyObject(lambda: user)).in_room("hall")) == ["ada-1"]
        assert channels(stays.filter(user=None)) == ["guest"]

    def test_a_deleted_user_keeps_their_stays(self, user: Any) -> None:
        key = user.pk
        user.delete()
        assert channels(stays.of_user(key)) == ["ada-1", "ada-2", "ada-1"]
        here = stays.of_user(key).get(room="hall")
        assert (here.user_id, here.ended_by, here.reason) == (key, "leave", {"reason": "user deleted"})
        with pytest.raises(ObjectDoesNotExist):
            _ = here.user
        assert [stay.user for stay in stays.in_room("hall").select_related("user")] == [None, None]
        assert len(stays.of_user(key).select_related("user")) == stays.of_user(key).count() > 0

    def test_unknown_users_and_rooms_have_no_stays(self, django_user_model: Any) -> None:
        key = uuid4() if django_user_model._meta.pk.get_internal_type() == "UUIDField" else 987_654_321
        assert not stays.of_user(key).exists()
        assert not stays.of_user(key).at(NOON).exists()
        assert not stays.in_room("nowhere").exists()
        assert not stays.in_room("nowhere").during(NOON, NOON + HOUR).exists()


@pytest.mark.usefixtures("history")
class TestFields:
    def test_a_stay_that_ended_by_a_leave(self) -> None:
        stay = stays.get(channel_name="ada-2")
        event = PresenceEvent.objects.get(kind="leave", channel_name="ada-2")
        assert (stay.pk, stay.session, stay.room, str(stay)) == (event.session, stay.pk, "lobby", "ada-2 in lobby")
        assert (stay.joined_at, stay.left_at) == (NOON + 10 * MINUTE, NOON + 20 * MINUTE)
        assert (stay.last_seen, stay.duration) == (stay.joined_at, 10 * MINUTE)
        assert (stay.is_open, stay.ended_by) == (False, PresenceSession.End.LEAVE)
        assert stay.reason == {"why": "tab closed"}

    def test_a_stay_that_ended_by_a_prune(self) -> None:
        stay = stays.get(ended_by="prune")
        assert (stay.channel_name, stay.ended_by) == ("grace", PresenceSession.End.PRUNE)
        assert (stay.last_seen, stay.left_at) == (NOON + HOUR, NOON + 2 * HOUR)
        assert stay.duration == HOUR + 45 * MINUTE
        assert stay.reason is None

    def test_an_open_stay_has_no_end(self) -> None:
        stay = stays.get(channel_name="guest")
        assert stay.pk == Presence.objects.get(channel_name="guest").pk
        assert (stay.is_open, stay.left_at, stay.ended_by, stay.reason) == (True, None, None, None)
        assert (stay.joined_at, stay.last_seen, stay.user) == (NOON + 4 * HOUR, NOON + 5 * HOUR, None)

    def test_the_data_of_a_connection_is_not_the_reason(self) -> None:
        assert stays.get(channel_name="ada-1", room="lobby").reason is None

    def test_the_duration_of_an_open_stay_grows(self) -> None:
        def duration() -> timedelta:
            return stays.get(channel_name="guest").duration

        before = timezone.now()
        one, other = duration(), duration()
        assert before - (NOON + 4 * HOUR) - SECOND <= one < other <= timezone.now() - (NOON + 4 * HOUR) + SECOND


class TestRecordedStays:
    """Stays that are recorded with the managers, while they are open and after their end."""

    def test_a_stay_keeps_its_number_when_it_ends(self, user: Any) -> None:
        Room.objects.add("room", "channel", user, {"device": "phone"})
        here = stays.get()
        assert (here.user, here.is_open, here.last_seen) == (user, True, here.joined_at)
        Presence.objects.touch("channel")
        seen = stays.get().last_seen
        assert seen > here.joined_at
        Room.objects.remove("room", "channel")
        closed = stays.get()
        assert (closed.pk, closed.user, closed.joined_at) == (here.pk, user, here.joined_at)
        assert (closed.is_open, closed.last_seen, closed.ended_by) == (False, seen, "leave")
        assert closed.left_at is not None
        assert closed.duration == closed.left_at - closed.joined_at

    def test_a_prune_ends_a_stay_later_than_its_last_sign_of_life(self) -> None:
        Room.objects.add("room", "channel")
        age_presences("channel", seconds=90)
        Room.objects.prune_presences(60)
        Room.objects.prune_rooms()
        stay = stays.get()
        assert stay.ended_by == "prune"
        assert stay.left_at is not None
        assert stay.left_at - stay.last_seen >= 90 * SECOND
        assert stay.duration >= 90 * SECOND

    def test_leaving_and_joining_again_makes_two_stays(self, user: Any) -> None:
        for _ in range(2):
            Room.objects.add("room", "channel", user)
            Presence.objects.leave_user(user, reason="banned")
        first, second = stays.of_user(user)
        assert first.pk != second.pk
        assert first.left_at is not None
        assert first.left_at <= second.joined_at
        assert first.reason == second.reason == {"reason": "banned"}

    def test_the_prune_of_a_room_is_not_a_stay(self) -> None:
        Room.objects.add("room", "channel")
        Room.objects.remove("room", "channel")
        Room.objects.prune_rooms()
        assert stays.get().channel_name == "channel"


@pytest.mark.usefixtures("history")
class TestDjangosQuerySetMethods:
    def test_select_related_fetches_users_in_one_query(self, user: Any, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            names = [stay.user and stay.user.get_username() for stay in stays.select_related("user")]
        assert names == ["ada", "ada", "grace", "ada", None]

    def test_users_may_come_from_an_outer_query(self, user: Any, django_user_model: Any) -> None:
        here = stays.of_user(OuterRef("pk")).at(NOON)
        found = django_user_model.objects.filter(Exists(here))
        assert set(found) == {stay.user for stay in stays.at(NOON).exclude(user=None)} != set()

    def test_it_filters_by_fields_of_the_user(self) -> None:
        assert channels(stays.filter(user__username="grace")) == ["grace"]
        assert channels(stays.at(NOON + 15 * MINUTE).exclude(user__username="ada")) == ["grace"]

    def test_it_filters_by_every_field(self) -> None:
        assert channels(stays.filter(is_open=True)) == ["ada-1", "guest"]
        assert channels(stays.filter(left_at=None)) == ["ada-1", "guest"]
        assert channels(stays.filter(ended_by=PresenceSession.End.PRUNE)) == ["grace"]
        assert channels(stays.filter(reason__why="tab closed")) == ["ada-2"]
        assert channels(stays.filter(duration__lt=timedelta(hours=1), is_open=False)) == ["ada-2"]
        assert channels(stays.filter(last_seen__gt=NOON + HOUR)) == ["ada-1", "guest"]
        assert channels(stays.filter(Q(room="hall") | Q(channel_name="grace"))) == ["grace", "ada-1", "guest"]

    def test_it_counts_sums_and_groups(self, user: Any) -> None:
        assert stays.in_room("lobby").count() == 3
        assert stays.filter(is_open=False).aggregate(Sum("duration"), Max("left_at")) == {
            "duration__sum": 2 * HOUR + 55 * MINUTE,
            "left_at__max": NOON + 2 * HOUR,
        }
        tabs = stays.at(NOON + 12 * MINUTE).order_by().values("user").annotate(tabs=Count("channel_name"))
        assert list(tabs) == [{"user": user.pk, "tabs": 2}]
        assert set(stays.values_list("room", flat=True).order_by().distinct()) == {"lobby", "hall"}

    def test_it_sorts_and_slices(self) -> None:
        assert channels(stays.order_by("-joined_at")[:2]) == ["guest", "ada-1"]
        assert channels(stays.order_by("duration", "session").filter(room="lobby")[1:2]) == ["ada-1"]
        assert stays.earliest("joined_at").joined_at == NOON
        last = stays.last()
        assert last is not None
        assert last.channel_name == "guest"

    def test_a_stay_is_fetched_by_its_number(self) -> None:
        stay = stays.get(channel_name="grace")
        assert stays.get(pk=stay.pk) == stay
        assert stays.in_bulk([stay.pk]) == {stay.pk: stay}
        stay.refresh_from_db()
        assert stay.channel_name == "grace"

    def test_it_can_be_part_of_another_query(self, user: Any) -> None:
        present = stays.at(NOON).values("user_id")
        assert [found.pk for found in get_user_model()._default_manager.filter(pk__in=present)] == [user.pk]


@pytest.mark.django_db(transaction=True)
async def test_coroutines_can_query_it(django_user_model: Any) -> None:
    ada = await django_user_model.objects.acreate(username="ada")
    await Room.objects.aadd("room", "one", ada)
    await Room.objects.aadd("room", "two")
    now = timezone.now()
    assert [stay.channel_name async for stay in stays.in_room("room").at(now)] == ["one", "two"]
    assert await stays.of_user(ada).acount() == 1
    assert (await stays.of_user(ada).aget()).channel_name == "one"
    assert await stays.during(now - HOUR, now).aexists()
    last = await stays.alast()
    assert last is not None
    assert last.channel_name == "two"
    with pytest.raises(LogIsAppendOnly):
        await last.asave()
    with pytest.raises(LogIsAppendOnly):
        await last.adelete()


@pytest.mark.usefixtures("history")
class TestReadOnly:
    def test_a_stay_cannot_be_saved_or_deleted(self) -> None:
        stay = stays.all()[0]
        refused: list[Callable[[], Any]] = [
            stay.save,
            stay.delete,
            PresenceSession(session=1).save,
            lambda: stays.create(session=1),
            lambda: stays.get_or_create(session=0),
            lambda: stays.update_or_create(session=stay.session, defaults={"room": "other"}),
            lambda: stays.update(room="other"),
            lambda: stays.at(NOON).update(room="other"),
            lambda: stays.at(NOON).delete(),
            lambda: stays.bulk_create([PresenceSession(session=1)]),
            lambda: stays.bulk_update([*stays.all()], ["room"]),
        ]
        for change in refused:
            with pytest.raises(LogIsAppendOnly, match=r"Room\.objects\.add\(.*Room\.objects\.remove\("):
                change()
        assert not hasattr(stays, "delete")
        assert stays.count() == 5

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE presence_session SET room = 'other'",
            "DELETE FROM presence_session",
            "INSERT INTO presence_session (session) VALUES (1)",
        ],
    )
    def test_the_database_refuses_changes_that_bypass_the_models(self, statement: str) -> None:
        with pytest.raises(Error, match="presence_session"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert stays.count() == 5


class TestInvalidInput:
    @pytest.mark.parametrize(
        "moment",
        [None, "2026-03-01T12:00", date(2026, 3, 1), 1_772_366_400, NOON.replace(tzinfo=None)],
        ids=["nothing", "text", "date", "number", "naive"],
    )
    def test_a_value_that_is_not_a_moment_is_refused(self, moment: Any) -> None:
        for query in (stays.at, lambda start: stays.during(start, NOON), lambda end: stays.during(NOON, end)):
            with pytest.raises(InvalidMoment):
                query(moment)

    def test_a_naive_moment_is_refused_with_advice(self) -> None:
        with pytest.raises(InvalidMoment, match=r"2026-03-01T12:00:00 has no time zone: .*make_aware"):
            stays.at(NOON.replace(tzinfo=None))

    def test_a_moment_in_the_future_is_refused(self) -> None:
        soon = timezone.now() + 61 * SECOND
        for query in (lambda: stays.at(soon), lambda: stays.during(soon, soon + HOUR)):
            with pytest.raises(InvalidMoment, match="is in the future"):
                query()

    def test_a_clock_that_is_a_little_ahead_counts_as_now(self) -> None:
        backdating.write(backdating.Stay("room", "channel", None, NOON))
        ahead = timezone.now() + 50 * SECOND
        assert stays.at(ahead).exists()
        assert stays.during(ahead, ahead + HOUR).exists()

    def test_a_span_may_end_in_the_future(self) -> None:
        backdating.write(
            backdating.Stay("room", "here", None, NOON),
            backdating.Stay("room", "gone", None, NOON, timezone.now() - 2 * HOUR),
        )
        now = timezone.now()
        assert channels(stays.during(now - HOUR, now + 24 * HOUR)) == ["here"]
        assert channels(stays.during(NOON, datetime.max.replace(tzinfo=UTC))) == ["here", "gone"]

    @pytest.mark.parametrize("end", [NOON, NOON - INSTANT, NOON.astimezone(ZoneInfo("Asia/Tokyo"))])
    def test_a_span_ends_after_it_starts(self, end: datetime) -> None:
        with pytest.raises(InvalidMoment, match=r"does not come after 2026-03-01T12:00:00\+00:00"):
            stays.during(NOON, end)

    def test_the_earliest_datetime_is_accepted(self) -> None:
        assert not stays.at(datetime.min.replace(tzinfo=UTC)).exists()

    @pytest.mark.parametrize("name", ["", "x" * 256, "é" * 128, "a\0b", "\ud800", None, 1])
    def test_an_invalid_room_name_is_refused(self, name: Any) -> None:
        with pytest.raises(InvalidRoomName):
            stays.in_room(name)

    @pytest.mark.parametrize("name", ["the lobby", " lobby\n", "x" * 255, "é", "a'; --"])
    def test_a_room_that_only_plain_sql_can_make_is_found(self, name: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', %s, 'c')", [name])
        assert channels(stays.in_room(name)) == ["c"]

    @pytest.mark.parametrize(
        "anonymous", [None, AnonymousUser(), SimpleLazyObject(AnonymousUser)], ids=["None", "anonymous", "lazy"]
    )
    def test_anonymous_users_have_no_stays_of_their_own(self, anonymous: Any) -> None:
        with pytest.raises(InvalidUser, match=r"filter by user=None\.") as error:
            stays.of_user(anonymous)
        assert str(error.value) == (
            "Pass a saved instance of AUTH_USER_MODEL as the user. "
            "To find the stays of anonymous connections, filter by user=None."
        )

    @pytest.mark.parametrize("key", ["ada", "", 1.5j, []], ids=repr)
    def test_a_value_that_cannot_be_a_primary_key_is_refused(self, key: Any) -> None:
        with pytest.raises(InvalidUser, match="is not the primary key of a user"):
            stays.of_user(key)

    def test_unsaved_users_and_other_models_are_refused(self, django_user_model: Any, user: Any) -> None:
        user.delete()
        for unsaved in (django_user_model(pk=None), user):
            with pytest.raises(InvalidUser, match="save it first"):
                stays.of_user(unsaved)
        with pytest.raises(InvalidUser):
            stays.of_user(Group(pk=1))


class TestWithoutTimeZones:
    @pytest.fixture(autouse=True)
    def _naive(self, settings: Any) -> None:
        backdating.write(backdating.Stay("room", "channel", None, NOON, NOON + HOUR))
        settings.TIME_ZONE = "Asia/Tokyo"
        settings.USE_TZ = False

    def test_naive_times_are_in_the_time_zone_of_the_site(self) -> None:
        nine = datetime(2026, 3, 1, 21)
        (stay,) = stays.at(nine)
        assert (stay.joined_at, stay.left_at) == (nine, nine + HOUR)
        assert stays.during(nine + HOUR - INSTANT, nine + 2 * HOUR).exists()
        assert not stays.at(nine - INSTANT).exists()
        assert not stays.during(nine + HOUR, nine + 2 * HOUR).exists()

    def test_aware_times_are_accepted(self) -> None:
        assert stays.at(NOON).exists()
        assert not stays.at(NOON + HOUR).exists()
        assert stays.during(NOON + HOUR / 2, NOON + HOUR).exists()

    def test_a_naive_moment_in_the_future_is_refused(self) -> None:
        with pytest.raises(InvalidMoment, match="in the future"):
            stays.at(datetime.now() + 2 * MINUTE)
        assert not stays.at(datetime.now()).exists()


@pytest.fixture
def other_alias() -> Iterator[str]:
    """Another alias of the database."""
    wrapper: Any = connection.copy("other_alias")
    connections["other_alias"] = wrapper
    with closing(wrapper):
        yield "other_alias"
    del connections["other_alias"]


@pytest.mark.django_db(transaction=True)
def test_it_queries_the_given_database(other_alias: str, user: Any, django_assert_num_queries: Any) -> None:
    Room.objects.add("room", "channel", user)
    now = timezone.now()
    with django_assert_num_queries(0, connection=connection):
        queryset = stays.using(other_alias).in_room("room").of_user(user).at(now).during(now - HOUR, now)
        (stay,) = queryset
        assert (queryset.count(), stay._state.db, stay.user) == (1, other_alias, user)
        assert stays.db_manager(other_alias).at(now).get() == stay
