from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from projections.admin.timeline import companions as module
from projections.admin.timeline.companions import company
from projections.admin.timeline.criteria import Criteria
from tests.past import Stay, write
from tests.projections.admin.timeline.conftest import at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("past")]


def together(question: Criteria) -> dict[str, timedelta]:
    return {companion.person.name: companion.together for companion in company(question).companions}


def test_time_together_is_merged_over_tabs_and_rooms(
    user: Any, other_user: Any, django_assert_num_queries: Any
) -> None:
    # Both were in the lobby from 9:45 to 11:00, and from 10:00 in the attic as well.
    write(Stay("attic", "second desk", other_user, at(10, 10), at(10, 20)))
    with django_assert_num_queries(2):
        assert together(Criteria(None, user.pk, at(8), at(13))) == {"grace": timedelta(minutes=75)}


def test_only_the_span_counts(user: Any) -> None:
    assert together(Criteria(None, user.pk, at(10, 30), at(10, 45))) == {"grace": timedelta(minutes=15)}
    assert together(Criteria(None, user.pk, at(9), at(9, 45))) == {}


def test_only_the_room_that_was_asked_for_counts(user: Any) -> None:
    assert together(Criteria("attic", user.pk, at(8), at(13))) == {}


def test_two_who_come_and_go_at_one_moment_have_not_met(user: Any, django_user_model: Any) -> None:
    write(Stay("lobby", "late", django_user_model.objects.create_user("lin"), at(11), at(12)))
    assert "lin" not in together(Criteria(None, user.pk, at(8), at(13)))


def test_whoever_it_was_longest_with_comes_first(user: Any, django_user_model: Any, monkeypatch: Any) -> None:
    for number in range(3):
        person = django_user_model.objects.create_user(f"p{number}")
        write(Stay("lobby", f"c{number}", person, at(9), at(9, 10 * number + 10)))
    assert list(together(Criteria(None, user.pk, at(8), at(13)))) == ["grace", "p2", "p1", "p0"]
    monkeypatch.setattr(module, "NAMED", 2)
    assert list(together(Criteria(None, user.pk, at(8), at(13)))) == ["grace", "p2"]


def test_a_user_who_was_nowhere_has_no_company(django_user_model: Any) -> None:
    nobody = django_user_model.objects.create_user("nobody")
    assert company(Criteria(None, nobody.pk, at(8), at(13))) == (True, [])


def test_what_goes_on_counts_until_now(user: Any, other_user: Any) -> None:
    write(Stay("attic", "open tab", user, at(12), None))
    found = together(Criteria("attic", user.pk, at(8), at(23) + timedelta(days=3650)))
    assert found["grace"] > timedelta(days=1)


def test_it_says_if_not_all_were_compared(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    question = Criteria(None, user.pk, at(8), at(13))
    assert company(question).complete
    monkeypatch.setattr(module, "COMPARED", 1)
    assert not company(question).complete


def test_whoever_came_and_left_in_the_same_moment_was_with_nobody(django_user_model: Any) -> None:
    fleeting = django_user_model.objects.create_user("fleeting")
    write(Stay("lobby", "moment", fleeting, at(9, 50), at(9, 50)))
    assert together(Criteria(None, fleeting.pk, at(8), at(13))) == {}
