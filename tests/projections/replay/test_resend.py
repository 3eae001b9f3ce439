"""Sending the signals of events again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from presence_events.models import PresenceEvent
from projections._delivery import dispatch
from projections.models import Room
from projections.replay.resend import resend
from tests.concurrency.conftest import DatabaseConnection

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_prunes_of_a_transaction_are_one_signal_again(signals: list[dict[str, Any]]) -> None:
    for channel in ("1", "2"):
        Room.objects.add("a", channel)
    Room.objects.prune_presences(0)
    Room.objects.add("a", "3")
    Room.objects.prune_presences(0)
    Room.objects.add("b", "4")
    signals.clear()
    assert resend("default", None, None) == 0
    assert [len(signal["events"]) for signal in signals if signal["bulk_change"]] == [2, 1]


def test_prunes_of_a_transaction_are_one_signal_again_though_other_events_are_between_them_in_the_log(
    signals: list[dict[str, Any]], new_connection: Callable[..., DatabaseConnection]
) -> None:
    for channel in ("1", "2", "3"):
        Room.objects.add("a", channel)
    pruning = new_connection()
    pruning.append("prune", "a", "1")
    Room.objects.add("b", "1")
    Room.objects.add("a", "4")
    pruning.append("prune", "a", "2")
    pruning.commit()
    Room.objects.add("a", "1")
    pruning.append("prune", "a", "3")
    pruning.commit()
    signals.clear()
    resend("default", None, None)
    sent = [(signal["room"].pk, [event.channel_name for event in signal["events"]]) for signal in signals]
    assert [channels for _, channels in sent if len(channels) > 1] == [["1", "2"]]
    assert sent.index(("a", ["1", "2"])) < len(sent) - 1 - sent[::-1].index(("a", ["1"]))
    assert sent[-1] == ("a", ["3"])


def test_prunes_are_held_back_only_for_a_number_of_positions(
    signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MAX_PRUNE_GAP", 2)
    Room.objects.add("a", "1")
    Room.objects.prune_presences(0)
    for channel in "234":
        Room.objects.add("b", channel)
    signals.clear()
    resend("default", None, None)
    kinds = [signal["events"][0].kind for signal in signals]
    assert kinds == ["join", "join", "join", "prune", "join"]


def test_progress_is_reported_in_positions_after_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.replay.resend.BATCH_SIZE", 2)
    for channel in "123":
        Room.objects.add("a", channel)
    positions = PresenceEvent.objects.order_by("id").values_list("id", flat=True)
    first, second, third = (position - positions[0] + 1 for position in positions)
    reports: list[tuple[str, int, int]] = []
    resend("default", None, None, report=lambda *arguments: reports.append(arguments))
    assert first == 1
    assert reports == [("signals", second, third), ("signals", third, third)]
