"""Who may see whose attendance."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission

from projections.attendance.sheets import Sheet, sheet_of
from projections.attendance.visibility import visible_part, visible_users
from tests.projections.attendance.test_periods import MINUTE, NINE, TEN

from tests.backdating import Stay, write  # isort: skip

pytestmark = pytest.mark.django_db

CHOICE: dict[str, Any] = {}


def chosen(viewer: Any, room: str) -> Any:
    return CHOICE[room]


@pytest.fixture
def viewer(django_user_model: Any) -> Any:
    person = django_user_model.objects.create_user("viewer")
    person.user_permissions.add(Permission.objects.get(codename="view_attendance"))
    return django_user_model.objects.get(pk=person.pk)


@pytest.fixture
def sheet(user: Any, other_user: Any, viewer: Any) -> Sheet:
    people = [user, other_user, viewer, None]
    write(*(Stay("planning", f"c{n}", one, NINE, NINE + MINUTE) for n, one in enumerate(people)))
    return sheet_of("planning", NINE, TEN)


def names(sheet: Sheet, viewer: Any) -> set[str]:
    return {row.shown_name for row in visible_part(sheet, viewer).rows}


def test_without_the_permission_people_see_themselves(sheet: Sheet, user: Any) -> None:
    assert names(sheet, user) == {"ada"}
    assert names(sheet, AnonymousUser()) == set()


def test_with_the_permission_an_operator_sees_everyone(sheet: Sheet, viewer: Any, other_user: Any) -> None:
    assert names(sheet, viewer) == {"ada", "viewer", "anonymous", other_user.get_username()}


def test_the_setting_narrows_what_an_operator_sees(sheet: Sheet, viewer: Any, user: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_ATTENDANCE_VISIBLE = f"{__name__}.chosen"
    for choice, expected in ((False, {"viewer"}), ([user], {"viewer", "ada"}), ([user.pk], {"viewer", "ada"})):
        CHOICE["planning"] = choice
        assert names(sheet, viewer) == expected
    CHOICE["planning"] = True
    assert visible_users(viewer, "planning") is None


def test_the_setting_gives_nothing_to_those_without_the_permission(sheet: Sheet, user: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_ATTENDANCE_VISIBLE = f"{__name__}.chosen"
    CHOICE["planning"] = True
    assert names(sheet, user) == {"ada"}
