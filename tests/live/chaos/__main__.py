"""Chaos, for as long as one likes: ``python -m tests.live.chaos --sockets 300 --minutes 10``.

Goes through all faults, again and again in a random order, first with one channel layer and then with the other. Ends
with a table of how long it took until all was right again, or at the first thing that is not right: then ``--seed``
draws the same clients and the same faults in the same order again. Progress goes to standard error.
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

from tests.live.chaos.faults import faults
from tests.live.chaos.processes import LAYERS
from tests.live.chaos.world import Figures, World

COLUMNS = ("times", "present", "told", "signalled", "events", "signals", "repeated", "answered")


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    # A termination has to come by the blocks that stop the processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"--seed {options.seed}", file=sys.stderr)
    for layer in options.layers:
        with tempfile.TemporaryDirectory(prefix="presence-chaos-") as home:
            world = World(
                Path(home),
                layer=layer,
                sockets=options.sockets,
                seed=options.seed,
                every=options.every,
                max_age=options.max_age,
                pause=options.pause,
                lasting=not options.forgetful,
            )
            done: list[Figures] = []
            try:
                # What is said of a database that is being started is no part of the table.
                with redirect_stdout(sys.stderr), world.running():
                    _go_round(world, done, options.seed, 60 * options.minutes / len(options.layers))
                    world.stop()
            finally:
                print(_table(layer, world, done), flush=True)


def _go_round(world: World, done: list[Figures], seed: int, seconds: float) -> None:
    dice = random.Random(f"order {seed}")
    end = time.monotonic() + seconds
    while True:
        for fault in dice.sample(all_of_them := faults(world.every, world.max_age), len(all_of_them)):
            if time.monotonic() > end:
                return
            print(f"{world.layer}: {fault.name}: ", end="", file=sys.stderr, flush=True)
            figures = world.round(fault)
            done.append(figures)
            print(
                f"right after {max(figures.present, figures.told):.1f} s, signalled "
                f"after {figures.signalled:.1f} s, {figures.answered} answers",
                file=sys.stderr,
                flush=True,
            )


def _table(layer: str, world: World, done: list[Figures]) -> str:
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
    if world.taken_for_dead:
        those = world.taken_for_dead
        lines.append(f"\nA frozen server's clients were pruned after {median(those):.1f} / {max(those):.1f} seconds.")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.live.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sockets", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=10, help="after which no fault follows (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=list(LAYERS))
    parser.add_argument("--pause", type=float, default=2, help="seconds between two things that a client does")
    parser.add_argument("--every", type=float, default=5, help="seconds between two signs of life of a server")
    parser.add_argument("--max-age", type=float, default=60, help="CHANNELS_PRESENCE_MAX_AGE")
    parser.add_argument("--forgetful", action="store_true", help="Valkey forgets its data when it is restarted")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
