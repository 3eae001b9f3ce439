"""manage.py presence_resend."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay import resend
from projections.signals import presence_changed, presence_updated
from tests.projections.replay.histories import record_history

pytestmark = pytest.mark.django_db(transaction=True)

SENT = "The signals were sent again.\n"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("presence_resend", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_it_sends_the_signals_of_a_part_of_the_log_again(
    user: Any, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    record_history(user)
    Room.objects.prune_presences(0)
    updates: list[dict[str, Any]] = []

    def receive(**kwargs: Any) -> None:
        updates.append(kwargs)

    presence_updated.connect(receive)
    first_time = [content(signal) for signal in signals]
    assert not any(signal["replayed"] for signal in signals)
    signals.clear()
    monkeypatch.setattr(resend, "BATCH_SIZE", 2)
    events = list(PresenceEvent.objects.of_rooms().order_by("id"))
    assert run("..") == SENT
    assert [content(signal) for signal in signals] == first_time
    assert all(signal["replayed"] for signal in signals)
    assert [(update["presence"].room_id, update["replayed"]) for update in updates] == [("a", True), ("b", True)]
    assert PresenceEvent.objects.of_rooms().count() == len(events)
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
        run(*arguments)
        sent = [event.id for signal in signals for event in signal["events"]]
        assert set(sent) <= {event.id for event in expected}
        assert sent[-1] == [event.id for event in expected if event.kind != "touch" and event.channel_name][-1]


def content(signal: dict[str, Any]) -> Any:
    added, removed = signal["added"], signal["removed"]
    return (
        signal["room"].pk,
        added and (added.pk, added.user_id, added.data),
        removed and removed.pk,
        [event.id for event in signal["events"]],
    )


def test_receivers_that_raise_are_counted_and_the_others_are_called(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("a", "1")
    Room.objects.add("a", "2")
    signals.clear()

    def fail(**kwargs: Any) -> None:
        raise RuntimeError

    presence_changed.connect(fail)
    with pytest.raises(CommandError, match="raised 2 times") as error:
        run("..")
    presence_changed.disconnect(fail)
    assert error.value.returncode == 2
    assert len(signals) == 2


def test_a_named_worker_has_its_signals_sent_to_its_receivers_only(signals: list[dict[str, Any]]) -> None:
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
        assert run("..", "--name", "billing") == SENT
        presence_updated.for_worker("billing").connect(update)
        presence_changed.for_worker("billing").disconnect(change)
        run("..", "--name", "billing")
    finally:
        presence_changed.for_worker("billing").disconnect(change)
        presence_updated.for_worker("billing").disconnect(update)
    assert [each["events"][0].kind for each in changes] == ["join", "leave"]
    assert [each["presence"].data for each in updates] == [{"status": "away"}]
    assert all(each["replayed"] for each in [*changes, *updates])
    assert signals == []


def test_the_name_of_the_main_worker_means_the_signals_themselves(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("a", "1")
    signals.clear()
    run("..", "--name", "projector")
    assert len(signals) == 1


@pytest.mark.parametrize("name", ["unknown", ""])
def test_a_name_without_receivers_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match=rf"No receiver is connected to .*for_worker\({name!r}\)") as error:
        run("..", "--name", name)
    assert error.value.returncode == 2


def test_an_empty_log_has_no_signals_to_send() -> None:
    assert run("..") == SENT


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("1", "write FROM..TO"),
        ("2..1", "2 comes after 1"),
        ("1..1000000", "Got 1000000, and the log ends at"),
        ("2026-01-02..2026-01-01", "2026-01-02 .* comes after 2026-01-01"),
        ("2999-01-01..", "in the future"),
    ],
)
def test_bad_input_is_refused_with_a_reason(user: Any, argument: str, message: str) -> None:
    record_history(user)
    with pytest.raises(CommandError, match=message):
        run(argument)
