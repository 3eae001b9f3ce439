"""Runs chaos tests for a given time: ``python -m tests.live.chaos --sockets 300 --minutes 10``.

Injects all faults repeatedly in a random order, first with one channel layer and then with the other. Prints a table of
recovery times at the end, or at the first failed check. ``--seed`` then repeats the same clients and the same faults in
the same order. Progress is written to standard error.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median

from tests.live.chaos.deployment import Deployment, Figures
from tests.live.chaos.faults import faults
from tests.live.chaos.processes import LAYERS

COLUMNS = ("times", "present", "reachable", "signalled", "events", "signals", "repeated", "answered")


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    # A termination has to run the context managers that stop the processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"--seed {options.seed}", file=sys.stderr)
    for layer in options.layers:
        with tempfile.TemporaryDirectory(prefix="presence-chaos-") as home:
            deployment = Deployment(
                Path(home),
                layer=layer,
                sockets=options.sockets,
                seed=options.seed,
                every=options.every,
                max_age=options.max_age,
                pause=options.pause,
                persistent=not options.volatile,
            )
            done: list[Figures] = []
            try:
                # Messages about a database that is starting do not belong to the table.
                with redirect_stdout(sys.stderr), deployment.running():
                    _run_rounds(deployment, done, options.seed, 60 * options.minutes / len(options.layers))
                    deployment.stop()
            finally:
                print(_table(layer, deployment, done), flush=True)


def _run_rounds(deployment: Deployment, done: list[Figures], seed: int, seconds: float) -> None:
    rng = random.Random(f"order {seed}")
    end = time.monotonic() + seconds
    while True:
        for fault in rng.sample(every_fault := faults(deployment.every, deployment.max_age), len(every_fault)):
            if time.monotonic() > end:
                return
            print(f"{deployment.layer}: {fault.name}: ", end="", file=sys.stderr, flush=True)
            figures = deployment.round(fault)
            done.append(figures)
            print(
                f"correct after {max(figures.present, figures.reachable):.1f} s, signalled "
                f"after {figures.signalled:.1f} s, {figures.answered} answers",
                file=sys.stderr,
                flush=True,
            )


def _table(layer: str, deployment: Deployment, done: list[Figures]) -> str:
    lines = [
        f"\n{LAYERS[layer]}; seconds: median / worst\n",
        f"| fault | {' | '.join(COLUMNS)} |",
        f"| --- |{' ---: |' * len(COLUMNS)}",
    ]
    for fault in sorted({figures.fault for figures in done}):
        of_fault = [figures for figures in done if figures.fault == fault]
        seconds = [
            f"{median(those):.1f} / {max(those):.1f}"
            for those in ([getattr(figures, name) for figures in of_fault] for name in COLUMNS[1:4])
        ]
        totals = [f"{sum(getattr(figures, name) for figures in of_fault):,}" for name in COLUMNS[4:]]
        lines.append(f"| {' | '.join([fault, str(len(of_fault)), *seconds, *totals])} |")
    if deployment.pruned_after:
        those = deployment.pruned_after
        lines.append(
            f"\nThe clients of a frozen server were pruned after {median(those):.1f} / {max(those):.1f} seconds."
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.live.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sockets", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=10, help="no fault is injected later (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--pause", type=float, default=2, help="seconds between two actions of a client")
    parser.add_argument("--every", type=float, default=5, help="seconds between two checks for dead servers")
    parser.add_argument("--max-age", type=float, default=60, help="CHANNELS_PRESENCE_MAX_AGE")
    parser.add_argument("--volatile", action="store_true", help="Valkey loses its data when it is restarted")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
