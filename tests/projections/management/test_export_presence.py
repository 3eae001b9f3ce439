"""manage.py export_presence."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.connection import ConnectionDoesNotExist

from presence_events import export
from presence_events.models import PresenceEvent
from projections.management.commands import export_presence
from projections.models import PresenceSession
from tests import backdating
from tests.exported import read, rows_of, write_touches
from tests.waiting import wait_until

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)

forms = pytest.mark.parametrize("form", export.FORMATS)
kinds = pytest.mark.parametrize("kind", ["sessions", "events"])
in_the_test = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history(db: None, user: Any, other_user: Any) -> None:
    """Stays from 9 to 10, from 10 to 11, and so on, of two users in two rooms. The last stay is open."""
    backdating.write(
        backdating.Stay("lobby", "a", user, NINE, NINE + HOUR, last_seen=NINE + HOUR / 2, data={"device": "phone"}),
        backdating.Stay(
            "lobby", "b", other_user, NINE + HOUR, NINE + 2 * HOUR, "prune", reason={"why": 'it said "no"\n'}
        ),
        backdating.Stay("hall", "c", user, NINE + 2 * HOUR, NINE + 3 * HOUR),
        backdating.Stay("hall", "d", None, NINE + 3 * HOUR),
        backdating.RoomPruned("lobby", NINE + 4 * HOUR),
    )


def run(*arguments: Any, stderr: Any = None, **options: Any) -> str:
    out = StringIO()
    call_command("export_presence", *map(str, arguments), stdout=out, stderr=stderr or StringIO(), **options)
    return out.getvalue()


def channels(*arguments: Any) -> list[str]:
    return [row["channel_name"] for row in read(run("sessions", *arguments), "csv", PresenceSession)]


def exported_events(*arguments: Any) -> list[str]:
    """Returns the kind and channel of each event."""
    rows = read(run("events", *arguments, "--format=jsonl"), "jsonl", PresenceEvent)
    return [f"{row['kind']} {row['channel_name']}" for row in rows]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class TestRows:
    @forms
    @pytest.mark.usefixtures("history")
    def test_sessions_equal_those_of_the_orm(self, form: str) -> None:
        found = read(run("sessions", "--format", form), form, PresenceSession)
        expected = rows_of(PresenceSession.objects.all())
        assert [row["channel_name"] for row in found] == ["a", "b", "c", "d"]
        # An open stay gets longer between the two queries.
        assert timedelta() <= expected[-1].pop("duration") - found[-1].pop("duration") < timedelta(minutes=1)
        assert found == expected

    @forms
    @pytest.mark.usefixtures("history")
    def test_events_equal_those_of_the_orm(self, form: str) -> None:
        assert read(run("events", "--format", form), form, PresenceEvent) == rows_of(PresenceEvent.objects.all())

    @pytest.mark.usefixtures("history")
    def test_sessions_come_in_the_order_in_which_they_began(self) -> None:
        backdating.write(
            backdating.Stay("hall", "early", None, NINE - HOUR, NINE + 9 * HOUR),
            backdating.Stay("lobby", "twin", None, NINE, NINE + HOUR),
        )
        assert channels() == ["early", "a", "twin", "b", "c", "d"]

    @pytest.mark.usefixtures("history")
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (["--from=2026-03-01T10:00Z"], ["b", "c", "d"]),
            (["--from=2026-03-01T09:59:59.999999Z"], ["a", "b", "c", "d"]),
            (["--to=2026-03-01T10:00Z"], ["a"]),
            (["--to=2026-03-01T10:00:00.000001Z"], ["a", "b"]),
            (["--from=2026-03-01T10:30Z", "--to=2026-03-01T11:30Z"], ["b", "c"]),
            (["--from=2026-03-02"], ["d"]),
            (["--to=2026-02-01"], []),
        ],
    )
    def test_sessions_of_a_range_are_those_that_overlap_it(self, arguments: list[str], expected: list[str]) -> None:
        assert channels(*arguments) == expected

    @pytest.mark.usefixtures("history")
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (["--from=2026-03-01T11:00Z"], ["prune b", "join c", "leave c", "join d", "prune None"]),
            (["--to=2026-03-01T10:00Z"], ["join a", "touch a"]),
            (["--from=2026-03-01T09:30Z", "--to=2026-03-01T10:00:00.1Z"], ["touch a", "leave a", "join b"]),
            (["--from=2026-03-02"], []),
        ],
    )
    def test_events_of_a_range_happened_in_it(self, arguments: list[str], expected: list[str]) -> None:
        assert exported_events(*arguments) == expected

    @pytest.mark.usefixtures("history")
    def test_an_end_in_the_future_means_until_now(self) -> None:
        tomorrow = timezone.now() + timedelta(days=1)
        assert channels(f"--from={NINE.isoformat()}", f"--to={tomorrow.isoformat()}") == ["a", "b", "c", "d"]
        assert len(exported_events(f"--to={tomorrow.isoformat()}")) == 9

    @pytest.mark.usefixtures("history")
    def test_a_room_and_a_user_limit_both(self, user: Any) -> None:
        assert channels("--room=lobby") == ["a", "b"]
        assert channels(f"--user={user.pk}") == ["a", "c"]
        assert channels("--room=hall", f"--user={user.pk}") == ["c"]
        assert exported_events("--room=lobby") == ["join a", "touch a", "leave a", "join b", "prune b", "prune None"]
        assert exported_events(f"--user={user.pk}", "--room=lobby") == ["join a", "touch a", "leave a"]

    @pytest.mark.usefixtures("history")
    def test_the_user_may_be_deleted(self, user: Any) -> None:
        key = user.pk
        user.delete()
        assert channels(f"--user={key}") == ["a", "c"]

    @kinds
    @pytest.mark.usefixtures("history")
    def test_an_unknown_room_or_user_leaves_only_the_header(self, kind: str, django_user_model: Any) -> None:
        unknown = 987_654_321 if isinstance(django_user_model().pk, int | None) else uuid4()
        for arguments in (["--room=nowhere"], [f"--user={unknown}"]):
            assert run(kind, *arguments).count("\n") == 1
            assert run(kind, *arguments, "--format=jsonl") == ""

    @pytest.mark.usefixtures("history")
    def test_a_time_without_an_offset_is_in_the_time_zone_of_the_site(self, settings: Any) -> None:
        settings.TIME_ZONE = "Asia/Kathmandu"
        assert channels("--from=2026-03-01T15:45") == ["b", "c", "d"]
        settings.USE_TZ = False
        assert channels("--from=2026-03-01T15:45", "--to=2026-03-01T16:45") == ["b"]
        assert exported_events("--from=2026-03-01T15:45", "--to=2026-03-01T16:45") == ["leave a", "join b"]


BAD = {
    "no kind": ([], "arguments are required: kind"),
    "an unknown kind": (["rooms"], "invalid choice: 'rooms'"),
    "an unknown format": (["sessions", "--format=xml"], "invalid choice: 'xml'"),
    "an unknown database": (["sessions", "--database=elsewhere"], "invalid choice: 'elsewhere'"),
    "no time": (["events", "--from=yesterday"], "'yesterday' is not a time"),
    "a start in the future": (["events", "--from=2100-01-01"], "is in the future"),
    "an end before the start": (["events", "--from=2026-03-02", "--to=2026-03-01"], "does not come after"),
    "an end that is the start": (["sessions", "--from=2026-03-01", "--to=2026-03-01"], "does not come after"),
    "no name of a room": (["sessions", "--room="], "Pass a room name .* name of a channel-layer group"),
    "no key of a user": (["events", "--user=ada"], "'ada' is not the primary key of a user"),
}


class TestBadInput:
    @pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD)
    @in_the_test
    def test_bad_input_is_refused_before_anything_is_written(
        self, arguments: list[str], message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(CommandError, match=message):
            run(*arguments, "--output", tmp_path / "presence.csv")
        assert not list(tmp_path.iterdir())


@in_the_test
def test_a_database_error_is_a_command_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise OperationalError("it is unavailable")

    monkeypatch.setattr(export, "copy", fail)
    with pytest.raises(CommandError, match="it is unavailable"):
        run("events")


class Router:
    """Reads from a database that does not exist."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "elsewhere"


