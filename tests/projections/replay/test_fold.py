"""The fold of the log, without the trigger."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from presence_events._recording import statement
from presence_events.models import PresenceEvent
from projections import selections
from projections.models import Presence, Room
from projections.replay.fold import Fold
from projections.replay.repair import compare, repair
from tests.fold import assert_live_is_the_fold, live
from tests.projections.replay.histories import expected_rows, record_history, rows_of, tamper

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("short_ranges")]


def test_a_fold_that_goes_on_gives_the_same_rows_as_one_from_the_beginning(user: Any) -> None:
    record_history(user)
    events = list(PresenceEvent.objects.order_by("id"))
    for position in (event.id for event in events):
        with transaction.atomic():
            fold = Fold("default")
            fold.read(position)
            fold.read_more(events[-1].id, after=position)
            assert rows_of(fold) == expected_rows(events)


def test_of_two_stays_without_an_end_between_them_the_later_counts(user: Any) -> None:
    """The log no longer holds only facts: the presence was deleted without an event before the second join."""
    Room.objects.add("a", "1", user)
    tamper("DELETE FROM presence_open_stay")
    Room.objects.add("a", "1")
    assert compare("default") == []
    tamper("UPDATE presence_open_stay SET data = '1'")
    assert len(repair("default").differences) == 1
    assert Presence.objects.get().user is None


def test_the_server_process_that_claimed_a_connection_is_folded(user: Any) -> None:
    statement.append([selections.join("a", "1", user, "here")], "default", process="one")
    Presence.objects.touch("1", "there")
    right = live()
    tamper("UPDATE presence_open_stay SET process = NULL")
    assert [str(each) for each in compare("default")] == [
        f"presence_open_stay {Presence.objects.get().pk}: process is None instead of 'one'"
    ]
    repair("default")
    assert live() == right
    assert Presence.objects.get().process == "one"
    assert_live_is_the_fold()


def test_progress_reports_what_is_read_and_how_far(user: Any) -> None:
    record_history(user)
    reports: list[tuple[str, int, int]] = []
    compare("default", report=lambda *arguments: reports.append(arguments))
    positions = PresenceEvent.objects.values_list("id", flat=True)
    total = positions.last() - positions.first() + 1
    assert reports[0][0] == "beats"
    assert next(each for each in reports if each[0] == "joins and leaves") == ("joins and leaves", 3, total)
    assert [done for what, done, _ in reports if what == "joins and leaves"][-1] == total
    assert reports[-1][0] == "touches"
    assert reports[-1][1] == reports[-1][2]
