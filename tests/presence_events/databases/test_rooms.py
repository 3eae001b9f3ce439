"""The database of a room."""

from __future__ import annotations

from typing import Any

import pytest

from presence_events.databases.rooms import alias_of_room, aliases, chosen_by_room
from presence_events.exceptions import InvalidDatabase, InvalidRoomName


def choose(room: str) -> str:
    return "default" if room == "lobby" else "elsewhere"


def choose_listed(room: str) -> str:
    return "second" if room == "lobby" else "default"


choose_listed.aliases = ["first", "second"]  # type: ignore[attr-defined]


@pytest.fixture
def _chosen(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_DATABASE = f"{__name__}.choose"


@pytest.fixture
def _listed(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_DATABASE = f"{__name__}.choose_listed"


class Router:
    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "log"

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return False


def test_without_the_setting_the_routers_choose_one_database_for_all_rooms(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [Router()]
    assert not chosen_by_room()
    assert alias_of_room("lobby") == "log"
    assert aliases() == ["log"]


@pytest.mark.usefixtures("_chosen")
def test_the_function_chooses_the_database() -> None:
    assert chosen_by_room()
    assert alias_of_room("lobby") == "default"


@pytest.mark.usefixtures("_chosen")
def test_a_choice_that_is_no_database_is_an_error() -> None:
    with pytest.raises(InvalidDatabase, match="For the room other it returned 'elsewhere'"):
        alias_of_room("other")


@pytest.mark.usefixtures("_listed")
def test_a_function_that_lists_its_databases_returns_one_of_these() -> None:
    assert alias_of_room("lobby") == "second"
    with pytest.raises(InvalidDatabase, match="'default'"):
        alias_of_room("other")


@pytest.mark.parametrize("room", [None, 5, "", "a" * 256])
@pytest.mark.usefixtures("_chosen")
def test_the_function_is_not_called_with_what_no_room_can_be_called(room: Any) -> None:
    with pytest.raises(InvalidRoomName):
        alias_of_room(room)


@pytest.mark.usefixtures("_chosen")
def test_an_alias_that_the_caller_passes_comes_first() -> None:
    assert alias_of_room("other", "given") == "given"
    assert aliases("given") == ["given"]


@pytest.mark.usefixtures("_listed")
def test_all_databases_are_those_that_the_function_lists() -> None:
    assert aliases() == ["first", "second"]


@pytest.mark.usefixtures("_chosen")
def test_without_a_list_all_databases_are_those_that_can_have_the_log(settings: Any) -> None:
    assert aliases() == ["default"]
    settings.DATABASE_ROUTERS = [Router()]
    assert aliases() == []
