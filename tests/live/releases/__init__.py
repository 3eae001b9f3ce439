"""Databases of earlier releases, which tests upgrade.

``first_integer.sql`` and ``first_uuid.sql`` are dumps of a database of the first release, with some days of history:
one for each type of user keys. They have all that the two apps create, and the rows of ``django_migrations`` about
them. ``first_grants.sql`` has the GRANTs of that release for the application, and `old_code` its statements.

The first release is still to come. Until then, ``python -m tests.live.releases`` writes the three files again, and
`test_upgrades` fails if they differ from what the migrations create. From the release on, they stay as they are.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from tests.live.databases import Cluster
from tests.live.dumps import execute

DIRECTORY = Path(__file__).parent
GRANTS = DIRECTORY / "first_grants.sql"


def dump_file(user: str) -> Path:
    """Returns the dump for the user model that PRESENCE_TEST_USER chooses: ``"uuid"``, or another text."""
    return DIRECTORY / ("first_uuid.sql" if user == "uuid" else "first_integer.sql")


def load(cluster: Cluster) -> None:
    """Makes the empty database of ``cluster``, which Django is connected to, a database of the first release."""
    (app_label, _) = settings.AUTH_USER_MODEL.split(".")
    call_command("migrate", app_label, verbosity=0)
    execute(cluster, dump_file("uuid" if app_label == "accounts" else "").read_text())


def grant(cluster: Cluster, role: str) -> None:
    """Runs the GRANT files of the first release for ``role``, which has to exist."""
    execute(cluster, GRANTS.read_text(), role=role)
