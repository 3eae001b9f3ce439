from __future__ import annotations

from typing import Any

import pytest

from projections.admin.timeline import present as module
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.present import present
from tests.past import Stay, write
from tests.projections.admin.timeline.conftest import at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("past")]


def test_people_are_listed_once_with_all_their_connections(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        there = present(Criteria("lobby", None, at(8), at(13)), at(9, 50))
    assert [(here.person.name, [stay.channel_name for stay in here.stays]) for here in there.here] == [
        ("ada", ["tab", "phone"]),
        ("grace", ["desk"]),
    ]
    assert (there.complete, there.connections, there.people) == (True, 3, 2)


def test_anonymous_connections_are_listed_one_by_one() -> None:
    write(Stay("lobby", "second guest", None, at(9, 5), at(9, 30)))
    there = present(Criteria("lobby", None, at(8), at(13)), at(9, 15))
    assert [here.person.key for here in there.here if here.person.kind == "anonymous"] == ["second guest", "guest"]
    assert (there.connections, there.people) == (3, 1)


def test_a_stay_is_half_open() -> None:
    question = Criteria("lobby", None, at(8), at(13))
    assert "tab" in [stay.channel_name for here in present(question, at(9)).here for stay in here.stays]
    assert "tab" not in [stay.channel_name for here in present(question, at(10)).here for stay in here.stays]


def test_a_user_is_listed_in_each_room(user: Any) -> None:
    there = present(Criteria(None, user.pk, at(8), at(13)), at(10, 10))
    assert [(here.person.name, here.stays[0].room) for here in there.here] == [("ada", "lobby"), ("ada", "attic")]
    assert (there.connections, there.people) == (2, 1)


def test_the_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 1)
    there = present(Criteria("lobby", None, at(8), at(13)), at(9, 50))
    assert len(there.here) == 1
    # All are counted.
    assert (there.complete, there.connections, there.people) == (False, 3, 2)
