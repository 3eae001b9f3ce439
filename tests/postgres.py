"""The PostgreSQL server of the tests: the one that DATABASE_URL names, or else the embedded one of the demo."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_DEMO = Path(__file__).parent.parent / "docs" / "demo" / "postgres.py"
_PREFIX = "presence-tests-"


def _place() -> Path:
    """Where the data is: in memory if there is enough.

    The tests create and delete many files. On ext4, that takes up to a quarter of their time: it looks for inodes that
    were not deleted recently. Benchmarks import this module, too, and measure the disk.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the directory that it makes there is private
    enough = memory.is_dir() and shutil.disk_usage(memory).free > 8 * 1024**3
    return memory if enough and "pytest" in sys.modules else Path(tempfile.gettempdir())


_PLACE = _place()
if Path(tempfile.gettempdir()) != _PLACE:
    os.environ["PRESENCE_POSTGRES_DATA"] = str(_PLACE)  # also for the demo, which tests start
_spec = importlib.util.spec_from_file_location("demo_postgres", _DEMO)
assert _spec is not None
assert _spec.loader is not None
embedded = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(embedded)

_given = os.environ.get("DATABASE_URL")
_preferred = os.environ.get("PRESENCE_TEST_PREFER", "")
if Path(_preferred).is_dir() if Path(_preferred).is_absolute() else _preferred in embedded.PACKAGES:
    os.environ["PRESENCE_POSTGRES"] = _preferred
_OPTIONS = {
    "max_connections": "200",
    "max_prepared_transactions": "2",
    # Statistics, and thus plans, would depend on the rows that other tests had in the tables when it ran.
    "autovacuum": "off",
}
# Each process that runs tests has a server of its own.
_server = embedded.Postgres(
    _PLACE / f"{_PREFIX}{os.getpid()}",
    options=(*embedded.FAST, *(part for option in _OPTIONS.items() for part in ("-c", "=".join(option)))),
)


def description() -> str:
    """Returns which server is used, for the header of the test report."""
    return urlsplit(_given).hostname or "DATABASE_URL" if _given else str(embedded.binaries())


def settings(address: str | None = None) -> dict[str, Any]:
    """Returns an entry for DATABASES: for ``address``, or for the server of the tests."""
    url = urlsplit(address or _given or _server.url)
    query = dict(parse_qsl(url.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path[1:]),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": query.pop("host", url.hostname or ""),
        "PORT": str(url.port or ""),
        "OPTIONS": query,
    }


def start() -> None:
    if not _given:
        _remove_servers_of_killed_runs()
        _server.start()


def _remove_servers_of_killed_runs() -> None:
    """Looks for them where processes can be seen in /proc."""
    own = embedded.PRIVATE.glob(f"presence-postgres-{os.geteuid()}-*/place")
    homes = [*(Path(file.read_text(encoding="utf-8")) for file in own), *_PLACE.glob(f"{_PREFIX}*")]
    for home in homes if Path("/proc/self").exists() else ():
        pid = home.name.removeprefix(_PREFIX)
        if pid.isdecimal() and not Path("/proc", pid).exists():
            # Another run may do the same.
            with suppress(FileNotFoundError):
                embedded.Postgres(home).remove()


def stop() -> None:
    if not _given:
        _server.remove()
