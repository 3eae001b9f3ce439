"""Makes virtual environments on a machine that has only Python. The demo and the tests start this way.

It uses only the standard library, and only syntax that older versions of Python can read: they get as far as the
message that they are too old.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
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
        run_quietly(str(self.python), "-m", "pip", "install", "--disable-pip-version-check", *self.packages)
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
        sys.exit(
            f"{done.stdout}\nThe command above failed: {' '.join(command)}\n"
            "If the network was the reason, start again when it is available."
        )
