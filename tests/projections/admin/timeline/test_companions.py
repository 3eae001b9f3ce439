from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from projections.admin.timeline import companions as module
from projections.admin.timeline.companions import companions_of
from projections.admin.timeline.criteria import Criteria
from tests.backdating import Stay, write
from tests.projections.admin.timeline.conftest import at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("past")]


def together(criteria: Criteria) -> dict[str, timedelta]:
    return {companion.person.name: companion.together for companion in companions_of(criteria).companions}


def test_time_together_is_merged_over_tabs_and_rooms(
    user: Any, other_user: Any, django_assert_num_queries: Any
) -> None:
    # Both were in the lobby from 9:45 to 11:00, and from 10:00 in the attic as well.
    write(Stay("attic", "second desk", other_user, at(10, 10), at(10, 20)))
    with django_assert_num_queries(3):
        assert together(Criteria(None, user.pk, at(8), at(13))) == {"grace": timedelta(minutes=75)}


def test_only_the_span_counts(user: Any) -> None:
    assert together(Criteria(None, user.pk, at(10, 30), at(10, 45))) == {"grace": timedelta(minutes=15)}
    assert together(Criteria(None, user.pk, at(9), at(9, 45))) == {}


def test_only_the_given_room_counts(user: Any) -> None:
    assert together(Criteria("attic", user.pk, at(8), at(13))) == {}


def test_a_stay_that_begins_when_another_ends_does_not_overlap_it(user: Any, django_user_model: Any) -> None:
    write(Stay("lobby", "late", django_user_model.objects.create_user("lin"), at(11), at(12)))
    assert "lin" not in together(Criteria(None, user.pk, at(8), at(13)))


def test_companions_are_ordered_by_time_together(user: Any, django_user_model: Any, monkeypatch: Any) -> None:
    for number in range(3):
        person = django_user_model.objects.create_user(f"p{number}")
        write(Stay("lobby", f"c{number}", person, at(9), at(9, 10 * number + 10)))
    assert list(together(Criteria(None, user.pk, at(8), at(13)))) == ["grace", "p2", "p1", "p0"]
    monkeypatch.setattr(module, "MAX_COMPANIONS", 2)
    assert list(together(Criteria(None, user.pk, at(8), at(13)))) == ["grace", "p2"]


def test_a_user_without_stays_has_no_companions(django_user_model: Any) -> None:
    nobody = django_user_model.objects.create_user("nobody")
    assert companions_of(Criteria(None, nobody.pk, at(8), at(13))) == (True, [])


def test_open_stays_count_until_now(user: Any, other_user: Any) -> None:
    write(Stay("attic", "open tab", user, at(12), None))
    found = together(Criteria("attic", user.pk, at(8), at(23) + timedelta(days=3650)))
    assert found["grace"] > timedelta(days=1)


def test_the_result_states_whether_all_stays_were_compared(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    criteria = Criteria(None, user.pk, at(8), at(13))
    assert companions_of(criteria).complete
    monkeypatch.setattr(module, "MAX_COMPARED_STAYS", 1)
    assert not companions_of(criteria).complete


def test_a_stay_without_length_has_no_companions(django_user_model: Any) -> None:
    fleeting = django_user_model.objects.create_user("fleeting")
    write(Stay("lobby", "moment", fleeting, at(9, 50), at(9, 50)))
    assert together(Criteria(None, fleeting.pk, at(8), at(13))) == {}
