"""manage.py import_channels_presence, with tables as django-channels-presence makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection
from django.utils import timezone

from presence_events.models import PresenceEvent
from presence_events.users import user_key_type
from projections.channels_presence import importing, tables
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)

Seen = Callable[..., None]


def execute(statement: str, *params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def drop() -> None:
    execute("DROP TABLE IF EXISTS channels_presence_presence, channels_presence_room")


@pytest.fixture
def seen(transactional_db: None) -> Iterator[Seen]:
    """Returns a function that writes a presence that was seen some seconds ago."""
    execute("CREATE TABLE channels_presence_room (id serial PRIMARY KEY, channel_name varchar(255) UNIQUE)")
    execute(
        f"""CREATE TABLE channels_presence_presence (
            id serial PRIMARY KEY, channel_name varchar(255), last_seen timestamptz, user_id {user_key_type("default")},
            room_id int REFERENCES channels_presence_room, UNIQUE (room_id, channel_name))"""
    )

    def seen(room: str, channel_name: str, seconds: float = 0, user: Any = None) -> None:
        execute("INSERT INTO channels_presence_room (channel_name) VALUES (%s) ON CONFLICT DO NOTHING", room)
        execute(
            """INSERT INTO channels_presence_presence (channel_name, last_seen, user_id, room_id)
            SELECT %s, %s, %s, id FROM channels_presence_room WHERE channel_name = %s""",
            channel_name,
            timezone.now() - timedelta(seconds=seconds),
            None if user is None else user.pk,
            room,
        )

    yield seen
    drop()


def run(*arguments: str) -> str:
    """Returns what the command prints to standard output and standard error."""
    out = StringIO()
    call_command("import_channels_presence", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def present() -> list[tuple[Any, ...]]:
    return sorted(Presence.objects.values_list("room", "channel_name", "user"), key=str)


def test_live_presences_become_joins(
    seen: Seen, user: Any, log: Callable[[], list[str]], signals: list[dict[str, Any]]
) -> None:
    seen("lobby", "one", 5, user)
    seen("lobby", "two", 10)
    seen("garden", "one", 5, user)
    assert run() == "3 imported\n"
    assert present() == [("garden", "one", user.pk), ("lobby", "one", user.pk), ("lobby", "two", None)]
    assert log() == ["join one garden", "join one lobby", "join two lobby"]
    assert [signal["added"].user for signal in signals] == [user, user, None]
    assert_live_is_the_fold()


def test_an_import_keeps_when_a_connection_was_last_seen_in_the_data_of_the_join(seen: Seen) -> None:
    before = timezone.now()
    seen("lobby", "one", 30)
    run()
    ((last_seen,),) = execute("SELECT last_seen FROM channels_presence_presence")
    event = PresenceEvent.objects.get()
    assert event.data == {"imported_from": "channels_presence", "last_seen": last_seen.isoformat()}
    assert Presence.objects.get().data == event.data
    # Every time in the log and in the tables is the database's, so the stay begins now.
    assert Presence.objects.get().last_seen == event.at >= before


def test_the_import_can_be_repeated(seen: Seen, log: Callable[[], list[str]]) -> None:
    seen("lobby", "one")
    run()
    seen("lobby", "two")
    assert run() == "1 imported\n1 left out: in the log already\n"
    # What has ended since does not come back.
    Room.objects.remove("lobby", "one")
    assert run() == "0 imported\n2 left out: in the log already\n"
    assert log() == ["join one lobby", "join two lobby", "leave one lobby"]


def test_a_connection_that_is_known_in_another_room_is_imported(seen: Seen) -> None:
    Room.objects.add("garden", "one")
    Room.objects.add("lobby", "two")
    seen("lobby", "one")
    seen("garden", "two")
    assert run() == "2 imported\n"


def test_silent_presences_are_left_out(seen: Seen, settings: Any) -> None:
    for seconds in (10, 50, 70):
        seen("lobby", f"c{seconds}", seconds)
    assert run("--dry-run") == ("2 would be imported\n1 left out: not seen in the last 60 seconds\n")
    settings.CHANNELS_PRESENCE_MAX_AGE = 100
    assert run("--dry-run") == "3 would be imported\n"
    assert run("--max-age", "20") == ("1 imported\n2 left out: not seen in the last 20 seconds\n")
    assert [channel for _, channel, _ in present()] == ["c10"]


def test_a_dry_run_changes_nothing(seen: Seen, log: Callable[[], list[str]], signals: list[dict[str, Any]]) -> None:
    seen("lobby", "one")
    assert run("--dry-run") == run("--dry-run") == "1 would be imported\n"
    assert (log(), signals) == ([], [])


def test_names_that_the_log_does_not_take_are_named(seen: Seen) -> None:
    seen("two words", "one")
    seen("lobby", "zwölf")
    seen("lobby", "one")
    output = run()
    assert output.startswith("1 imported\n")
    assert "Left out: 'one' in 'two words': " in output
    assert "Left out: 'zwölf' in 'lobby': " in output
    assert [(room, channel) for room, channel, _ in present()] == [("lobby", "one")]


def test_many_presences_are_imported_in_batches(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH_SIZE", 2)
    for number in range(5):
        seen("lobby", f"c{number}")
    assert run("--database", "default", "--source", "default") == "5 imported\n"
    assert len(set(PresenceEvent.objects.values_list("tx", flat=True))) == 3


def test_without_the_old_tables_there_is_nothing_to_do() -> None:
    assert run() == "The database 'default' has no tables of django-channels-presence.\n"


def test_a_room_and_a_presence_have_names(seen: Seen) -> None:
    seen("lobby", "one")
    presence = tables.OldPresence._default_manager.select_related("room").get()
    assert (str(presence.room), str(presence)) == ("lobby", "one")


def test_an_invalid_age_is_an_error() -> None:
    with pytest.raises(CommandError, match="age"):
        run("--max-age=-1")


class _UndefinedTable(Exception):
    sqlstate = "42P01"


@pytest.mark.parametrize(
    ("cause", "message"), [(_UndefinedTable(), "manage.py migrate projections first"), (None, "something else")]
)
def test_a_database_without_our_tables_is_an_error(
    cause: Any, message: str, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ProgrammingError("something else") from cause

    monkeypatch.setattr("projections.management.commands.import_channels_presence.import_presences", fail)
    with pytest.raises(CommandError, match=message) as raised:
        run()
    assert raised.value.returncode == 2
