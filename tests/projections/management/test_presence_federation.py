"""manage.py presence_federation: a reporting database that reads from several clusters."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.test import Client
from django.urls import reverse

from presence_events import sql
from presence_events.exceptions import BeforeHorizon
from presence_events.models import PresenceEvent
from projections.admin.links import stay_url
from projections.models import Presence, PresenceSession, Process, Room
from tests import clusters
from tests.clusters import CLUSTERS, ROOMS
from tests.postgres import embedded

pytestmark = pytest.mark.django_db(transaction=True)

REPORTS = "reports"
READER = f"presence_reader_{os.getpid()}"
PASSWORD = "a quote ' in it"
"""Of the role `READER`."""
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
STAYS = 3000

HISTORY = """
ALTER TABLE presence_event DISABLE TRIGGER USER;
INSERT INTO presence_event (id, kind, room, channel_name, user_id, session, since, at, last_seen, tx, day)
SELECT
    number, 'leave', %(room)s, 'channel-' || number, %(user)s, number, joined_at,
    joined_at + (number %% 400) * interval '1 s', joined_at, '3', joined_at::date
FROM generate_series(1, %(stays)s) AS number,
    LATERAL (SELECT %(begin)s + number * interval '1 min' AS joined_at) AS time;
ALTER TABLE presence_event ENABLE TRIGGER USER;
SELECT setval('presence_event_id_seq', %(stays)s), setval('presence_open_stay_id_seq', %(stays)s);
ANALYZE presence_event;
"""


@pytest.fixture
def history(transactional_db: None, settings: Any, user: Any) -> Iterator[None]:
    """Closed stays of one user in a room of each cluster, and an open one in each."""
    with clusters.databases(settings):
        for alias, room in zip(CLUSTERS, ROOMS, strict=True):
            with connections[alias].cursor() as cursor:
                cursor.execute(HISTORY, {"room": room, "user": user.pk, "stays": STAYS, "begin": BEGIN})
            Room.objects.add(room, "open", user, "here", exclusive="newest")
        yield


@pytest.fixture
def reports(history: None) -> Iterator[None]:
    """The database ``reports``, set up by what the command prints."""
    name = f"{connections['default'].settings_dict['NAME']}_reports"
    with connections["default"]._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        connections.settings[REPORTS] = {
            **connections.settings["default"],
            "ENGINE": "tests.tenant_backend",
            "NAME": name,
        }
        cursor.execute(f"CREATE ROLE {READER} LOGIN PASSWORD %s", [PASSWORD])
        try:
            for alias in CLUSTERS:
                grants = sql.read("projections", "grants/reports")
                psql(connections[alias].settings_dict["NAME"], grants, "--set", f"role={READER}")
            psql(name, printed("--user", READER))
            yield
        finally:
            connections[REPORTS].close()
            del connections.settings[REPORTS], connections[REPORTS]
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            for alias in CLUSTERS:
                execute(f"DROP OWNED BY {READER} RESTRICT", alias=alias)
            cursor.execute(f"DROP ROLE {READER}")


def printed(*arguments: str) -> str:
    output = StringIO()
    call_command("presence_federation", *arguments, stdout=output)
    return output.getvalue()


def psql(database: str, script: str, *options: str) -> None:
    """Runs ``script`` as the documentation does. Fails if it writes anything."""
    server = connections["default"].settings_dict
    account = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD"}
    variables = {name: str(server[key]) for name, key in account.items() if server[key]}
    variables |= {f"PRESENCE_PASSWORD_{alias.upper()}": PASSWORD for alias in CLUSTERS}
    done = subprocess.run(
        [embedded.binaries() / "psql", "-qX", "--set=ON_ERROR_STOP=1", *options, database],
        input=script,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    assert (done.stdout, done.stderr) == ("", "")


def execute(statement: str, *parameters: Any, alias: str = REPORTS) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)


def query(statement: str, *parameters: Any, alias: str = REPORTS) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def of_clusters(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Returns the rows of all clusters, each with its alias in front."""
    return [(alias, *row) for alias in CLUSTERS for row in query(statement, *parameters, alias=alias)]


def plan(statement: str, *parameters: Any) -> str:
    lines = [line for (line,) in query(f"EXPLAIN (VERBOSE) {statement}", *parameters)]
    return "\n".join(lines)


def remote_conditions(text: str) -> list[str]:
    """Returns what follows WHERE in the statements that the plan sends to the clusters."""
    sent = [line.partition("Remote SQL: ")[2] for line in text.splitlines() if "Remote SQL: " in line]
    return [statement.partition(" WHERE ")[2] for statement in sent]


MOMENT = BEGIN + timedelta(hours=2)


