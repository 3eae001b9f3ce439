"""Stays without history are forgotten after their end: by the rule of their room, and no others."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from presence_events import sql
from presence_events.exceptions import AlreadyPresent, RoomIsFull, RoomWithoutHistory
from presence_events.models import Erasure, PresenceEvent, SealKey
from presence_events.recorder import Draft, record
from presence_events.seals import reading, verifier
from presence_events.seals.proving import prove
from presence_events.seals.sealing import seal
from presence_events.seals.verifying import verify
from presence_events.segments import holds
from projections._worker.log_maintenance import LogMaintenance
from projections.attendance.reading import attendance
from projections.erasure import erase_person, export_person, forget_stays, forgetting
from projections.final_reports.scheduling import schedule_report
from projections.models import DeadLetter, Presence, PresenceSession, Room
from projections.rosters import marks
from projections.tasks import maintain_log
from tests.fold import assert_live_is_the_fold
from tests.seals import as_attacker, attack

pytestmark = pytest.mark.django_db(transaction=True)

STAYS = "presence_event_stays_first"


@pytest.fixture(autouse=True)
def _rule(settings: Any) -> Iterator[None]:
    settings.CHANNELS_PRESENCE_PRIVACY = {"clinic": {"history": False}}
    yield
    assert_live_is_the_fold()


def forget() -> int:
    return forget_stays("default", min_age=0)


def run(statement: str, params: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def texts() -> str:
    """Returns all that the log and the keys say, as text."""
    rows = run("SELECT e::text FROM presence_event AS e UNION ALL SELECT k.subject FROM presence_seal_key AS k")
    return "\n".join(text for (text,) in rows)


def visit(room: str, channel: str, user: Any) -> None:
    """A stay with data, a touch with data, a touch without, and a leave with a reason."""
    Room.objects.add(room, channel, user, {"secret": "join"})
    Presence.objects.touch(channel, {"secret": "touch"})
    Presence.objects.touch(channel)
    record([Draft("leave", room, channel, data={"reason": "secret"})])


def test_while_it_lasts_a_stay_is_like_any_other(user: Any, other_user: Any) -> None:
    Room.objects.add("clinic", "a", user, {"device": "phone"})
    Room.objects.add("clinic", "b", other_user)
    Room.objects.add("clinic", "a", user, {"device": "ignored, as always"})
    room = Room.objects.get()
    assert set(room.get_users()) == {user, other_user}
    assert Presence.objects.is_online([user]) == {user: True}
    assert Presence.objects.get(channel_name="a").data == {"device": "phone"}
    assert all(presence.pk < 0 for presence in Presence.objects.all())
    assert forget() == 0
    assert set(room.get_users()) == {user, other_user}
    assert Presence.objects.leave_user(user, "banned") == 1


def test_after_its_end_a_stay_says_that_a_connection_was_there_and_no_more(user: Any, other_user: Any) -> None:
    visit("clinic", "a", user)
    visit("clinic", "b", user)
    visit("lobby", "c", other_user)
    Room.objects.add("clinic", "d", user)
    Room.objects.remove("clinic", "d")
    assert forget() == 3
    of_clinic = PresenceEvent.objects.filter(room="clinic")
    assert set(of_clinic.values_list("user_id", flat=True)) == {None}
    assert [each for each in of_clinic.values_list("data", flat=True) if each not in (None, {})] == []
    assert sorted(PresenceEvent.objects.filter(room="lobby").values_list("kind", "user_id")) == sorted(
        (kind, other_user.pk) for kind in ("join", "touch", "touch", "leave")
    )
    assert str(user.pk) not in {line.split(",")[4] for line in texts().splitlines() if "," in line}
    assert forget() == 0
    assert PresenceSession.objects.filter(room="clinic").count() == 3


@pytest.mark.parametrize("seal_before", [True, False], ids=["sealed", "not sealed"])
def test_seals_are_valid_before_and_after_and_the_keys_are_gone(user: Any, seal_before: bool) -> None:
    visit("clinic", "a", user)
    visit("lobby", "b", user)
    Room.objects.add("clinic", "c", user)
    if seal_before:
        seal("default")
        assert verify("default").findings == []
        session = PresenceEvent.objects.filter(channel_name="a").first().session  # type: ignore[union-attr]
        assert f"session:{session}" in set(SealKey.objects.values_list("subject", flat=True))
    assert forget() == 1
    seal("default")
    found = verify("default")
    assert found.findings == []
    assert found.erased == PresenceEvent.objects.exclude(commitment=None).count() == 4
    subjects = set(SealKey.objects.values_list("subject", flat=True))
    assert subjects == {f"user:{user.pk}", f"session:{Presence.objects.get().pk}"}
    assert sum(Erasure.objects.values_list("events", flat=True)) == 4


def test_a_stay_can_be_proved_before_and_after(user: Any) -> None:
    visit("clinic", "a", user)
    seal("default")
    positions = list(PresenceEvent.objects.filter(session__lt=0).values_list("id", flat=True))
    assert len(prove(positions, using="default")["events"]) == 4
    forget()
    assert len(prove(positions, using="default")["events"]) == 4


def test_both_implementations_of_seals_take_the_key_of_the_stay(user: Any) -> None:
    visit("clinic", "a", user)
    visit("lobby", "b", user)
    Room.objects.add("clinic", "c")
    subjects = {int(line.position): line.subject for line in reading.lines(0, 2**62, 20, using="default")}
    for event in PresenceEvent.objects.all():
        values = {"id": event.id, "session": event.session, "user_id": event.user_id, "data": event.data}
        assert subjects[event.id] == verifier.subject_of(values)
    assert len(set(subjects.values())) == 3


def test_another_key_than_that_of_the_person_stands_for_what_is_forgotten(user: Any) -> None:
    """Otherwise who has the keys of all people could find out whose it was."""
    visit("clinic", "a", user)
    visit("lobby", "b", user)
    seal("default")
    forget()
    key_of_person = SealKey.objects.get(subject=f"user:{user.pk}").key
    for event in PresenceEvent.objects.exclude(commitment=None):
        ((with_key,),) = run(
            "SELECT presence_commitment(%s, %s, %s, %s)", [key_of_person, event.id, str(user.pk), '{"secret": "join"}']
        )
        assert with_key != event.commitment


def test_a_stay_that_has_just_ended_is_known_for_as_long_as_signals_and_rosters_need_it(user: Any) -> None:
    visit("clinic", "a", user)
    assert forget_stays("default") == 0
    assert PresenceEvent.objects.filter(user=user).count() == 4
    assert forgetting.MIN_AGE >= marks.MAX_AGE


def test_many_stays_are_forgotten_in_transactions_of_limited_size(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 2)
    for number in range(5):
        visit("clinic", str(number), user)
    assert forget() == 5
    assert Erasure.objects.values("tx").distinct().count() == 3
    assert not PresenceEvent.objects.filter(user=user).exists()


def test_the_rule_of_the_room_when_a_stay_begins_decides(user: Any) -> None:
    with override_settings(CHANNELS_PRESENCE_PRIVACY={}):
        Room.objects.add("clinic", "a", user)
    Room.objects.add("clinic", "a", user)
    Room.objects.remove("clinic", "a")
    Room.objects.add("clinic", "b", user)
    with override_settings(CHANNELS_PRESENCE_PRIVACY={}):
        Room.objects.add("clinic", "b", user)
        Room.objects.remove("clinic", "b")
    assert forget() == 1
    assert set(PresenceEvent.objects.filter(user=user).values_list("channel_name", flat=True)) == {"a"}


def test_limits_work_without_history(user: Any, other_user: Any) -> None:
    Room.objects.add("clinic", "1", user, capacity=1)
    with pytest.raises(RoomIsFull):
        Room.objects.add("clinic", "2", other_user, capacity=1)
    with pytest.raises(AlreadyPresent):
        Room.objects.add("clinic", "2", user, exclusive="oldest")
    Room.objects.add("clinic", "2", user, exclusive="newest")
    Room.objects.add("clinic", "2", other_user, exclusive="newest", capacity=1)
    assert [(one.channel_name, one.user_id, one.pk < 0) for one in Presence.objects.all()] == [
        ("2", other_user.pk, True)
    ]
    assert forget() == 2
    assert Presence.objects.get().user == other_user


def test_a_join_that_its_limits_do_not_allow_ends_no_stay(user: Any, other_user: Any) -> None:
    """The join names the stay that would end for it by its number, whichever of the two have a history."""
    Room.objects.add("clinic", "1", user)
    Room.objects.add("clinic", "2", other_user)
    with pytest.raises(RoomIsFull):
        Room.objects.add("clinic", "1", capacity=1)
    assert {one.channel_name: one.user_id for one in Presence.objects.all()} == {"1": user.pk, "2": other_user.pk}


@pytest.mark.parametrize("users", ["daily", "anonymous"])
def test_with_fewer_users_the_data_and_the_pseudonyms_are_forgotten(settings: Any, user: Any, users: str) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"clinic": {"users": users, "history": False}}
    visit("clinic", "a", user)
    seal("default")
    assert forget() == 1
    assert set(PresenceEvent.objects.values_list("user_id", flat=True)) == {None}
    assert "secret" not in texts()
    assert verify("default").findings == []


def test_drafts_follow_the_rule_too(user: Any) -> None:
    record([Draft("join", "clinic", "a", user), Draft("join", "lobby", "a", user)])
    record([Draft("leave", room, "a", session=Presence.objects.get(room=room).pk) for room in ("clinic", "lobby")])
    assert forget() == 1
    assert set(PresenceEvent.objects.filter(user=user).values_list("room", flat=True)) == {"lobby"}


@pytest.mark.parametrize("day", ["2020-01-01", None])
def test_nothing_is_forgotten_while_a_hold_keeps_it(user: Any, day: Any) -> None:
    visit("clinic", "a", user)
    holds.place("court", day, using="default")
    assert forget() == 0
    assert PresenceEvent.objects.filter(user=user).count() == 4
    holds.release("court", using="default")
    assert forget() == 1


def test_the_baseline_forgets_too(user: Any) -> None:
    Room.objects.add("clinic", "a", user, {"secret": 1})
    session = Presence.objects.get().pk
    attack(
        "INSERT INTO presence_baseline_stay (id, room, channel_name, user_id, joined_at, touched_at, data, is_leased) "
        "SELECT id, room, channel_name, user_id, joined_at, touched_at, data, false FROM presence_open_stay"
    )
    Room.objects.remove("clinic", "a")
    assert forget() == 1
    assert run("SELECT id, user_id, data::text FROM presence_baseline_stay") == [(session, None, "{}")]
    attack("DELETE FROM presence_baseline_stay")


def test_errors_about_forgotten_events_are_removed(user: Any) -> None:
    visit("clinic", "a", user)
    first, last = PresenceEvent.objects.earliest("id").id, PresenceEvent.objects.latest("id").id
    DeadLetter.objects.create(receiver="r", first=first, last=last, tries=3, error="secret")
    forget()
    assert DeadLetter.objects.get().error == ""


def test_a_person_who_is_erased_leaves_no_key_behind(user: Any) -> None:
    visit("clinic", "a", user)
    visit("lobby", "b", user)
    seal("default")
    erase_person(user)
    assert forget() == 0
    assert not SealKey.objects.exists()
    assert verify("default").findings == []


def test_what_is_not_forgotten_yet_is_exported(user: Any, tmp_path: Any) -> None:
    visit("clinic", "a", user)
    export_person(user, tmp_path / "before")
    assert "secret" in (tmp_path / "before" / "person.json").read_text()
    forget()
    export_person(user, tmp_path / "after")
    assert "secret" not in (tmp_path / "after" / "person.json").read_text()


def test_attendance_has_anonymous_connections(user: Any) -> None:
    visit("clinic", "a", user)
    start = PresenceEvent.objects.earliest("id").at
    end = PresenceEvent.objects.latest("id").at
    before = attendance("clinic", start, end)
    forget()
    after = attendance("clinic", start, end)
    assert [one.user_id for one in before.people] == [user.pk]
    assert after.people == ()
    assert after.anonymous is not None
    assert after.anonymous.stays == 1


def test_a_room_without_history_has_no_final_reports() -> None:
    event_time = run("SELECT now()")[0][0]
    with pytest.raises(RoomWithoutHistory):
        schedule_report("clinic", "Weekly", event_time, event_time)


@pytest.mark.parametrize(
    "run_once",
    [
        maintain_log,
        lambda: LogMaintenance("default").work(),
        lambda: call_command("presence_partitions", stdout=io.StringIO(), stderr=io.StringIO()),
    ],
    ids=["Celery", "worker", "command"],
)
def test_the_maintenance_of_the_log_forgets(user: Any, run_once: Any) -> None:
    visit("clinic", "a", user)
    with as_attacker() as cursor:
        cursor.execute(
            "UPDATE presence_event SET since = since - interval '2 h', last_seen = last_seen - interval '2 h', "
            "at = at - interval '2 h'"
        )
        cursor.execute("UPDATE presence_room SET created_at = created_at - interval '2 h'")
    run_once()
    assert not PresenceEvent.objects.filter(user=user).exists()


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {STAYS} SET user_id = NULL WHERE room = 'lobby'",
        f"UPDATE {STAYS} SET user_id = NULL WHERE room = 'clinic'",
        f"UPDATE {STAYS} SET user_id = NULL, data = NULL WHERE room = 'clinic'",
        "DELETE FROM presence_seal_key",
        "DELETE FROM presence_seal_key WHERE subject LIKE 'user:%'",
        "DELETE FROM presence_seal_key WHERE subject LIKE 'session:-%'",
    ],
)
@pytest.mark.parametrize("recorded", [True, False])
def test_nothing_else_is_admitted(user: Any, statement: str, recorded: bool) -> None:
    """Also to the owner of the tables, and in a transaction with a record of an erasure."""
    visit("clinic", "a", user)
    visit("lobby", "b", user)
    seal("default")
    with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
        if recorded:
            run(
                "INSERT INTO presence_erasure (at, tx, operator, segment, events) "
                f"VALUES (transaction_timestamp(), pg_current_xact_id(), '', '{STAYS}', 1)"
            )
        run(statement)


def test_the_schema_of_the_log_may_have_a_name_that_has_to_be_quoted(user: Any) -> None:
    with transaction.atomic():
        run('ALTER SCHEMA public RENAME TO "My ""log"""')
        run('SET LOCAL search_path = "My ""log"""')
        call_command("pgtrigger", "install", verbosity=0)
        run(sql.read("presence_events", "schema/owners_rights").replace("%", "%%"))
        visit("clinic", "a", user)
        assert run("SELECT presence_forget_stays(clock_timestamp(), 10, '')") == [(1,)]
        assert not PresenceEvent.objects.filter(user=user).exists()
        transaction.set_rollback(True)


def test_the_role_of_an_application_forgets_if_it_may(user: Any) -> None:
    visit("clinic", "a", user)
    with transaction.atomic():
        run("CREATE ROLE worker")
        for package in ("presence_events", "projections"):
            run(sql.read(package, "grants/app").replace(':"role"', "worker"))
        run("REVOKE ALL ON FUNCTION presence_forget_stays FROM worker")
        run("SET LOCAL ROLE worker")
        assert forget() == 0
        run("RESET ROLE")
        run("GRANT EXECUTE ON FUNCTION presence_forget_stays TO worker")
        run("SET LOCAL ROLE worker")
        assert forget() == 1
        run("RESET ROLE")
        transaction.set_rollback(True)


def test_a_stay_that_ends_later_is_forgotten_later(user: Any) -> None:
    Room.objects.add("clinic", "a", user)
    Room.objects.add("clinic", "b", user)
    Room.objects.remove("clinic", "a")
    assert forget() == 1
    assert Presence.objects.get().user == user
    Room.objects.remove("clinic", "b")
    assert forget() == 1
    assert not PresenceEvent.objects.filter(user=user).exists()
