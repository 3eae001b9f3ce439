"""Makes virtual environments on a machine that has only Python. The demo and the tests start this way.

It uses only the standard library, and only syntax that older versions of Python can read: they get as far as the
message that they are too old.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

CLONE = Path(__file__).resolve().parent.parent.parent


class Environment:
    """A virtual environment in ``home`` with ``packages``, which pip installs."""

    def __init__(self, home: Path, packages: Sequence[str]) -> None:
        self.home = home
        self.python = home / "bin" / "python"
        self.packages = tuple(packages)
        self._stamp = home / "installed"

    def is_current(self) -> bool:
        """Whether the environment is complete, and was made for this Python, this clone and these requirements."""
        return self._stamp.exists() and self._stamp.read_text() == self._fingerprint()

    def create(self) -> None:
        """Creates an empty environment in place of whatever is there. Exits with the output of ``venv`` if it fails."""
        run_quietly(sys.executable, "-m", "venv", "--clear", str(self.home))

    def install(self) -> None:
        """Installs the packages. Exits with the output of pip if it fails."""
        pip = (str(self.python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off")
        run_with_progress(*pip, *self.packages)
        self._stamp.write_text(self._fingerprint())

    def _fingerprint(self) -> str:
        requirements = hashlib.sha256((CLONE / "pyproject.toml").read_bytes()).hexdigest()
        return "\n".join([sys.version, sys.base_prefix, str(CLONE), *self.packages, requirements])


def problem() -> str | None:
    """Why this Python cannot make the environment, and what you can do about it. None if it can."""
    version = "{}.{}".format(*sys.version_info)
    if sys.version_info < (3, 11):  # noqa: UP036, this check is for older versions
        return f"You need Python 3.11 or later, and this is {version}. Start this with a newer one."
    if os.name != "posix":
        return "You need Linux or macOS. On Windows, use WSL."
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return (
            f"This Python {version} comes without venv, which makes virtual environments. Install it first:\n"
            f"    apt install python{version}-venv    (Debian, Ubuntu)\n"
            "or use a Python from python.org."
        )
    return None


def run_quietly(*command: str) -> None:
    """Runs ``command``. Prints its output only if it fails, and exits then."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    if done.returncode:
        _fail(command, done.stdout)


def run_with_progress(*command: str, interval: float = 1) -> None:
    """Runs ``command``, which is pip, and shows every ``interval`` seconds what it does, in one line of a terminal.

    If the output is no terminal, it prints a line whenever that is something else. Prints the output of pip only if it
    fails, and exits then.
    """
    lines: list[str] = []
    shown = ""
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1
    ) as process:
        reading = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        reading.start()
        while reading.is_alive():
            reading.join(interval)
            step = _step(lines)
            text = f"      {round(time.monotonic() - began)} s: {step}"
            if sys.stdout.isatty():
                print(f"\r{text:<78.78}", end="", flush=True)
            elif step != shown:
                print(text, flush=True)
            shown = step
    if sys.stdout.isatty():
        print(flush=True)
    if process.returncode:
        _fail(command, "".join(lines))


def _step(lines: list[str]) -> str:
    """What pip does, by the last of its lines that says so."""
    for line in reversed(lines):
        words = line.split()
        if words[:1] == ["Collecting"]:
            return "collecting " + re.split(r"[^\w.-]", words[1])[0]
        if words[:2] == ["Installing", "collected"]:
            return "installing the packages"
    return "starting pip"


def _fail(command: Sequence[str], output: str) -> None:
    sys.exit(
        f"{output}\nThe command above failed: {' '.join(command)}\n"
        "If the network was the reason, start again when it is available."
    )