@pytest.mark.usefixtures("reports")
def test_the_functions_and_views_have_the_rows_of_all_clusters() -> None:
    stays = "SELECT session, room, joined_at, left_at, is_open, ended_by, day FROM {}"
    for source, parameters in {
        "presence_session AS s": (),
        "presence_at(%s) AS s": (MOMENT,),
        "presence_during(%s, %s) AS s": (MOMENT, MOMENT + timedelta(minutes=5)),
    }.items():
        found = query(stays.format(source).replace("SELECT", "SELECT cluster,"), *parameters)
        expected = of_clusters(stays.format(source), *parameters)
        assert sorted(found, key=str) == sorted(expected, key=str)
        assert len({row[0] for row in found}) == len(CLUSTERS)
    for room, alias in zip(ROOMS, CLUSTERS, strict=True):
        parameters = room, BEGIN, BEGIN + timedelta(hours=4)
        for statement in (
            "SELECT * FROM presence_occupancy(%s, %s, %s, '1 h')",
            "SELECT * FROM presence_attendance(%s, %s, %s) ORDER BY user_id",
        ):
            assert query(statement, *parameters) == query(statement, *parameters, alias=alias) != []
    assert len(query("SELECT * FROM presence WHERE is_exclusive AND last_seen > now() - interval '1 h'")) == 3
    with pytest.raises(DatabaseError, match="is in the future"):
        query("SELECT * FROM presence_at('infinity')")


@pytest.mark.usefixtures("reports")
def test_the_models_read_all_clusters(user: Any) -> None:
    stays = PresenceSession.objects.using(REPORTS)
    expected = sum(PresenceSession.objects.using(alias).at(MOMENT).of_user(user).count() for alias in CLUSTERS)
    assert stays.at(MOMENT).of_user(user).count() == expected > 3
    assert stays.in_room("acme-1").during(BEGIN, MOMENT).prefetch_related("user")[0].user == user
    assert PresenceEvent.objects.using(REPORTS).filter(room="acme-1", kind="leave").count() == STAYS
    assert list(PresenceEvent.objects.using(REPORTS).filter(room="acme-1", kind="join").values_list("data")) == [
        ("here",)
    ]
    assert sorted(room.channel_name for room in Room.objects.using(REPORTS)) == sorted(ROOMS)
    open_stay = Presence.objects.using(REPORTS).get(room="blue-1", last_seen__gte=BEGIN)
    assert (open_stay.last_seen, open_stay.is_exclusive) == (open_stay.touched_at, True)
    assert not Process.objects.using(REPORTS).exists()


class ReportsRouter:
    """As in docs/operations/federation.md."""

    past = ("projections.presencesession", "projections.timeline")

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return REPORTS if model._meta.label_lower in self.past else None


@pytest.mark.usefixtures("reports")
def test_the_admin_reads_stays_of_all_clusters(settings: Any, client: Client, admin_user: Any, user: Any) -> None:
    settings.DATABASE_ROUTERS = [ReportsRouter(), *settings.DATABASE_ROUTERS]
    client.force_login(admin_user)
    spans = {"from": BEGIN.isoformat(), "until": (BEGIN + timedelta(minutes=30)).isoformat()}
    url = reverse("admin:presence_timeline_data")
    drawn = client.get(url, {"user": user.pk, **spans}, follow=True).json()["stays"]
    assert {stay[7] for stay in drawn} == {*ROOMS}
    in_room = client.get(url, {"room": "acme-1", **spans}, follow=True).json()["stays"]
    assert len(in_room) == len(drawn) / 3
    stay = PresenceSession.objects.in_room("acme-1").get(is_open=True)
    assert stay._state.db == REPORTS
    page = client.get(stay_url(stay)).content.decode()
    (join,) = PresenceEvent.objects.using("acme").filter(kind="join")
    assert f">{join.pk}<" in page
    assert f"{reverse('admin:projections_presence_change', args=[stay.pk])}?database=acme" in page


@pytest.mark.usefixtures("reports")
def test_an_answer_begins_at_the_latest_horizon_of_all_clusters() -> None:
    with connections["acme"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_segment (name, part, state, last_at) VALUES ('gone', 'stays', 'removed', %s)",
            [MOMENT],
        )
    stays = PresenceSession.objects.using(REPORTS)
    with pytest.raises(BeforeHorizon):
        stays.at(MOMENT - timedelta(hours=1)).exists()
    assert stays.at(MOMENT + timedelta(minutes=1)).exists()
    with pytest.raises(DatabaseError, match="before the horizon"):
        query("SELECT * FROM presence_at(%s)", MOMENT - timedelta(hours=1))


@pytest.mark.usefixtures("reports")
def test_conditions_on_room_user_and_time_are_sent_to_the_clusters(user: Any) -> None:
    text = plan(
        "SELECT * FROM presence_session WHERE room = 'acme-1' AND user_id = %s AND joined_at < %s", user.pk, MOMENT
    )
    assert text.count("Async Foreign Scan") == 3
    for condition in remote_conditions(text):
        assert "room = 'acme-1'" in condition
        assert "user_id = " in condition
        assert "joined_at < '2026-03-01 02:00:00" in condition
    assert "Filter" not in text


