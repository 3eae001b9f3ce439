"""The function and the router of docs/operations/clusters.md, in a site with three databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import postgres
from tests.docs.pages import blocks
from tests.sites import Site, new_site

ALIASES = ("default", "presence-2", "presence-3")


@pytest.fixture
def clusters(tmp_path: Path, django_db_modify_db_settings: None) -> Iterator[Site]:
    with ExitStack() as stack:
        sites = [stack.enter_context(new_site(tmp_path, postgres.settings())) for _ in ALIASES]
        databases = {alias: site._database for alias, site in zip(ALIASES, sites, strict=True)}
        (settings,) = blocks("docs/operations/clusters.md", "text")
        names = dict(line.split(" = ") for line in settings.splitlines() if " = " in line)
        sites[0].write("mysite/clusters.py", blocks("docs/operations/clusters.md", "python")[0])
        sites[0].configure(DATABASES=databases, **{name: eval(value) for name, value in names.items()})  # noqa: S307
        yield sites[0]


def test_presence_is_in_all_databases_and_everything_else_in_one(clusters: Site) -> None:
    for alias in ALIASES:
        assert clusters.manage("migrate", "--database", alias, "--verbosity", "0").stderr == ""
    assert clusters.manage("check", *(f"--database={alias}" for alias in ALIASES)).returncode == 0
    printed = clusters.run("""
        from django.contrib.auth import get_user_model
        from django.db import connections
        from presence_events.databases.rooms import alias_of_room
        from projections.models import PresenceSession, Room
        ada = get_user_model().objects.create_user("ada")
        rooms = [f"room-{number}" for number in range(20)]
        for room in rooms:
            assert Room.objects.add(room, "channel", ada)._state.db == alias_of_room(room)
            assert [member.user for member in Room.objects.present(room)] == [ada]
            assert list(Room.named(room).get_users()) == [ada]
        assert ada.presence_set.count() < len(rooms)
        ada.delete()
        for alias in connections:
            tables = connections[alias].introspection.table_names()
            stays = PresenceSession.objects.using(alias).filter(is_open=False).count()
            print(alias, "auth_user" in tables, "presence_open_stay" in tables, stays > 0)
    """)
    assert printed.splitlines() == [
        "default True True True",
        "presence-2 False True True",
        "presence-3 False True True",
    ]
