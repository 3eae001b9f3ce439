"""Checks the project in tests/typed_project with every type checker: ``python tests/type_checkers.py``.

mypy runs with and without the plugin of django-stubs, and basedpyright in place of pyright, which it is a fork of: its
wheel brings Node, and pyright would download itself. All of them are strict. They see the library as a project sees it
that has installed it. The exit status is 0 if none of them complains.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent / "typed_project"
CHECKERS = {
    "mypy with the plugin": ("mypy", "--config-file", "mypy-plugin.ini", "."),
    "mypy without the plugin": ("mypy", "--config-file", "mypy.ini", "."),
    "pyright": ("basedpyright", "--pythonpath", sys.executable),
}


def main() -> int:
    failed = 0
    for name, (module, *arguments) in CHECKERS.items():
        print(f"{name}:", flush=True)
        failed |= subprocess.run([sys.executable, "-m", module, *arguments], cwd=PROJECT, check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
