"""Retention at random moments of random histories: a replay at every position after it gives what there was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence_events.exceptions import BeforeHorizon
from presence_events.models import PresenceEvent, Removal, Segment
from presence_events.segments import horizon
from projections.models import PresenceSession
from projections.replay import ranges
from projections.replay.repair import compare
from projections.replay.state import state
from projections.replay.what_if import gaps
from tests import retention, segments
from tests.fold import fold, live
from tests.projections.replay.histories import expected_rows, rows_of
from tests.properties import examples
from tests.properties.test_replay import STEPS, record_more, record_steps

A_DAY = timedelta(days=1)
PARTS = st.sampled_from([("touches",), ("stays",), ("touches", "stays")])


@pytest.mark.django_db(transaction=True)
@examples(15)
@given(
    periods=st.lists(st.tuples(STEPS, PARTS), min_size=1, max_size=3),
    last=STEPS,
    range_size=st.integers(1, 10),
)
def test_a_replay_at_every_position_after_the_baseline_gives_what_there_was(
    periods: list[tuple[list[Any], tuple[str, ...]]], last: list[Any], range_size: int
) -> None:
    segments.reset()
    record_steps([])
    with patch.object(ranges, "MAX_POSITIONS", range_size):
        events: list[PresenceEvent] = []
        for steps, parts in periods:
            record_more(steps)
            events += PresenceEvent.objects.filter(id__gt=events[-1].id if events else 0).order_by("id")
            end = retention.close_now(*parts)
            with patch("projections.retention.limits.conf.retention", lambda parts=parts: dict.fromkeys(parts, A_DAY)):
                retention.remove(end + A_DAY)
            assert compare("default") == []
        record_more(last)
        events += PresenceEvent.objects.filter(id__gt=events[-1].id if events else 0).order_by("id")
        assert compare("default") == []
        removed = Segment.objects.filter(state="removed")
        assert Removal.objects.count() == removed.count()
        position = max([segment.last_id or 0 for segment in removed], default=0)
        assert live() == fold(events)
        assert retention.baseline() == fold(event for event in events if event.id <= position)
        for number, event in enumerate(events, start=1):
            if event.id >= position:
                with state("default", position=event.id) as folded:
                    assert rows_of(folded) == expected_rows(events[:number])
            else:
                with pytest.raises(BeforeHorizon), state("default", position=event.id):
                    pass
        assert list(gaps("default", 3600)) == []
        known_from = horizon.read("default").stays
        ends = {event.session: event.at for event in events if event.session and event.kind in ("leave", "prune")}
        for event in events:
            if known_from is None or event.at >= known_from:
                there = {one.session for one in events if one.kind == "join" and one.at <= event.at}
                there = {session for session in there if ends.get(session) is None or ends[session] > event.at}
                assert {stay.session for stay in PresenceSession.objects.at(event.at)} == there


@pytest.fixture(autouse=True)
def _reset(transactional_db: None) -> Any:
    yield
    segments.reset()
