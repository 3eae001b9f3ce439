"""A person is erased from the log and from what is kept beside it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection, models, transaction
from django.db.models import Q
from django.db.transaction import TransactionManagementError

from presence_events import pseudonyms, sql, users, validation
from presence_events.exceptions import ErasureNotEnded, InvalidUser, NotErasable, RetentionIsRunning
from presence_events.models import Erasure, ErasureInProgress, PresenceEvent, SealKey, Segment
from presence_events.pseudonyms import is_pseudonym
from presence_events.seals.proving import prove
from presence_events.seals.sealing import seal
from presence_events.seals.verifying import verify
from presence_events.segments import holds
from presence_events.users import display_name
from projections.erasure import aerase_person, erase_person, erasing, erasing_person, export_person, plan
from projections.models import DeadLetter, Presence, PresenceSession, Room
from projections.replay.repair import compare
from tests import retention, segments
from tests.fold import assert_live_is_the_fold
from tests.references import TO_PRESENCE, execute, refer_to_presence, referring
from tests.seals import attack

pytestmark = pytest.mark.django_db(transaction=True)

STAYS, TOUCHES = "presence_event_stays_first", "presence_event_touches_first"


@pytest.fixture(autouse=True)
def _consistent(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    yield
    if "maintained_log" not in request.fixturenames:
        assert_live_is_the_fold()


@pytest.fixture
def history(user: Any, other_user: Any) -> None:
    """Sealed stays of two people, a touch with data, and a leave with a reason."""
    Room.objects.add("room", "a", user, {"secret": 1})
    Room.objects.add("room", "b", other_user, {"own": 1})
    Room.objects.add("room", "c")
    Presence.objects.touch("a", {"secret": 2})
    Presence.objects.leave_user(user, "secret 3")
    seal("default")
    Room.objects.add("hall", "d", user)
    Room.objects.remove("hall", "d")


def texts() -> str:
    """Returns all columns of the log as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, E'\\n' ORDER BY id) FROM presence_event AS e")
        return str(cursor.fetchone()[0])


def test_stays_remain_as_those_of_an_erased_person(history: None, user: Any, other_user: Any) -> None:
    key = user.pk
    before = list(PresenceEvent.objects.order_by("id").values("id", "kind", "room", "session", "at", "tx"))
    assert erase_person(user) == (0, {STAYS: 4, TOUCHES: 1})
    assert list(PresenceEvent.objects.order_by("id").values("id", "kind", "room", "session", "at", "tx")) == before
    assert "secret" not in texts()
    assert not PresenceEvent.objects.filter(user=key).exists()
    stays = list(PresenceSession.objects.filter(room__in=["room", "hall"], channel_name__in="ad"))
    (pseudonym,) = {stay.user_id for stay in stays}
    assert len(stays) == 2
    assert is_pseudonym(pseudonym)
    assert {display_name(stay) for stay in stays} == {"erased person"}
    assert PresenceEvent.objects.filter(user=other_user).get().data == {"own": 1}
    assert not compare("default")


def test_all_seals_stay_valid_and_later_ones_cover_what_was_not_sealed(history: None, user: Any) -> None:
    erase_person(user)
    assert verify("default").findings == []
    seal("default")
    found = verify("default")
    assert (found.findings, found.erased, found.events) == ([], 5, PresenceEvent.objects.count())


