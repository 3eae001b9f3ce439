"""manage.py presence_partitions."""

from __future__ import annotations

import re
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from presence_events.recorder import Draft, record
from tests import segments

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("maintained_log")]


def run(*arguments: str) -> tuple[list[str], str]:
    out, error = StringIO(), StringIO()
    call_command("presence_partitions", *arguments, stdout=out, stderr=error)
    return out.getvalue().splitlines(), error.getvalue()


def test_it_creates_segments_and_lists_them() -> None:
    record([Draft("join", "room", "channel")])
    with segments.on(date(2126, 11, 29)):
        lines, told = run()
        assert told == "6 created, 0 closed\n"
        assert run()[1] == "0 created, 0 closed\n"
    assert re.split("  +", lines[0]) == ["part", "from", "to", "state", "events", "positions", "MB"]
    rows = [re.split("  +", line)[:6] for line in lines[1:]]
    assert rows[0] == ["stays", "-", "2126-11-30", "open", "~0", "-"]
    assert rows[3] == ["stays", "2127-02-01", "-", "open", "~0", "-"]
    assert [row[0] for row in rows] == ["stays"] * 4 + ["touches"] * 4


def test_it_closes_segments_and_then_knows_their_figures() -> None:
    joined, touched = record([Draft("join", "room", "channel"), Draft("touch", "room", "channel")])
    segments.divide("stays", date(2999, 1, 1))
    with segments.on(date(2999, 1, 1)):
        lines, told = run()
    assert told.endswith(" 1 closed\n")
    assert re.split("  +", lines[1])[:6] == ["stays", "-", "2998-12-31", "closed", "1", f"{joined.id}-{joined.id}"]
    assert touched.id > joined.id


def test_the_list_changes_nothing() -> None:
    lines, told = run("--list", "--database", "default")
    assert len(lines) == 3
    assert told == ""
    assert segments.names("stays") == ["first"]


def test_it_says_nothing_but_the_list_without_verbosity() -> None:
    assert run("--verbosity", "0")[1] == ""


def test_another_role_may_only_list() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE reader")
        cursor.execute("GRANT SELECT ON presence_segment TO reader")
        cursor.execute("SET ROLE reader")
        try:
            assert len(run("--list")[0]) == 3
            with pytest.raises(CommandError, match="as the owner of the table presence_event") as raised:
                run()
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("REVOKE ALL ON presence_segment FROM reader")
            cursor.execute("DROP ROLE reader")
    assert raised.value.returncode == 2
    assert segments.names("stays") == ["first"]
