"""Runs the tests on a machine that has only Python: ``python3 tests/run.py``.

It makes a virtual environment with tox below ``.tox`` and runs the environments of ``tox.ini`` in it, one after the
other. Before that it says what it will run and what it will skip, and why. It uses only the standard library.

    python3 tests/run.py                        everything that this machine can run
    python3 tests/run.py quick                  the tests without servers and browsers, for daily work
    python3 tests/run.py lint full              these environments
    python3 tests/run.py full -- -k timeline    arguments after -- go to pytest

The exit status is 0 if everything passed, and 1 otherwise. With ``CI`` in the environment, anything that would be
skipped is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "demo"))
import environment  # noqa: E402

RUNNER = environment.Environment(ROOT / ".tox" / "runner", ["tox>=4.30,<5"])
IN_CI = bool(os.environ.get("CI"))

ENVIRONMENTS = {
    "lint": ("style, and migrations that are complete", "a few seconds", ()),
    "types": ("mypy and pyright, strict", "half a minute", ()),
    "package": ("the wheel, built, installed and used", "half a minute", ()),
    "docs": ("the documentation site", "half a minute", ("3.12", "3.13")),
    "quick": ("the tests without servers and browsers", "1 to 2 minutes", ()),
    "live": ("the tests with servers, browsers and crowds", "6 to 10 minutes", ()),
    "full": ("every test on the oldest Django: before a release", "10 to 20 minutes", ()),
    "latest": (
        "the latest Django, PostgreSQL 15, users with UUID keys; the coverage",
        "7 to 10 minutes",
        ("3.12", "3.13"),
    ),
}
"""What each does, how long it takes on two cores, and which Python it needs, if not any."""

BY_DEFAULT = ("lint", "types", "package", "docs", "live", "latest")
PYTHONS = ("3.11", "3.12", "3.13")


def main() -> int:
    problem = environment.problem()
    if problem:
        sys.exit(problem)
    arguments = sys.argv[1:]
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0
    at = arguments.index("--") if "--" in arguments else len(arguments)
    chosen, for_pytest = arguments[:at], arguments[at + 1 :]
    unknown = [name for name in chosen if name not in ENVIRONMENTS]
    if unknown:
        sys.exit(f"There is no environment {', '.join(unknown)}. Choose from: {', '.join(ENVIRONMENTS)}.")
    find_pyenv_versions()
    runs, skips = plan(chosen or list(BY_DEFAULT))
    show(runs, skips)
    if IN_CI and skips:
        sys.exit("In CI a skip is a failure.")
    prepare(runs)
    return run(runs, for_pytest)


def find_pyenv_versions() -> None:
    """Adds the interpreters of pyenv to PATH, where tox finds them."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [str(path) for version in PYTHONS for path in sorted(root.glob(f"versions/{version}.*/bin"))]
    os.environ["PATH"] = os.pathsep.join([*found, os.environ["PATH"]])


def plan(chosen: list[str]) -> tuple[list[str], list[str]]:
    """The environments to run, and a line for each thing that is skipped."""
    own = "{}.{}".format(*sys.version_info)
    available = [version for version in PYTHONS if version == own or shutil.which(f"python{version}")]
    runs, skips = [], []
    for name in chosen:
        needed = ENVIRONMENTS[name][2]
        if needed and not set(needed) & set(available):
            skips.append(f"{name}: it needs Python {' or '.join(needed)}, and this machine has {', '.join(available)}")
        else:
            runs.append(name)
    if set(BY_DEFAULT) <= set(chosen):
        lacking = [version for version in PYTHONS if version not in available]
        skips += [f"Python {version}: not found, so the environments share the others" for version in lacking]
    if {"live", "full"} & set(runs):
        browsers = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
        if not any(map(shutil.which, browsers)):
            skips.append("the tests in a browser: there is no Chromium or Chrome (Debian: apt install chromium)")
        if not shutil.which("pgbouncer") and not Path("/usr/sbin/pgbouncer").exists():
            skips.append("the tests behind PgBouncer: it is not installed (Debian: apt install pgbouncer)")
        if not shutil.which("nginx") and not Path("/usr/sbin/nginx").exists():
            skips.append("the deployment behind nginx: it is not installed (Debian: apt install nginx-light)")
    if {"quick", "live", "full", "latest"} & set(runs) and not shutil.which("xgettext"):
        skips.append("one test of the translations: gettext is not installed (Debian: apt install gettext)")
    if "latest" in runs and not Path("/usr/lib/postgresql/15/bin/initdb").exists():
        skips.append("PostgreSQL 15: it is not installed, so `latest` runs on the embedded server too")
    return runs, skips


def show(runs: list[str], skips: list[str]) -> None:
    database = "the server in DATABASE_URL" if os.environ.get("DATABASE_URL") else "an embedded PostgreSQL of their own"
    print(f"The tests run on {database}.")
    for name in runs:
        what, duration, _ = ENVIRONMENTS[name]
        print(f"  run   {name:<8} {what} ({duration})")
    for skip in skips:
        print(f"  skip  {skip}")
    print(flush=True)


def prepare(runs: list[str]) -> None:
    if not RUNNER.is_current():
        print("Installing tox in", RUNNER.home, flush=True)
        RUNNER.create()
        RUNNER.install()
    print("Making the environments (2 to 4 minutes the first time)", flush=True)
    # pip keeps one core busy at most, so two environments are made at a time.
    failed = tox("run-parallel", "--parallel", "2", "--parallel-no-spinner", "--notest", "-q", "-e", ",".join(runs))
    if failed:
        sys.exit("An environment could not be made: see above.")


def run(runs: list[str], for_pytest: list[str]) -> int:
    results = []
    for number, name in enumerate(runs, 1):
        what = ENVIRONMENTS[name][0]
        print(f"\n[{number}/{len(runs)}] {name}: {what}", flush=True)
        began = time.monotonic()
        status = tox("run", "-q", "-e", name, *(["--", *for_pytest] if for_pytest else []))
        minutes, seconds = divmod(round(time.monotonic() - began), 60)
        results.append((name, status == 0, f"{minutes} min {seconds} s"))
    print()
    for name, passed, duration in results:
        print(f"{'passed' if passed else 'FAILED'}  {name:<8} {duration}")
    return 0 if all(passed for _, passed, _ in results) else 1


def tox(*arguments: str) -> int:
    command, *options = arguments
    required = "--skip-missing-interpreters=false"  # `plan` has left out what cannot run
    done = subprocess.run([str(RUNNER.python), "-m", "tox", command, required, *options], cwd=ROOT, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
