"""Tests a deployment over a network that delays, loses and interrupts: ``python -m tests.live.networks``.

The packets between the servers and the database pass through a link between two network namespaces. Prints how long
the recovery from each fault takes, or stops at the first failed check. Progress is written to standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import closing, redirect_stdout
from pathlib import Path

from tests.live.chaos.deployment import Figures
from tests.live.networks import deployment as faults
from tests.live.networks.deployment import DistantDeployment, network_fault, partition
from tests.live.networks.link import FarCluster, Link

OPTIONS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
"""The parameters of libpq that docs/operations/database.md recommends."""


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    if "PRESENCE_NAMESPACE" not in os.environ:
        _enter_a_namespace()
    lines = []
    for name, parameters in (("the defaults of libpq", {}), ("the recommended parameters", OPTIONS)):
        if options.parameters in (None, name.split()[1]):
            lines += _run(name, parameters, options)
    print("\n".join(lines))


def _enter_a_namespace() -> None:
    """Starts this program again in a network namespace. It changes no interface of the machine there."""
    user = () if os.geteuid() == 0 else ("--map-current-user", "--keep-caps")
    program = ["unshare", *user, "--net", sys.executable, "-m", "tests.live.networks", *sys.argv[1:]]
    os.execvpe("unshare", program, {**os.environ, "PRESENCE_NAMESPACE": "yes"})  # noqa: S606, no shell is needed


def _run(name: str, parameters: dict[str, int], options: argparse.Namespace) -> list[str]:
    def sleep(deployment: DistantDeployment) -> None:
        time.sleep(options.partition)

    seconds = f"{options.partition:g} s"
    rounds = [
        ("20 ms of latency", faults.latency),
        ("2 % of packets lost", faults.loss),
        (f"a partition of {seconds}", partition(sleep)),
    ]
    lines = [
        f"\nWith {name}, in seconds:\n",
        "| fault | present | reachable | signalled |",
        "| --- | ---: | ---: | ---: |",
    ]
    with tempfile.TemporaryDirectory(prefix="presence-networks-") as home, closing(Link()) as link:
        cluster = FarCluster(Path(home) / "postgres", link)
        deployment = DistantDeployment(
            Path(home), link, timeouts={"uvicorn": 30, "daphne": 30}, options=parameters, distant_leader=True,
            cluster=cluster, layer="core", sockets=options.sockets, seed=options.seed, every=5, max_age=60,
            limited=False,
        )  # fmt: skip
        with redirect_stdout(sys.stderr), deployment.running():
            for fault, inject in rounds:
                print(f"{name}: {fault}", file=sys.stderr, flush=True)
                figures: Figures = deployment.round(network_fault(fault, inject, deployment.every))
                print(figures, link.forwarded, link.lost, file=sys.stderr, flush=True)
                lines.append(f"| {fault} | {figures.present:.1f} | {figures.reachable:.1f} | {figures.signalled:.1f} |")
            deployment.assert_log_replays()
            deployment.stop()
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.live.networks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--partition", type=float, default=30, help="seconds (default: %(default)s)")
    parser.add_argument("--sockets", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parameters", choices=("defaults", "recommended"))
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
