"""An echo server with sockets, with and without presence."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from statistics import median
from typing import Any, Self

from tests.benchmarks import cpu, measure, plot, table
from tests.benchmarks.bench import Bench
from tests.benchmarks.endtoend import cores, server, sockets
from tests.benchmarks.endtoend.server import Server
from tests.benchmarks.measure import Sample
from tests.benchmarks.plot import Picture
from tests.benchmarks.targets import Target
from tests.benchmarks.visits import visits

NAME = "endtoend"
TITLE = "End to end"
CONSUMERS = {"plain": "ours", "mixin": "ours", "touching": "ours", "fork": "fork"}
"""The echo consumers, and the peers whose apps and database they use."""
TITLES = {
    "plain": "no presence",
    "mixin": "mixin, automatic heartbeats",
    "touching": "mixin, a touch for every message",
    "fork": "fork, a touch for every message",
}
PHASES = {"connect": "connects", "echo": "messages"}
_POSITION = "SELECT last_value - (NOT is_called)::int FROM presence_event_id_seq"


def run(bench: Bench) -> dict[str, Any]:
    _allow(max(bench.sizes.sockets) + 1000)
    results: dict[str, Any] = {}
    databases = {peer: worker.database for peer, worker in bench.workers(["ours", "fork"]).items()}
    with cores.off_server_core(bench.servers.postgres_pid):
        for kind in bench.sizes.servers:
            first = kind == bench.sizes.servers[0]
            consumers = {name: peer for name, peer in CONSUMERS.items() if first or name != "fork"}
            bench.progress(f"starting {kind}")
            with server.running(kind, consumers, databases, bench.servers) as servers:
                for count in sorted(bench.sizes.sockets)[: None if first else 1]:
                    results[f"{kind}, {count:,} sockets"] = _compare(bench, kind, servers, count)
    return results


def report(data: dict[str, Any]) -> str:
    return "\n\n".join(f"{where}:\n\n{_table(results)}" for where, results in data.items())


def targets(data: dict[str, Any]) -> Iterator[Target]:
    for where, results in data.items():
        for phase, name, promised in (
            ("echo", "mixin", 0.95),
            ("echo", "touching", 0.8),
            ("connect", "mixin", 0.8),
            ("connect", "touching", 0.8),
        ):
            what = f"{where}: {PHASES[phase]} per second, {TITLES[name]}, against no presence"
            yield Target(what, promised, results[name][phase]["ratio"])


def plots(data: dict[str, Any]) -> list[Picture]:
    groups = {
        f"{where}: {what} per second": {TITLES[name]: phases[phase]["rate"] for name, phases in results.items()}
        for where, results in data.items()
        for phase, what in PHASES.items()
    }
    colours = {TITLES["plain"]: None, TITLES["mixin"]: 0, TITLES["touching"]: 0, TITLES["fork"]: 1}
    what = "Connects and messages per second; the tables have the figures"
    return [Picture("benchmarks-endtoend.svg", what, plot.bars(groups, colours))]


def _table(results: dict[str, Any]) -> str:
    rows = []
    for phase, what in PHASES.items():
        for name, phases in results.items():
            result = phases[phase]
            rows.append(
                [
                    what,
                    TITLES[name],
                    table.count(result["n"]),
                    table.count(result["rate"]),
                    table.ratio(result["ratio"]),
                    table.milliseconds(result["p50_ms"]),
                    table.milliseconds(result["p99_ms"]),
                    table.count(result["server_us"]),
                    table.count(result["postgres_us"]),
                    table.count(result["client_us"]),
                    table.count(result["events"]) if name in ("mixin", "touching") else "",
                ]
            )
    head = ["", "echo", "n", "per second", "ratio", "p50 ms", "p99 ms"]
    return table.render([*head, "server µs", "PostgreSQL µs", "client µs", "events"], rows, words=2)


def _compare(bench: Bench, kind: str, servers: dict[str, Server], count: int) -> dict[str, Any]:
    rounds: dict[str, list[dict[str, dict[str, Any]]]] = {name: [] for name in servers}
    names = list(servers)
    for turn in range(bench.sizes.socket_rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            if name != "fork" or turn < bench.sizes.slow_rounds:
                phases = _round(bench, servers[name], name, count)
                rounds[name].append(phases)
                rates = ", ".join(f"{phases[phase]['sample'].rate:,.0f} {what}/s" for phase, what in PHASES.items())
                bench.progress(
                    f"{kind}, {count:,} sockets, round {turn + 1} of {bench.sizes.socket_rounds}, {name}: {rates}"
                )
    return {
        name: {
            phase: _typical([one[phase] for one in found], [one[phase] for one in rounds["plain"]]) for phase in PHASES
        }
        for name, found in rounds.items()
        if found
    }


def _round(bench: Bench, echo: Server, name: str, count: int) -> dict[str, dict[str, Any]]:
    """Connects all sockets, exchanges messages and closes them. Fails if an expected event was not recorded."""
    worker = bench.workers([CONSUMERS[name]])[CONSUMERS[name]]
    sizes = bench.sizes
    phases = {}
    with asyncio.Runner() as runner:
        with _Observed(bench) as connecting:
            open_sockets, sample = runner.run(
                sockets.connect(echo.pid, echo.port, [visit.room for visit in visits(count)])
            )
        phases["connect"] = connecting.observed(sample)
        worker("expect", count=0 if name == "plain" else count)
        runner.run(sockets.echo(echo.pid, open_sockets, sizes.under_way, sizes.socket_seconds / 10))
        with _Observed(bench) as echoing:
            sample = runner.run(sockets.echo(echo.pid, open_sockets, sizes.under_way, sizes.socket_seconds))
        phases["echo"] = echoing.observed(sample)
        if name == "touching" and phases["echo"]["events"] < sample.n:
            raise AssertionError(f"{phases['echo']['events']:,} touches are in the log for {sample.n:,} messages")
        runner.run(sockets.close(open_sockets))
        echo.wait_until_empty()
    worker("expect", count=0)
    return phases


class _Observed:
    """Observes PostgreSQL while the block runs: its CPU time, and the number of recorded events."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def __enter__(self) -> Self:
        self._events = self._position()
        self._cpu = cpu.seconds(self._bench.servers.postgres_pid)
        return self

    def __exit__(self, *error: object) -> None:
        self._cpu = cpu.seconds(self._bench.servers.postgres_pid) - self._cpu
        self._events = self._position() - self._events

    def observed(self, sample: Sample) -> dict[str, Any]:
        return {"sample": sample, "postgres": self._cpu, "events": self._events}

    def _position(self) -> int:
        worker = self._bench.workers(["ours"])["ours"]
        position: int = worker("sql", statement=_POSITION)[0]
        return position


def _typical(rounds: list[dict[str, Any]], plain: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns medians. Each ratio compares measurements of one round, so a temporary slowdown affects both."""
    pairs = zip(rounds, plain, strict=False)
    return {
        **measure.median([one["sample"] for one in rounds]),
        "ratio": median(one["sample"].rate / other["sample"].rate for one, other in pairs),
        "postgres_us": sum(one["postgres"] for one in rounds) / sum(one["sample"].n for one in rounds) * 1e6,
        "events": sum(one["events"] for one in rounds),
    }


def _allow(files: int) -> None:
    """Raises the limit of open files to the maximum, because each socket is one. Exits if the maximum is too low."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        raise SystemExit(f"{files:,} open files are needed, and ulimit -Hn is {hard:,}. Use fewer --sockets.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
