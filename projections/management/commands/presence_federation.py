"""manage.py presence_federation: prints the SQL of a reporting database that reads from several clusters."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from psycopg.sql import Identifier, Literal

from presence_events import sql
from presence_events.databases.rooms import aliases
from projections.management.errors import FAILED
from projections.management.output import closed_pipe_exits

_VIEWS = (
    "presence_session",
    "presence_event",
    "presence",
    "presence_open_stay",
    "presence_room",
    "presence_process",
    "presence_segment",
)
_OF_SETTINGS = {"HOST": "host", "PORT": "port", "NAME": "dbname"}
_OF_OPTIONS = (
    "channel_binding",
    "connect_timeout",
    "gssencmode",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "service",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
)
"""What is taken over from the OPTIONS of a database, without all that is secret."""

_READING = {
    "async_capable": "true",
    "extensions": "postgres_fdw",
    "fetch_size": "10000",
    "truncatable": "false",
    "updatable": "false",
}


class Command(BaseCommand):
    help = (
        "Prints the SQL of a reporting database, for psql. In it, the views and functions for reports have the rows of "
        "all clusters, which PostgreSQL asks at the same time (postgres_fdw). It prints no passwords. The exit status "
        "is 2 if the command fails."
    )
    # It needs no database.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "databases",
            nargs="*",
            metavar="ALIAS",
            help="aliases of the databases to read from (default: all that can have rooms)",
        )
        parser.add_argument(
            "--user", default="reports", help="the role to log in as, which may only read (default: %(default)s)"
        )
        parser.add_argument(
            "--schema",
            default="public",
            help="the schema of the tables, in the clusters and here (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = options["databases"] or aliases()
        for alias in chosen:
            if alias not in connections or connections[alias].vendor != "postgresql":
                raise CommandError(f"{alias!r} is not a PostgreSQL database of DATABASES.", returncode=FAILED)
        with closed_pipe_exits(self.stdout):
            self.stdout.write(_text(chosen, options["user"], options["schema"]))


def _text(databases: Collection[str], user: str, schema: str) -> str:
    clusters = [
        _template("cluster").format(
            alias=alias,
            variable=f"PRESENCE_PASSWORD_{re.sub(r'[^A-Za-z0-9]', '_', alias).upper()}",
            server=_server(alias),
            options=", ".join(f"{name} {_quoted(value)}" for name, value in _options(alias).items()),
            user=_quoted(user),
            schema=Identifier(schema).as_string(),
        )
        for alias in databases
    ]
    begin = _template("begin").format(schema=Identifier(schema).as_string())
    return "\n".join([begin, *clusters, *(_view(name, databases) for name in _VIEWS), _template("functions")])


def _view(name: str, databases: Collection[str]) -> str:
    parts = [_template(name).format(alias=_quoted(alias), server=_server(alias)) for alias in databases]
    if name == "presence_segment":
        parts.append(_template("open_segments"))
    return f"CREATE VIEW {name} AS\n" + "\nUNION ALL\n".join(parts) + ";"


def _options(alias: str) -> dict[str, str]:
    settings = connections[alias].settings_dict
    found = {name: settings[key] for key, name in _OF_SETTINGS.items()}
    found |= {name: settings["OPTIONS"].get(name) for name in _OF_OPTIONS}
    return {name: str(value) for name, value in found.items() if value not in (None, "")} | _READING


def _server(alias: str) -> str:
    """Returns the name of the foreign server of a database, and of the schema of its foreign tables."""
    return Identifier(f"presence_{alias}").as_string()


def _template(name: str) -> str:
    return sql.read("projections", f"federation/{name}")


def _quoted(text: str) -> str:
    return Literal(text).as_string()
