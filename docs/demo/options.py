"""The options of the demo. It uses only the standard library, so they are read before anything is installed."""

from __future__ import annotations

import argparse
from pathlib import Path

DEMO = Path(__file__).resolve().parent
PORT = 8000


def parse(arguments: list[str]) -> argparse.Namespace:
    """Returns the options in ``arguments``. Prints the help or what is wrong, and exits, as argparse does."""
    parser = argparse.ArgumentParser(prog="run.py", description="A chat that shows who is here.")
    parser.add_argument("--port", type=int, help=f"default: {PORT}, or the next one that is free")
    parser.add_argument("--data", type=Path, default=DEMO / ".demo", help="the directory for all data")
    parser.add_argument("--history", action="store_true", help="write a day of history first, if the log is empty")
    return parser.parse_args(arguments)