def test_the_erasure_is_recorded_and_sealed_without_the_person(history: None, user: Any) -> None:
    erase_person(user)
    records = {record.segment: (record.events, record.by != "") for record in Erasure.objects.all()}
    assert records == {STAYS: (4, True), TOUCHES: (1, True)}
    Room.objects.add("room", "later")
    (last,) = seal("default")
    assert last.seal.erasures.events == 2
    assert not SealKey.objects.filter(subject=f"user:{user.pk}").exists()
    assert not ErasureInProgress.objects.exists()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE presence_erasure SET events = events + 1", "The records of erasures in seal 2 differ"),
        ("DELETE FROM presence_erasure", "Seal 2 has 2 records of erasures, and the database has 0"),
        (
            f"UPDATE {STAYS} SET commitment = repeat('0', 64), user_id = NULL, data = NULL WHERE channel_name = 'b'",
            "has 5 erased events, of which 0 have data. 4 are recorded as erased",
        ),
        (f"UPDATE {STAYS} SET data = '[]' WHERE commitment IS NOT NULL", "of which 4 have data"),
        (f"UPDATE {STAYS} SET commitment = repeat('0', 64) WHERE commitment IS NOT NULL", "differ from the log"),
        (f"UPDATE {STAYS} SET room = 'x' WHERE commitment IS NOT NULL", "differ from the log"),
    ],
)
def test_what_was_changed_beside_an_erasure_is_found(history: None, user: Any, statement: str, expected: str) -> None:
    erase_person(user)
    Room.objects.add("room", "later")
    seal("default")
    attack(statement)
    assert any(expected in finding.text for finding in verify("default").findings)
    attack("DELETE FROM presence_event")
    attack("DELETE FROM presence_open_stay")
    attack("DELETE FROM presence_room")


def test_the_isolation_of_the_role_makes_no_difference(history: None, user: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    try:
        erase_person(user)
        seal("default")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_isolation")
    assert verify("default").findings == []


def test_a_second_run_finds_nothing(history: None, user: Any) -> None:
    erase_person(user)
    before = texts()
    assert erase_person(user) == (0, {})
    assert (texts(), Erasure.objects.count()) == (before, 2)


def test_open_stays_end_first_and_later_joins_are_new_data(user: Any) -> None:
    Room.objects.add("room", "a", user, {"secret": 1})
    seal("default")
    assert erase_person(user.pk).ended == 1
    assert not Presence.objects.exists()
    assert [event.kind for event in PresenceEvent.objects.order_by("id")] == ["join", "leave"]
    Room.objects.add("room", "a", user, {"new": 1})
    seal("default")
    assert Presence.objects.get().user_id == user.pk
    assert verify("default").findings == []
    first = PresenceEvent.objects.order_by("id")[0].user_id
    erase_person(user)
    second = PresenceEvent.objects.order_by("-id")[0].user_id
    assert is_pseudonym(second)
    assert first != second
    assert verify("default").findings == []


def test_a_user_who_was_deleted_can_be_erased(history: None, user: Any) -> None:
    key = user.pk
    user.delete()
    erase_person(key)
    assert not PresenceEvent.objects.filter(user=key).exists()


def test_a_person_without_events_leaves_no_trace(user: Any) -> None:
    assert erase_person(user) == (0, {})
    assert not Erasure.objects.exists()


def test_who_made_others_leave_is_removed_from_their_events(user: Any, other_user: Any) -> None:
    Room.objects.add("room", "a", other_user)
    Room.objects.add("room", "b", None, {"teacher": "Ada"})
    session = Presence.objects.get(channel_name="a").pk
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, session, data) "
            "VALUES ('leave', 'room', 'a', %s, jsonb_build_object('by', 'ada', 'by_user', %s::text))",
            [session, str(user.pk)],
        )
    seal("default")

    def named(user_id: Any, **kwargs: Any) -> Q:
        return Q(data__teacher="Ada")

    erasing_person.connect(named)
    try:
        assert erase_person(user).events == {STAYS: 2}
        assert erase_person(user).events == {}
    finally:
        erasing_person.disconnect(named)
    assert [(event.user_id, event.data) for event in PresenceEvent.objects.filter(kind="leave")] == [
        (other_user.pk, {})
    ]
    assert [event.data for event in PresenceEvent.objects.filter(channel_name="b")] == [{}, {}]
    assert Presence.objects.get().data == {}
    assert_live_is_the_fold()
    assert verify("default").findings == []
    assert erase_person(other_user).events == {STAYS: 2}
    assert verify("default").findings == []


