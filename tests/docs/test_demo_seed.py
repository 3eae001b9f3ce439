"""Writing the day of ``docs/demo/run.py --history`` into the log."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from presence_events.models import PresenceEvent
from projections.models import PresenceSession, Room
from tests.docs.history import day, seed
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.usefixtures("demo_can_be_imported")


def test_by_default_the_day_ends_now_and_later_joins_come_after_it(db: None) -> None:
    before = timezone.now()
    assert seed()
    last = PresenceEvent.objects.order_by("id").last()
    assert last is not None
    assert before - timedelta(minutes=1) < last.at < timezone.now()
    Room.objects.add("lobby", "specific.one")
    (joined,) = PresenceEvent.objects.filter(id__gt=last.id)
    assert joined.at > last.at
    assert joined.session > last.session
    assert_live_is_the_fold()


def test_a_log_with_events_gets_no_history(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    Room.objects.add("lobby", "specific.one")
    import_module("serve").write_history()
    printed = capsys.readouterr().out
    assert "skipped" in printed
    assert "already has events" in printed
    assert "--history --data " in printed
    assert PresenceEvent.objects.count() == 1
    assert not get_user_model().objects.exists()


def test_the_number_of_stays_is_printed(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    import_module("serve").write_history()
    count = PresenceSession.objects.count()
    assert count > 0
    assert capsys.readouterr().out.endswith(f"Writing a day of history: {count} stays\n")


def test_the_next_start_makes_the_rooms_that_a_stopped_start_did_not_make(db: None) -> None:
    import_module("history.seed").write(day())
    assert not Room.objects.exists()
    assert seed(day()) == 0
    assert_live_is_the_fold()
    assert Room.objects.exists()


def test_an_existing_account_is_used(db: None) -> None:
    chidi = get_user_model().objects.create_user("Chidi", password="his own")
    assert seed(day())
    assert PresenceSession.objects.of_user(chidi).exists()
    chidi.refresh_from_db()
    assert chidi.check_password("his own")
