"""Starts the demo on a machine that has nothing but Python: ``python3 docs/demo/run.py``.

Makes a virtual environment beside this file, installs the library from this clone into it, and hands over to
`serve.py` there. Only the standard library is used, and only syntax that older versions of Python can read, so that
they get to the message that they are too old.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parent
CLONE = DEMO.parent.parent
ENVIRONMENT = DEMO / ".demo" / "venv"
PYTHON = ENVIRONMENT / "bin" / "python"


def main() -> None:
    problem = what_is_missing()
    if problem:
        sys.exit(problem)
    from alone import AlreadyRunning, alone

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: pip is not left running
    try:
        with alone(DEMO / ".demo"):
            prepare()
        os.execv(PYTHON, [str(PYTHON), str(DEMO / "serve.py"), *sys.argv[1:]])
    except KeyboardInterrupt:
        print("\nStopped.")
    except (AlreadyRunning, OSError) as error:
        sys.exit(f"The demo cannot start: {error}")


def what_is_missing() -> str | None:
    """What keeps this Python from running the demo, and what to do about it."""
    version = "{}.{}".format(*sys.version_info)
    if sys.version_info < (3, 11):  # noqa: UP036, that is what it is here for
        return f"The demo needs Python 3.11 or later, and this is {version}. Start it with a newer one."
    if os.name != "posix":
        return "The demo needs Linux or macOS. On Windows it runs in WSL."
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return (
            f"This Python {version} comes without venv, which makes the environment of the demo. Install it first:\n"
            f"    apt install python{version}-venv    (Debian, Ubuntu)\n"
            "or start the demo with a Python from python.org."
        )
    return None


def prepare() -> None:
    """Makes the environment, unless the one of the last start is whole and still fits."""
    stamp = ENVIRONMENT / "installed"
    wanted = fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        print("[1/5] The environment of the last start still fits")
        print("[2/5] Nothing to install", flush=True)
        return
    print("[1/5] Making a Python environment in", ENVIRONMENT, flush=True)
    run_quietly(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT))
    print("[2/5] Installing Django, Channels, daphne and PostgreSQL into it (takes a minute)", flush=True)
    run_quietly(str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--editable", f"{CLONE}[demo]")
    stamp.write_text(wanted)


def fingerprint() -> str:
    """What an environment depends on. If any of it changes, a new one is made."""
    requirements = hashlib.sha256((CLONE / "pyproject.toml").read_bytes()).hexdigest()
    return "\n".join([sys.version, sys.base_prefix, str(CLONE), requirements])


def run_quietly(*command: str) -> None:
    """Runs ``command``. What it prints is shown only if it fails, and that is the end then."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    if done.returncode:
        sys.exit(
            f"{done.stdout}\nThe demo cannot start: what you see above failed. If it is a matter of the network, "
            "start the demo again when there is one."
        )


if __name__ == "__main__":
    main()