def test_a_receiver_can_stop_the_erasure(history: None, user: Any) -> None:
    def refuse(**kwargs: Any) -> None:
        raise ValueError("not now")

    before = texts()
    erasing_person.connect(refuse)
    try:
        with pytest.raises(ValueError, match="not now"):
            erase_person(user)
    finally:
        erasing_person.disconnect(refuse)
    assert texts() == before


def test_errors_of_dead_letters_about_erased_events_are_removed(history: None, user: Any, other_user: Any) -> None:
    joins = {event.user_id: event.pk for event in PresenceEvent.objects.filter(kind="join", room="room")}
    for key in (user.pk, other_user.pk):
        DeadLetter.objects.create(
            worker="w", receiver="r", first=joins[key], last=joins[key], tries=1, error=f"about {key}"
        )
    erase_person(user)
    assert [letter.error for letter in DeadLetter.objects.order_by("first")] == ["", f"about {other_user.pk}"]


@pytest.mark.parametrize("wrong", [None, AnonymousUser(), "no key of a user \x00", object()])
def test_bad_input_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidUser):
        erase_person(wrong)


def test_a_pseudonym_is_refused(history: None, user: Any) -> None:
    erase_person(user)
    with pytest.raises(NotErasable, match="pseudonym of a person who was erased"):
        erase_person(PresenceSession.objects.filter(channel_name="a").get().user_id)


def test_a_hold_refuses_it_before_anything_is_changed(history: None, user: Any, other_user: Any) -> None:
    before = texts()
    holds.place("case 7", using="default")
    with pytest.raises(NotErasable, match="the hold 'case 7'"):
        erase_person(user)
    assert plan(user, using="default").obstacle == "the hold 'case 7'"
    assert plan(other_user, using="default").obstacle == "the hold 'case 7'"
    assert texts() == before
    holds.release("case 7", using="default")
    assert erase_person(user).events


def test_a_hold_on_later_days_does_not(user: Any, settings: Any, maintained_log: None) -> None:
    Room.objects.add("room", "a", user)
    Room.objects.remove("room", "a")
    end = retention.close_now()
    holds.place("later", end, using="default")
    assert plan(user, using="default").obstacle is None
    assert erase_person(user).events == {STAYS: 2}


