"""manage.py presence_archive."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from presence_events.archive import manifests
from projections.models import PresenceSession
from tests import archives, backdating
from tests.exported import read, rows_of
from tests.projections.management.test_export_presence import Terminal

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WRITTEN = ["--from=2026-03-01", "--to=2026-03-03"]


@pytest.fixture
def history(user: Any, other_user: Any) -> None:
    backdating.write(
        backdating.Stay("lobby", "a", user, NOON, NOON + HOUR, last_seen=NOON + HOUR / 2, data={"device": "phone"}),
        backdating.Stay("hall", "b", other_user, NOON + HOUR, NOON + 2 * HOUR, "prune", reason={"why": 'said "no"\n'}),
        backdating.Stay("hall", "c", None, NOON + 2 * HOUR, NOON + 30 * HOUR),
    )


def run(*arguments: Any, stderr: Any = None, **options: Any) -> str:
    out = StringIO()
    call_command("presence_archive", *map(str, arguments), stdout=out, stderr=stderr or StringIO(), **options)
    return out.getvalue()


def refused(*arguments: Any) -> str:
    with pytest.raises(CommandError) as error:
        run(*arguments)
    assert error.value.returncode in (1, 2)  # 1 is what call_command gives for the errors of argparse
    return str(error.value)


@pytest.mark.usefixtures("history")
class TestWrite:
    def test_it_prints_the_number_of_events_of_each_day(self, tmp_path: Path) -> None:
        assert run("write", tmp_path, *WRITTEN) == "2026-03-01: 6 events\n2026-03-02: 1 events\n"
        assert archives.files(tmp_path) == archives.in_log()

    def test_by_default_it_writes_the_days_that_are_missing(self, tmp_path: Path) -> None:
        yesterday = timezone.now().astimezone(UTC).date() - archives.A_DAY
        archives.age((NOON.date() - yesterday).days + 2)
        lines = run("write", tmp_path / "archive").splitlines()
        assert lines[:2] == [f"{yesterday - 2 * archives.A_DAY}: 6 events", f"{yesterday - archives.A_DAY}: 1 events"]
        assert lines[2:] == [f"{yesterday}: 0 events"]
        assert run("write", tmp_path / "archive") == "The archive has every day that is over.\n"
        for path in (tmp_path / "archive").glob(f"{yesterday}*"):
            path.unlink()
        assert run("write", tmp_path / "archive") == f"{yesterday}: 0 events\n"

    def test_progress_is_shown_on_a_terminal(self, tmp_path: Path) -> None:
        terminal = Terminal()
        run("write", tmp_path, *WRITTEN, stderr=terminal)
        assert "Archiving touches of 2026-03-01" in terminal.getvalue()
        quiet = Terminal()
        run("write", tmp_path / "other", *WRITTEN, stderr=quiet, verbosity=0)
        assert quiet.getvalue() == ""

    def test_errors_have_a_reason_and_the_status_2(self, tmp_path: Path) -> None:
        assert "2999-12-31 can be archived from 3000-01-01" in refused("write", tmp_path, "--to=3000-01-01")
        assert "'yesterday' is not a day" in refused("write", tmp_path, "--from=yesterday")
        (tmp_path / "file").touch()
        assert "Not a directory" in refused("write", tmp_path / "file" / "archive", *WRITTEN)

    def test_without_the_packages(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.setitem(sys.modules, "duckdb", None)
        for action in ("write", "verify", "query"):
            moment = [f"--at={NOON.isoformat()}"] if action == "query" else []
            message = refused(action, tmp_path, *moment)
            assert 'Run pip install "django-presence-events[archive]".' in message


def test_an_empty_log_gives_an_empty_archive(tmp_path: Path) -> None:
    assert run("write", tmp_path) == "The archive has every day that is over.\n"


@pytest.mark.usefixtures("history")
class TestVerify:
    def test_an_archive_without_problems(self, tmp_path: Path) -> None:
        run("write", tmp_path, *WRITTEN)
        terminal = Terminal()
        assert run("verify", tmp_path, "--database=default", stderr=terminal) == "The archive has no problems.\n"
        assert "Verified 2026-03-01" in terminal.getvalue()

    def test_problems_give_the_status_1(self, tmp_path: Path) -> None:
        run("write", tmp_path, *WRITTEN)
        manifests.file_path(tmp_path, DAY, "touches").unlink()
        out = StringIO()
        with pytest.raises(SystemExit) as status:
            call_command("presence_archive", "verify", str(tmp_path), stdout=out, stderr=StringIO())
        assert status.value.code == 1
        assert out.getvalue() == "2026-03-01.touches.parquet: it is missing.\n"

    def test_a_missing_directory_gives_the_status_2(self, tmp_path: Path) -> None:
        assert "No such file or directory" in refused("verify", tmp_path / "nowhere")


@pytest.mark.usefixtures("history")
class TestQuery:
    @pytest.fixture(autouse=True)
    def _archive(self, history: None, tmp_path: Path) -> None:
        run("write", tmp_path, *WRITTEN)

    def test_rows_equal_those_of_the_orm(self, tmp_path: Path) -> None:
        span = [f"--from={NOON.isoformat()}", f"--to={(NOON + 3 * HOUR).isoformat()}"]
        found = read(run("query", tmp_path, *span, "--format=jsonl"), "jsonl", PresenceSession)
        assert found == rows_of(PresenceSession.objects.all())
        moment = NOON + HOUR / 2
        found = read(run("query", tmp_path, f"--at={moment.isoformat()}", "--format=jsonl"), "jsonl", PresenceSession)
        assert found == rows_of(PresenceSession.objects.at(moment))

    def test_csv_is_the_default(self, tmp_path: Path, user: Any) -> None:
        header, line = run("query", tmp_path, f"--at={NOON.isoformat()}").splitlines()
        assert header.split(",") == [field.column for field in PresenceSession._meta.concrete_fields]
        session = PresenceSession.objects.earliest("joined_at").session
        assert line.startswith(f"{session},lobby,a,{user.pk},2026-03-01T")
        assert line.endswith(",false,leave,,3600.0")

    @pytest.mark.parametrize(
        ("narrowed", "channels"), [(["--room=hall"], ["b", "c"]), (["--room=' OR 1 = 1 --"], []), ([], ["a", "b", "c"])]
    )
    def test_rows_of_a_room(self, tmp_path: Path, narrowed: list[str], channels: list[str]) -> None:
        out = run("query", tmp_path, "--from=2026-03-01T12:00Z", "--to=2027-01-01", "--format=jsonl", *narrowed)
        assert [row["channel_name"] for row in read(out, "jsonl", PresenceSession)] == channels

    def test_rows_of_a_user(self, tmp_path: Path, other_user: Any) -> None:
        out = run("query", tmp_path, "--from=2026-03-01T12:00Z", "--to=2027-01-01", f"--user={other_user.pk}")
        assert [line.split(",")[2] for line in out.splitlines()] == ["channel_name", "b"]

    @pytest.mark.parametrize(
        "times", [[], ["--from=2026-03-01"], ["--to=2026-03-01"], ["--at=2026-03-01", "--to=2026-03-02"]]
    )
    def test_a_moment_or_a_span_is_needed(self, tmp_path: Path, times: list[str]) -> None:
        assert refused("query", tmp_path, *times) == "Give either --at, or --from and --to."

    def test_a_time_that_the_archive_does_not_have_is_an_error(self, tmp_path: Path) -> None:
        assert "It has the days from 2026-03-01 to 2026-03-02" in refused("query", tmp_path, "--at=2026-02-01")
