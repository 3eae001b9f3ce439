"""The command that folds the log again."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from presence_events.models import PresenceEvent
from projections._delivery import dispatch
from projections.management.commands import replay_presence
from projections.models import Presence, Room
from projections.replay import repair as repairing
from projections.signals import presence_changed, presence_updated
from tests.concurrency.conftest import Session, sessions
from tests.fold import live
from tests.past import Stay, write
from tests.projections.replay.test_repair import history, tamper

__all__ = ["sessions"]

pytestmark = pytest.mark.django_db(transaction=True)

FINE = "Rooms and presences are what the log says.\n"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("replay_presence", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.parametrize("how", [(), ("--check",), ("--dry-run",), ("--room", "a"), ("--database", "default")])
def test_says_that_all_is_well_where_it_is(user: Any, how: tuple[str, ...]) -> None:
    history(user)
    assert run(*how) == FINE


def test_makes_the_tables_what_the_log_says_and_tells_what_it_did(user: Any) -> None:
    history(user)
    right = live()
    tamper("UPDATE presence SET data = '1' WHERE room = 'b'", "DELETE FROM presence WHERE room = 'gone'")
    stays = {stay.room_id: stay.pk for stay in Presence.objects.all()}
    lost = PresenceEvent.objects.filter(kind="join", room="gone").latest("id").session
    lines = run().splitlines()
    assert lines[0] == f"presence {stays['b']}: data is 1 instead of {{'device': 'laptop'}}"
    assert lines[1].startswith(f"presence {lost} is missing: {{'id': {lost}, 'room': 'gone', 'channel_name': '4', ")
    assert re.fullmatch(r"2 rows changed; appends waited for at most 0\.\d\d\d s\.", lines[2])
    assert live() == right


def test_a_check_that_finds_something_exits_with_1_and_changes_nothing(
    user: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    history(user)
    tamper("DELETE FROM presence")
    wrong = live()
    with pytest.raises(SystemExit) as error:
        call_command("replay_presence", "--check")
    assert error.value.code == 1
    out = capsys.readouterr().out
    assert out.count(" is missing: ") == 4
    assert out.endswith("4 rows are not what the log says.\n")
    assert live() == wrong


def test_a_dry_run_tells_and_changes_nothing(user: Any) -> None:
    history(user)
    tamper("DELETE FROM presence")
    wrong = live()
    assert run("--dry-run").endswith("4 rows are not what the log says.\n")
    assert live() == wrong


def test_prints_the_state_after_a_position(user: Any) -> None:
    history(user)
    position = PresenceEvent.objects.get(kind="join", room="b").id
    rows = list(csv.DictReader(StringIO(run("--until", str(position)))))
    assert [(row["room"], row["channel_name"], row["data"]) for row in rows] == [
        ("a", "1", '{"device": "phone"}'),
        ("a", "2", "here"),
        ("b", "1", ""),
    ]
    join = PresenceEvent.objects.get(kind="join", room="b")
    assert rows[2] == {
        "room": "b",
        "created_at": timezone.localtime(join.at).isoformat(),
        "session": str(join.session),
        "channel_name": "1",
        "user_id": str(user.pk),
        "joined_at": timezone.localtime(join.at).isoformat(),
        "last_seen": timezone.localtime(join.at).isoformat(),
        "data": "",
    }
    assert run("--until", "0") == ",".join(rows[0]) + "\n"


def test_prints_the_state_at_a_time_as_json(user: Any) -> None:
    write(
        Stay("a", "1", user, datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC), data=[1, "ä"]),
        Stay("a", "2", None, datetime(2026, 3, 1, 14, tzinfo=UTC)),
    )
    lines = run("--until", "2026-03-01T12:30+00:00", "--format", "jsonl").splitlines()
    (row,) = map(json.loads, lines)
    assert (row["room"], row["channel_name"], row["user_id"], row["data"]) == (
        "a",
        "1",
        user.pk if isinstance(user.pk, int) else str(user.pk),
        [1, "ä"],
    )
    assert datetime.fromisoformat(row["joined_at"]) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    (empty,) = map(json.loads, run("--until", "2026-03-01T13:30Z", "--format", "jsonl").splitlines())
    assert (empty["room"], empty["session"], empty["channel_name"]) == ("a", None, None)
    assert run("--until", "2026-03-01T13:30Z", "--room", "b", "--format", "jsonl") == ""


def test_prints_what_another_maximal_age_would_have_done(user: Any) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    write(
        Stay("a", "1", user, noon, noon + timedelta(minutes=10)),
        Stay("b", "2", None, noon, noon + timedelta(minutes=1)),
    )
    (row,) = csv.DictReader(StringIO(run("--what-if-max-age", "90")))
    assert (row["room"], row["channel_name"], row["user_id"], row["broken_by"]) == ("a", "1", str(user.pk), "leave")
    assert datetime.fromisoformat(row["would_end_at"]) == noon + timedelta(seconds=90)
    assert run("--what-if-max-age", "90", "--room", "b", "--format", "jsonl") == ""


def test_sends_the_signals_of_a_stretch_again(
    user: Any, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    history(user)
    Room.objects.prune_presences(0)
    updates: list[dict[str, Any]] = []

    def receive(**kwargs: Any) -> None:
        updates.append(kwargs)

    presence_updated.connect(receive)
    first_time = [told(signal) for signal in signals]
    assert not any(signal["replayed"] for signal in signals)
    signals.clear()
    monkeypatch.setattr(replay_presence, "_BATCH", 2)
    events = list(PresenceEvent.objects.order_by("id"))
    assert run("--signals", "..") == "The signals were sent again.\n"
    assert [told(signal) for signal in signals] == first_time
    assert all(signal["replayed"] for signal in signals)
    assert [(update["presence"].room_id, update["replayed"]) for update in updates] == [("a", True), ("b", True)]
    assert len(PresenceEvent.objects.all()) == len(events)
    presence_updated.disconnect(receive)

    for arguments, expected in {
        (f"{events[1].id}..{events[2].id}",): events[1:3],
        (f"{events[-1].id}..",): events[-1:],
        (f"..{events[0].id}",): events[:1],
        (f"{events[1].at.isoformat()}..{events[2].at.isoformat()}",): events[1:2],
        (f"{events[1].at.isoformat()}..{events[2].id}",): events[1:3],
        ("..", "--room", "b"): [event for event in events if event.room == "b"],
    }.items():
        signals.clear()
        run("--signals", *arguments)
        sent = [event.id for signal in signals for event in signal["events"]]
        assert set(sent) <= {event.id for event in expected}
        assert sent[-1] == [event.id for event in expected if event.kind != "touch" and event.channel_name][-1]


def told(signal: dict[str, Any]) -> Any:
    added, removed = signal["added"], signal["removed"]
    return (
        signal["room"].pk,
        added and (added.pk, added.user_id, added.data),
        removed and removed.pk,
        [event.id for event in signal["events"]],
    )


def test_the_prunes_of_a_transaction_are_one_signal_again(signals: list[dict[str, Any]]) -> None:
    for channel in ("1", "2"):
        Room.objects.add("a", channel)
    Room.objects.prune_presences(0)
    Room.objects.add("a", "3")
    Room.objects.prune_presences(0)
    Room.objects.add("b", "4")
    signals.clear()
    run("--signals", "..")
    assert [len(signal["events"]) for signal in signals if signal["bulk_change"]] == [2, 1]


def test_says_if_receivers_raised_and_goes_on(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("a", "1")
    Room.objects.add("a", "2")
    signals.clear()

    def fail(**kwargs: Any) -> None:
        raise RuntimeError

    presence_changed.connect(fail)
    with pytest.raises(CommandError, match="raised 2 times"):
        run("--signals", "..")
    presence_changed.disconnect(fail)
    assert len(signals) == 2


def test_sends_the_signals_of_a_named_worker_to_its_receivers_alone(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("a", "1")
    Presence.objects.touch("1", {"status": "away"})
    Room.objects.remove("a", "1")
    signals.clear()
    changes: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []

    def change(**kwargs: Any) -> None:
        changes.append(kwargs)

    def update(**kwargs: Any) -> None:
        updates.append(kwargs)

    presence_changed.for_worker("billing").connect(change)
    try:
        assert run("--signals", "..", "--name", "billing") == "The signals were sent again.\n"
        presence_updated.for_worker("billing").connect(update)
        presence_changed.for_worker("billing").disconnect(change)
        run("--signals", "..", "--name", "billing")
    finally:
        presence_changed.for_worker("billing").disconnect(change)
        presence_updated.for_worker("billing").disconnect(update)
    assert [each["events"][0].kind for each in changes] == ["join", "leave"]
    assert [each["presence"].data for each in updates] == [{"status": "away"}]
    assert all(each["replayed"] for each in [*changes, *updates])
    assert signals == []


def test_the_name_of_the_main_worker_stands_for_the_signals_themselves(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("a", "1")
    signals.clear()
    run("--signals", "..", "--name", "projector")
    assert len(signals) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--signals", "..", "--name", "nobody"), r"Nobody listens: .*for_worker\('nobody'\)"),
        (("--signals", "..", "--name", ""), r"Nobody listens: .*for_worker\(''\)"),
        (("--check", "--name", "billing"), "it needs --signals"),
        (("--name", "projector"), "it needs --signals"),
    ],
)
def test_a_name_for_which_there_is_nothing_to_do_is_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message) as error:
        run(*arguments)
    assert error.value.returncode == 2


def test_there_may_be_no_signals_to_send() -> None:
    assert run("--signals", "..") == "The signals were sent again.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--until", "1000000"), "Got 1000000, and the log ends at"),
        (("--until", "-1"), "'-1' is not a time"),
        (("--until", "2999-01-01"), "in the future"),
        (("--until", "yesterday"), "'yesterday' is not a time"),
        (("--signals", "1"), "write FROM..TO"),
        (("--signals", "2..1"), "2 comes after 1"),
        (("--signals", "1..1000000"), "Got 1000000, and the log ends at"),
        (("--signals", "2026-01-02..2026-01-01"), "2026-01-02 .* comes after 2026-01-01"),
        (("--signals", "2999-01-01.."), "in the future"),
        (("--what-if-max-age", "-1"), "An age is a finite number"),
        (("--room", "no room"), "A room's name is"),
        (("--check", "--dry-run"), "not allowed with"),
        (("--database", "other"), "invalid choice"),
    ],
)
def test_bad_input_is_refused_with_a_reason(user: Any, arguments: tuple[str, ...], message: str) -> None:
    history(user)
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_errors_of_the_database_are_told(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("it is away")

    monkeypatch.setattr(repairing, "repair", fail)
    with pytest.raises(CommandError, match="it is away"):
        run()


def test_what_goes_wrong_is_told_from_what_differs_by_the_exit_status() -> None:
    with pytest.raises(CommandError) as error:
        run("--until", "1000000")
    assert error.value.returncode == 2


def test_whoever_has_read_enough_is_not_bothered(user: Any) -> None:
    history(user)
    for arguments in (["--until", "0"], ["--what-if-max-age", "0"], ["--check"]):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as closed, pytest.raises(SystemExit) as error:
            call_command("replay_presence", *arguments, stdout=closed)
        assert error.value.code == 141


def test_a_full_disk_is_told(user: Any) -> None:
    history(user)
    full = open("/dev/full", "w")  # noqa: PTH123, SIM115
    with pytest.raises(CommandError, match="No space left"):
        call_command("replay_presence", "--until", "0", stdout=full)
    with suppress(OSError):
        full.close()


def test_without_time_zones_times_are_shown_in_that_of_the_site(user: Any, settings: Any) -> None:
    history(user)
    with_zones = run("--until", str(PresenceEvent.objects.latest("id").id))
    settings.USE_TZ = False
    settings.TIME_ZONE = "Europe/Berlin"
    connection.close()  # its time zone is that of the settings
    without = run("--until", str(PresenceEvent.objects.latest("id").id))
    moments = [
        [datetime.fromisoformat(row["joined_at"]) for row in csv.DictReader(StringIO(rows)) if row["joined_at"]]
        for rows in (with_zones, without)
    ]
    assert moments[0] == moments[1] != []
    assert moments[1][0].utcoffset() in (timedelta(hours=1), timedelta(hours=2))


def test_prunes_are_one_signal_again_though_others_stand_between_them_in_the_log(
    signals: list[dict[str, Any]], sessions: Callable[..., Session]
) -> None:
    for channel in ("1", "2", "3"):
        Room.objects.add("a", channel)
    sweeper = sessions()
    sweeper.append("prune", "a", "1")
    Room.objects.add("b", "1")
    Room.objects.add("a", "4")
    sweeper.append("prune", "a", "2")
    sweeper.commit()
    Room.objects.add("a", "1")
    sweeper.append("prune", "a", "3")
    sweeper.commit()
    signals.clear()
    run("--signals", "..")
    told = [(signal["room"].pk, [event.channel_name for event in signal["events"]]) for signal in signals]
    assert [channels for _, channels in told if len(channels) > 1] == [["1", "2"]]
    assert told.index(("a", ["1", "2"])) < len(told) - 1 - told[::-1].index(("a", ["1"]))
    assert told[-1] == ("a", ["3"])


def test_prunes_are_not_held_back_for_ever(signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "HELD", 2)
    Room.objects.add("a", "1")
    Room.objects.prune_presences(0)
    for channel in "234":
        Room.objects.add("b", channel)
    signals.clear()
    run("--signals", "..")
    kinds = [signal["events"][0].kind for signal in signals]
    assert kinds == ["join", "join", "join", "prune", "join"]