def test_a_hold_that_is_placed_meanwhile_is_kept(history: None, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = texts()
    monkeypatch.setattr(erasing, "_require", lambda *args: holds.place("late", using="default"))
    with pytest.raises(DatabaseError, match="is not changed because of the hold 'late'"):
        erase_person(user)
    assert texts() == before


def test_a_presence_that_other_tables_refer_to_stops_it(history: None, user: Any) -> None:
    Room.objects.add("room", "open", user)
    before = texts()
    with referring(TO_PRESENCE):
        refer_to_presence(Presence.objects.get(channel_name="open").pk)
        with pytest.raises(NotErasable, match="refer to 1 presences of the person"):
            erase_person(user)
        assert texts() == before
        assert not ErasureInProgress.objects.exists()
        execute("DELETE FROM reference")
        assert erase_person(user).ended == 1


def test_it_is_refused_in_a_transaction(user: Any) -> None:
    with transaction.atomic(), pytest.raises(TransactionManagementError):
        erase_person(user)


@pytest.mark.parametrize("steps", range(5))
def test_an_interrupted_erasure_continues_with_the_same_pseudonym(
    history: None, user: Any, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """The process ends before each of its transactions in turn."""
    call, calls = sql.rows, 0

    def killed(package: str, name: str, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        if "/erasure/" in name and not name.endswith("key_text"):
            calls += 1
            if calls > steps:
                raise KeyboardInterrupt
        return call(package, name, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(sql, "rows", killed)
        with pytest.raises(KeyboardInterrupt):
            erase_person(user)
    assert verify("default").findings == []
    assert not compare("default")
    if steps:
        with pytest.raises(ErasureNotEnded):
            seal("default")
    erase_person(user)
    assert "secret" not in texts()
    assert len({event.user_id for event in PresenceEvent.objects.exclude(commitment=None)}) == 1
    assert sum(Erasure.objects.values_list("events", flat=True)) == 5
    seal("default")
    assert verify("default").findings == []


def test_only_one_process_erases(history: None, user: Any, other_user: Any) -> None:
    def second(**kwargs: Any) -> None:
        from threading import Thread

        errors: list[Exception] = []

        def run() -> None:
            try:
                erase_person(other_user)
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        thread = Thread(target=run)
        thread.start()
        thread.join(60)
        (error,) = errors
        raise error

    erasing_person.connect(second)
    try:
        with pytest.raises(RetentionIsRunning):
            erase_person(user)
    finally:
        erasing_person.disconnect(second)
    assert erase_person(user).events


def test_joins_while_the_person_is_erased_are_new_data(
    history: None, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One stay is open, and one begins and ends, between the end of the open stays and the erasure of segments."""
    read = erasing.settled_position

    def late(using: str) -> int:
        Room.objects.add("late", "open", user, {"new": 1})
        position = read(using)
        Room.objects.add("late", "short", user, {"new": 2})
        Room.objects.remove("late", "short")
        return position

    monkeypatch.setattr(erasing, "settled_position", late)
    assert erase_person(user).events == {STAYS: 4, TOUCHES: 1}
    assert {event.user_id for event in PresenceEvent.objects.filter(room="late").exclude(channel_name=None)} == {
        user.pk
    }
    assert "secret" not in texts()
    seal("default")
    assert verify("default").findings == []
    monkeypatch.undo()
    assert erase_person(user).events == {STAYS: 5 - 1}
    assert verify("default").findings == []


def test_segments_that_are_closed_and_the_baseline_are_reached(user: Any, settings: Any, maintained_log: None) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = retention.RETENTION
    Room.objects.add("room", "a", user, {"secret": 1})
    Presence.objects.touch("a", {"secret": 2})
    seal("default")
    end = retention.close_now("touches")
    retention.remove(end + 8 * retention.DAY)
    assert segments.names("touches", state="removed") == ["first"]
    assert "secret" in str(retention.baseline())
    assert erase_person(user).ended == 1
    assert "secret" not in str(retention.baseline())
    assert {row.user_id for row in retention.baseline().presences.values()} == {
        PresenceEvent.objects.exclude(commitment=None)[0].user_id
    }
    assert not compare("default")
    assert verify("default").findings == []


def test_the_role_of_the_grant_files_can_erase(user: Any, settings: Any, maintained_log: None) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = retention.RETENTION
    Room.objects.add("room", "a", user, {"secret": 1})
    Presence.objects.touch("a")
    seal("default")
    end = retention.close_now("touches")
    retention.remove(end + 8 * retention.DAY)
    assert "secret" in str(retention.baseline())
    Room.objects.add("room", "b", user)
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE privacy")
        for package, name in (("presence_events", "app"), ("projections", "app"), ("projections", "erasure")):
            cursor.execute(sql.read(package, f"grants/{name}").replace(':"role"', "privacy"))
        cursor.execute(f"GRANT SELECT ON {user._meta.db_table} TO privacy")
        cursor.execute("SET ROLE privacy")
        try:
            assert erase_person(user).ended == 2
            seal("default")
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY privacy")
            cursor.execute("DROP ROLE privacy")
    assert "secret" not in str(retention.baseline())
    assert verify("default").findings == []
    assert not compare("default")


def test_segments_that_are_about_to_be_dropped_are_reached(user: Any, maintained_log: None) -> None:
    Room.objects.add("room", "a", user, {"secret": 1})
    Room.objects.remove("room", "a")
    retention.close_now("stays")
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE presence_event_stays DETACH PARTITION {STAYS}")
        Segment.objects.filter(name=STAYS).update(state=Segment.State.LEAVING)
        Segment.objects.create(name="presence_event_stays_dropped", part="stays", state=Segment.State.LEAVING)
        assert erase_person(user).events == {STAYS: 2}
        cursor.execute(f"SELECT count(*) FROM {STAYS} WHERE commitment IS NOT NULL AND user_id IS NOT NULL")
        assert cursor.fetchone() == (2,)


def test_the_stay_of_an_erased_person_can_be_proved(history: None, user: Any) -> None:
    erase_person(user)
    position = PresenceEvent.objects.order_by("id")[0].pk
    ((proved),) = prove([position], using="default")["events"]
    assert proved["commitment"] == PresenceEvent.objects.get(pk=position).commitment
    assert (proved["personal"], proved["key"]) == ("", None)


async def test_a_coroutine_can_erase(transactional_db: None, django_user_model: Any) -> None:
    user = await django_user_model.objects.acreate(username="ada")
    await Room.objects.aadd("room", "a", user)
    assert (await aerase_person(user)).ended == 1
    assert not await PresenceEvent.objects.filter(user=user).aexists()


@pytest.mark.parametrize(
    ("field", "check"),
    [
        (models.AutoField(), lambda key: -(2**31) < key < 0),
        (models.SmallIntegerField(), lambda key: -(2**15) < key < 0),
        (models.BigAutoField(), lambda key: -(2**63) < key < 0),
        (models.PositiveBigIntegerField(), lambda key: -(2**63) < key < 0),
        (models.UUIDField(), lambda key: isinstance(key, uuid.UUID)),
        (models.TextField(), lambda key: len(key) == 39),
        (models.CharField(max_length=20), lambda key: len(key) == 20),
    ],
)
def test_a_pseudonym_has_the_type_of_the_key(
    field: Any, check: Callable[[Any], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "user_field", lambda: field)
    keys = {pseudonyms._random("default") for _ in range(20)}
    assert len(keys) == 20
    assert all(map(is_pseudonym, keys))
    assert all(map(check, keys))


@pytest.mark.parametrize("field", [models.BinaryField(), models.CharField(max_length=10), models.DateField()])
def test_other_types_have_none(field: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "user_field", lambda: field)
    with pytest.raises(NotErasable, match="have no pseudonyms"):
        pseudonyms._random("default")


def test_a_pseudonym_is_new(history: None, user: Any, other_user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    erase_person(user)
    taken = PresenceSession.objects.filter(channel_name="a").get().user_id
    free = pseudonyms._random("default")
    drawn = iter([taken, other_user.pk, free])
    monkeypatch.setattr(pseudonyms, "_random", lambda using: next(drawn))
    assert pseudonyms.new_pseudonym("default") == free


@pytest.mark.parametrize("key", [1, 0, -1, None, "ada", uuid.UUID(int=1), uuid.uuid4()])
def test_a_key_of_a_user_is_no_pseudonym(key: Any) -> None:
    assert not is_pseudonym(key)


def test_the_pseudonym_of_today_is_erased_and_exported_too(
    history: None, user: Any, other_user: Any, settings: Any, tmp_path: Path
) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"hall": {"users": "daily"}}
    Room.objects.add("hall", "e", user, {"secret": 4})
    Room.objects.add("hall", "f", other_user)
    (daily,) = Presence.objects.filter(channel_name="e").values_list("user_id", flat=True)
    seal("default")
    assert export_person(user, tmp_path)["events"] == 6
    erase_person(user)
    assert str(daily) not in texts()
    assert "secret" not in texts()
    assert verify("default").findings == []
    assert set(export_person(user, tmp_path).values()) == {0}


def test_a_person_whose_key_has_no_pseudonyms_is_erased(
    history: None, user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"hall": {"users": "daily"}}
    key = user.pk if isinstance(user.pk, uuid.UUID) else 2**31 - 1
    monkeypatch.setattr(users, "user_key_type", lambda using: "text::smallint")
    assert erase_person(key).events == ({STAYS: 4, TOUCHES: 1} if key == user.pk else {})
