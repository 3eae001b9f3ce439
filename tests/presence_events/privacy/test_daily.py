"""Daily pseudonyms: keys that stand for a user on one day."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DataError, NotSupportedError, ProgrammingError, connection, transaction

from presence_events import sql
from presence_events.models import PresenceEvent
from presence_events.privacy import daily
from presence_events.privacy.daily import is_daily
from presence_events.recorder import Draft, record
from presence_events.users import display_name
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)

DAILY = {"": {"users": "daily"}}


def query(statement: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []


def pass_midnight() -> None:
    """Makes the secrets those that the database would have a day later."""
    query("UPDATE presence_pseudonym_key SET day = day - 10")
    query("UPDATE presence_pseudonym_key SET day = day + 9")


@pytest.fixture(autouse=True)
def _no_secrets() -> Iterator[None]:
    query("DELETE FROM presence_pseudonym_key")
    yield
    query("DELETE FROM presence_pseudonym_key")


KEYS = {
    "smallint": (1, 2, 2**14 - 1),
    "integer": (1, 2, 2**30 - 1),
    "bigint": (1, 2, 2**62 - 1),
    "uuid": ("6f1d2a1e-9d0c-4a58-8f7b-0c9c3c1f2a01", "6f1d2a1e-9d0c-4a58-8f7b-0c9c3c1f2a02"),
    "text": ("ada", "bo", ""),
    "varchar": ("ada", "bo"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_user_has_one_pseudonym_a_day_and_another_one_the_next(kind: str) -> None:
    def made() -> list[Any]:
        return [query(f"SELECT presence_pseudonym(%s::{kind})", key)[0] for key in KEYS[kind]]

    first = made()
    assert made() == first
    pass_midnight()
    second = made()
    assert len({*KEYS[kind], *map(str, KEYS[kind]), *first, *second}) >= 3 * len(KEYS[kind])
    assert query(f"SELECT pg_typeof(presence_pseudonym(%s::{kind}))::text", KEYS[kind][0]) == [
        query(f"SELECT '{kind}'::regtype::text")[0]
    ]


def test_different_numbers_have_different_negative_pseudonyms() -> None:
    """The pseudonyms are a permutation of the negative odd numbers."""
    made = query("SELECT presence_pseudonym(key::smallint) FROM generate_series(0, 16383) AS key")
    assert sorted(made) == list(range(-32767, 0, 2))
    assert made not in (sorted(made), sorted(made, reverse=True))


@pytest.mark.parametrize(
    ("kind", "keys"), [("smallint", (-1, 2**14)), ("integer", (-1, 2**30)), ("bigint", (-1, 2**62))]
)
def test_numbers_without_room_for_a_pseudonym_are_refused(kind: str, keys: Any) -> None:
    for key in keys:
        with pytest.raises(DataError, match="no pseudonyms for keys of users that are negative or so large"):
            query(f"SELECT presence_pseudonym(%s::{kind})", key)


@pytest.mark.parametrize("kind", KEYS)
def test_a_pseudonym_is_known_by_its_form(kind: str) -> None:
    for key in KEYS[kind]:
        (made,) = query(f"SELECT presence_pseudonym(%s::{kind})", key)
        assert is_daily(made)
        assert not is_daily(key)
    assert not is_daily(-2)


def test_a_pseudonym_is_displayed_as_such() -> None:
    assert display_name(SimpleNamespace(user=None, user_id=-7)) == "pseudonym -7"
    assert display_name(SimpleNamespace(user=None, user_id=7)) == "deleted user 7"


def test_there_are_none_for_other_types_and_for_no_user() -> None:
    assert query("SELECT presence_pseudonym(NULL::bigint)") == [None]
    with pytest.raises(NotSupportedError, match="no pseudonyms for keys of the type date"):
        query("SELECT presence_pseudonym('2026-01-01'::date)")


def test_the_secrets_of_past_days_are_deleted_by_the_next_use_and_by_the_worker() -> None:
    query("SELECT presence_pseudonym(1)")
    today = query("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date")[0].toordinal()
    days = "SELECT day FROM presence_pseudonym_key ORDER BY day"
    assert [day.toordinal() - today for day in query(days)] == [0, 1]
    secrets = query("SELECT secret FROM presence_pseudonym_key ORDER BY day")
    assert len({*map(bytes, secrets)}) == 2
    pass_midnight()
    query("SELECT presence_pseudonym(1)")
    assert [day.toordinal() - today for day in query(days)] == [0, 1]
    assert bytes(secrets[0]) not in map(bytes, query("SELECT secret FROM presence_pseudonym_key"))
    assert bytes(secrets[1]) in map(bytes, query("SELECT secret FROM presence_pseudonym_key"))  # it was made ahead
    pass_midnight()
    daily.forget("default")
    assert [day.toordinal() - today for day in query(days)] == [0]


def test_the_secrets_are_in_no_write_ahead_log() -> None:
    assert query("SELECT relpersistence FROM pg_class WHERE relname = 'presence_pseudonym_key'") == ["u"]


def test_no_role_but_the_owner_reads_the_secrets() -> None:
    with transaction.atomic():
        query("CREATE ROLE curious")
        query("GRANT USAGE ON SCHEMA public TO curious")
        query("SET LOCAL ROLE curious")
        for statement in (
            "SELECT secret FROM presence_pseudonym_key",
            "SELECT presence_pseudonym(1)",
            "SELECT presence_forget_pseudonyms()",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                query(statement)
        query("RESET ROLE")
        query(sql.read("presence_events", "grants/app").replace(':"role"', "curious").replace("%", "%%"))
        query("SET LOCAL ROLE curious")
        assert query("SELECT presence_pseudonym(1) < 0") == [True]
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            query("SELECT secret FROM presence_pseudonym_key")
        transaction.set_rollback(True)


def test_the_log_has_the_pseudonym_in_place_of_the_user(settings: Any, user: Any, other_user: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"clinic-": {"users": "daily"}}
    record(
        [
            Draft("join", "clinic-1", "1", user),
            Draft("join", "clinic-1", "2", user),
            Draft("join", "clinic-2", "1", other_user),
            Draft("join", "lobby", "1", user),
            Draft("join", "clinic-2", "3"),
        ]
    )
    keys = dict(PresenceEvent.objects.values_list("room", "user_id"))
    assert len(set(PresenceEvent.objects.filter(room="clinic-1").values_list("user_id", flat=True))) == 1
    assert len({*keys.values(), other_user.pk}) == 4  # two pseudonyms, no user, and the user in the lobby
    assert keys["lobby"] == user.pk
    event = PresenceEvent.objects.filter(room="clinic-1").prefetch_related("user")[0]
    assert event.user is None
    assert_live_is_the_fold()


def test_a_draft_without_users_or_data_has_only_its_reason(settings: Any, user: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"": {"users": "anonymous", "data": False}}
    record([Draft("join", "room", "1", user, {"device": "phone"})])
    record([Draft("touch", "room", "1", None, {"device": "tablet"})])
    record([Draft("leave", "room", "1", user, {"reason": "closed"})])
    assert list(PresenceEvent.objects.values_list("kind", "user_id", "data")) == [
        ("join", None, None),
        ("touch", None, None),
        ("leave", None, {"reason": "closed"}),
    ]
