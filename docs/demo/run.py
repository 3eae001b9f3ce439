"""Starts the demo on a machine that has only Python: ``python3 docs/demo/run.py``.

It makes a virtual environment beside this file, installs the library from this clone into it, and runs `serve.py`
there. It uses only the standard library.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import environment

DEMO = Path(__file__).resolve().parent
ENVIRONMENT = environment.Environment(DEMO / ".demo" / "venv", ["--editable", f"{environment.CLONE}[demo]"])


def main() -> None:
    problem = environment.problem()
    if problem:
        sys.exit(problem)
    from instance_lock import AlreadyRunning, instance_lock
    from options import parse

    parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: pip does not keep running
    try:
        with instance_lock(DEMO / ".demo"):
            prepare()
        python = str(ENVIRONMENT.python)
        os.execv(python, [python, str(DEMO / "serve.py"), *sys.argv[1:]])
    except KeyboardInterrupt:
        print("\nStopped.")
    except (AlreadyRunning, OSError) as error:
        sys.exit(f"The demo cannot start: {error}")


def prepare() -> None:
    """Makes the environment, unless the last start left one that is complete and current."""
    if ENVIRONMENT.is_current():
        print("[1/5] The environment of the last start is current")
        print("[2/5] Nothing to install", flush=True)
        return
    print("[1/5] Making a Python environment in", ENVIRONMENT.home, flush=True)
    ENVIRONMENT.create()
    print("[2/5] Installing Django, Channels, daphne and PostgreSQL into it", flush=True)
    ENVIRONMENT.install()


if __name__ == "__main__":
    main()