@pytest.mark.usefixtures("history")
def test_it_reads_where_the_router_reads_unless_a_database_is_given(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Router"]
    with pytest.raises(ConnectionDoesNotExist, match="elsewhere"):
        run("events")
    assert run("events", "--database=default").count("\n") == 10


class TestFile:
    @pytest.fixture(autouse=True)
    def _history(self, history: None) -> None: ...

    def test_it_has_the_same_content_as_standard_output(self, tmp_path: Path) -> None:
        path = tmp_path / "events.csv"
        assert run("events", "--output", path) == ""
        assert path.read_text(encoding="utf-8") == run("events")
        assert list(tmp_path.iterdir()) == [path]

    def test_it_replaces_an_existing_file_and_keeps_its_permissions(self, tmp_path: Path) -> None:
        path = tmp_path / "events.csv"
        path.write_text("old", encoding="utf-8")
        path.chmod(0o640)
        run("events", "--output", path)
        assert path.read_text(encoding="utf-8") == run("events")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_a_link_is_followed(self, tmp_path: Path) -> None:
        link, path = tmp_path / "latest.csv", tmp_path / "events.csv"
        link.symlink_to(path)
        run("events", "--output", link)
        assert link.is_symlink()
        assert path.read_text(encoding="utf-8") == run("events")

    def test_an_existing_file_stays_unchanged_if_the_export_fails(self, tmp_path: Path, monkeypatch: Any) -> None:
        path = tmp_path / "events.csv"
        path.write_text("old", encoding="utf-8")

        def copy(rows: Any, write: Any, form: str) -> int:
            write(memoryview(b"half"))
            raise RuntimeError

        monkeypatch.setattr(export, "copy", copy)
        with pytest.raises(RuntimeError):
            run("events", "--output", path)
        assert path.read_text(encoding="utf-8") == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_only_regular_files_are_replaced(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
            with pytest.raises(CommandError, match="is not a file that can be replaced: redirect the standard output"):
                run("events", "--output", path)
        assert (tmp_path / "pipe").is_fifo()

    def test_a_missing_directory_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"No such file or directory: .*nowhere"):
            run("events", "--output", tmp_path / "nowhere" / "events.csv")


class TestStandardOutput:
    @pytest.fixture(autouse=True)
    def _history(self, history: None) -> None: ...

    def test_it_gets_bytes_in_utf_8_whatever_its_own_encoding_is(self) -> None:
        backdating.write(backdating.Stay("hall", "zoe", None, NINE + 5 * HOUR, data={"name": "Zoë 漢字"}))
        raw = BytesIO()
        out = TextIOWrapper(raw, encoding="ascii", newline="\r\n")
        call_command("export_presence", "events", stdout=out, stderr=StringIO())
        assert raw.getvalue().decode() == run("events")
        assert "Zoë 漢字" in run("events")

    def test_the_number_of_rows_is_written_to_standard_error(self) -> None:
        stderr = StringIO()
        run("sessions", stderr=stderr)
        run("events", "--room=nowhere", stderr=stderr)
        run("events", stderr=stderr, verbosity=0)
        assert stderr.getvalue() == "Exported 4 sessions.\nExported 0 events.\n"

    def test_a_terminal_shows_the_number_of_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(export_presence, "_LINES_PER_UPDATE", 4)
        terminal = Terminal()
        out = run("events", stderr=terminal)
        assert terminal.getvalue() == "\r4 lines\r8 lines\rExported 9 events.\n"
        assert out == run("events")

    def test_a_terminal_that_shows_the_rows_does_not_show_their_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(export_presence, "_LINES_PER_UPDATE", 1)
        out, stderr = Terminal(), Terminal()
        call_command("export_presence", "events", stdout=out, stderr=stderr)
        assert stderr.getvalue() == "Exported 9 events.\n"
        assert out.getvalue() == run("events")


class Process(subprocess.Popen[bytes]):
    """The command in its own process, on the test database."""

    def __init__(self, *arguments: Any, code: str = "", stdout: int = subprocess.PIPE) -> None:
        parameters = connection.settings_dict
        url = (
            f"postgresql://{parameters['USER']}:{parameters['PASSWORD']}@/{parameters['NAME']}"
            f"?host={parameters['HOST']}&port={parameters['PORT'] or 5432}"
        )
        super().__init__(
            [sys.executable, *(["-c", code] if code else ["-m", "django", "export_presence"]), *map(str, arguments)],
            env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            stdout=stdout,
            stderr=subprocess.PIPE,
        )

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self.kill()
        super().__exit__(*error)


MEMORY = """
import resource, sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "export_presence", "events", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


class TestProcess:
    @committed
    def test_a_reader_that_closes_the_pipe_early_causes_no_error_message(self) -> None:
        write_touches(20_000)
        with Process("events") as process:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"id,kind,room")
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == b""
        assert process.returncode == 128 + signal.SIGPIPE

    @committed
    def test_ctrl_c_leaves_no_file_and_no_running_query(self, tmp_path: Path) -> None:
        path = tmp_path / "events.csv"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE presence_event IN ACCESS EXCLUSIVE MODE")

            def waiting() -> Any:
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return cursor.fetchone()[0]

            with Process("events", "--output", path) as process:
                wait_until(waiting)
                assert len(list(tmp_path.iterdir())) == 1
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=120)
            assert b"KeyboardInterrupt" in errors
            assert process.returncode != 0
            assert not list(tmp_path.iterdir())
            wait_until(lambda: not waiting())

    @forms
    @committed
    def test_memory_use_does_not_grow_with_the_number_of_rows(self, form: str) -> None:
        write_touches(200_000)
        start = (timezone.now() - timedelta(seconds=1000)).isoformat()
        peaks = []
        for arguments in ([f"--from={start}"], []):
            with Process(*arguments, "--format", form, code=MEMORY, stdout=subprocess.DEVNULL) as process:
                _, errors = process.communicate(timeout=120)
            message, peak = errors.decode().splitlines()
            peaks.append((int(message.split()[1].replace(",", "")), int(peak)))
        (few, one), (many, other) = peaks
        assert 0 < few <= 1000
        assert many == 200_000
        assert other - one < 4 * 1024
