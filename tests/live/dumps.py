"""Dumps and restores databases as the documentation describes, with PostgreSQL's own programs."""

from __future__ import annotations

import subprocess

from tests.live.databases import Cluster
from tests.postgres import embedded


def dump(cluster: Cluster, *options: str) -> str:
    """Returns the database as SQL: all of it, or what the ``options`` of pg_dump select."""
    return _run("pg_dump", cluster, *options, cluster.database)


def restore(cluster: Cluster, dumped: str) -> None:
    """Creates the database, which must not exist, from the result of `dump`."""
    _run("createdb", cluster, cluster.database)
    execute(cluster, dumped)


def drop(cluster: Cluster) -> None:
    _run("dropdb", cluster, cluster.database)


def execute(cluster: Cluster, script: str, **variables: str) -> None:
    """Runs a psql script in one transaction."""
    assigned = [f"--set={name}={value}" for name, value in variables.items()]
    _run("psql", cluster, "-qX1", "--set=ON_ERROR_STOP=1", *assigned, cluster.database, script=script)


def run_script(cluster: Cluster, script: str) -> None:
    """Runs a psql script that has its own transactions."""
    _run("psql", cluster, "-qX", cluster.database, script=script)


def _run(program: str, cluster: Cluster, *arguments: str, script: str = "") -> str:
    """Returns the standard output of ``program``. Fails if it writes to standard error."""
    done = subprocess.run(
        [embedded.binaries() / program, "-h", str(cluster.home), "-U", "postgres", *arguments],
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return str(done.stdout)