@pytest.mark.usefixtures("reports")
@pytest.mark.parametrize("source", ["presence_at(%s)", "presence_during(%s, %s)"])
def test_the_functions_send_what_the_indexes_of_the_clusters_need(source: str) -> None:
    text = plan(f"SELECT * FROM {source} AS s WHERE room = 'acme-1'", *[MOMENT] * source.count("%s"))
    conditions = remote_conditions(text)
    assert len(conditions) >= 3
    for condition in conditions:
        assert "room = 'acme-1'" in condition
        assert "public.presence_lasts(joined_at, left_at, is_open, '2026-03-01 02:00:00+00'" in condition
    with connections["acme"].cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT * FROM presence_session WHERE {conditions[0]}")
        plan_of_cluster = [line for (line,) in cursor.fetchall()]
    assert any("Index Cond" in line and "width_bucket" in line for line in plan_of_cluster), "\n".join(plan_of_cluster)


@pytest.mark.usefixtures("reports")
def test_the_queries_of_the_models_send_them_too(user: Any) -> None:
    stays = PresenceSession.objects.using(REPORTS).in_room("acme-1").of_user(user).at(MOMENT)
    statement, parameters = stays.query.get_compiler(REPORTS).as_sql()
    for condition in remote_conditions(plan(statement, *parameters)):
        assert "room = 'acme-1'" in condition
        assert "user_id = " in condition
        assert "presence_lasts(" in condition


@pytest.mark.usefixtures("reports")
def test_moments_of_another_table_or_of_a_query_are_sent_but_not_now() -> None:
    statement = "SELECT * FROM unnest(%s::timestamptz[]) AS moment, LATERAL (SELECT * FROM presence_at(moment)) AS s"
    assert all(
        "presence_lasts(joined_at, left_at, is_open, $" in part for part in remote_conditions(plan(statement, [MOMENT]))
    )
    of_now = remote_conditions(plan("SELECT * FROM presence_session WHERE left_at > now() - interval '1 hour'"))
    assert of_now == ["", "", ""]
    evaluated = plan("SELECT * FROM presence_session WHERE left_at > (SELECT now() - interval '1 hour')")
    assert all("left_at > $1" in part for part in remote_conditions(evaluated))


@pytest.mark.usefixtures("reports")
def test_a_condition_with_the_name_of_a_cluster_asks_no_other() -> None:
    text = plan("SELECT count(*) FROM presence_session WHERE cluster = 'acme'")
    assert len(remote_conditions(text)) == 1
    assert "presence_acme" in text


@pytest.mark.usefixtures("reports")
def test_the_clusters_are_asked_as_the_role_that_may_only_read() -> None:
    ((options,),) = query("SELECT umoptions FROM pg_user_mappings WHERE srvname = 'presence_acme'")
    assert options == [f"user={READER}", f"password={PASSWORD}"]
    execute("IMPORT FOREIGN SCHEMA public LIMIT TO (presence_checkpoint) FROM SERVER presence_acme INTO public")
    with pytest.raises(DatabaseError, match="permission denied for table presence_checkpoint"):
        query("SELECT * FROM presence_checkpoint")


@pytest.mark.usefixtures("reports")
def test_nothing_can_be_written_through_it() -> None:
    for statement in (
        "INSERT INTO presence_acme.presence_event (kind) VALUES ('join')",
        "TRUNCATE presence_acme.presence_room",
    ):
        with pytest.raises(DatabaseError, match="not allow"):
            query(statement)


@pytest.mark.usefixtures("reports")
def test_it_can_be_set_up_again() -> None:
    psql(connections[REPORTS].settings_dict["NAME"], printed("acme", "--user", READER))
    assert query("SELECT DISTINCT cluster FROM presence_session") == [("acme",)]


@pytest.mark.usefixtures("history")
def test_a_database_with_the_tables_of_presence_is_not_changed() -> None:
    with pytest.raises(RuntimeError, match='"presence_event" is not a view'):
        psql(connections["acme"].settings_dict["NAME"], printed())
    assert PresenceSession.objects.using("acme").at(MOMENT).exists()


def test_no_password_is_printed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    database = connections["default"].settings_dict
    monkeypatch.setitem(database, "HOST", "it's far")
    monkeypatch.setitem(database, "PORT", 5433)
    monkeypatch.setitem(database, "PASSWORD", "secret")
    options = {"sslmode": "verify-full", "sslpassword": "secret", "passfile": "/secret", "pool": True}
    monkeypatch.setitem(database, "OPTIONS", options)
    text = printed("--user", "o'reader", "--schema", "site")
    assert "secret" not in text
    assert "OPTIONS (host 'it''s far', port '5433', " in text
    assert "sslmode 'verify-full', async_capable 'true'" in text
    assert 'SET LOCAL search_path = "site"' in text
    assert "OPTIONS (user 'o''reader')" in text
    assert 'IMPORT FOREIGN SCHEMA "site"' in text
    assert "\\getenv password PRESENCE_PASSWORD_DEFAULT\n" in text


def test_an_alias_that_is_no_database_is_refused() -> None:
    with pytest.raises(CommandError, match="'elsewhere' is not a PostgreSQL database") as raised:
        printed("elsewhere")
    assert raised.value.returncode == 2
