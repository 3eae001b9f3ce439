"""Queries about the past, with a short and a long log."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median, median_low
from typing import Any

from tests.benchmarks import command, history, measure, table
from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample
from tests.benchmarks.targets import Target
from tests.benchmarks.worker import Worker, environment

NAME = "reports"
TITLE = "Queries of the past"
STAYS = 64
"""A user with about this many stays is among the most frequent in a short log, and among the rarest in a long one."""

_EVERYTHING = 2**31
OCCUPANCY = {"a day by 5 minutes": (24 * 60, 5), "30 days by hours": (30 * 24 * 60, 60)}
EXPORTS = ("events", "sessions")


def run(bench: Bench) -> dict[str, Any]:
    logs = _logs(bench)
    small, large = logs.values()
    return {
        "events": list(logs),
        "questions": _ask(bench, small, large),
        "occupancy": _occupancy(bench, logs),
        "export": _export(bench, logs),
        "replay": _replay(bench, large),
    }


def report(data: dict[str, Any]) -> str:
    small, large = (f"{events:,}" for events in data["events"])
    replay = data["replay"]
    processes = "several processes" if replay["parallel"] else "one process"
    return f"""\
These are queries of `PresenceSession.objects`, about the first tenth of the log, the middle and the
last tenth. Cost is the time for each stay returned, with {large} events against {small}.

{_questions(data["questions"], small, large)}

`presence_occupancy` of the large room, in milliseconds:

{_occupancies(data["occupancy"], small, large)}

`manage.py export_presence` of everything:

{_exports(data["export"])}

`manage.py replay_presence --check` of {large} events takes {replay["seconds"]:,.2f} s. A sequential
scan that aggregates the log takes {replay["scan"]:,.2f} s in {processes}. n = {replay["n"]}."""


def targets(data: dict[str, Any]) -> Iterator[Target]:
    small, large = (f"{events:,}" for events in data["events"])
    for question, by_part in data["questions"].items():
        costs = {part: result["cost"] for part, result in by_part.items()}
        worst = max(costs, key=costs.__getitem__)
        yield Target(
            f"{question}, {worst}, at {large} events, cost of a stay against {small}", 1.5, costs[worst], at_most=True
        )
    yield Target(f"replay of {large} events, against a sequential scan", 4, data["replay"]["ratio"], at_most=True)
    for what, by_events in data["export"].items():
        short, long = (result["memory"] for result in by_events.values())
        yield Target(f"memory of the export of {what}, {large} events against {small}", 1.2, long / short, at_most=True)


def _logs(bench: Bench) -> dict[int, Worker]:
    names = {events: f"reports {events:,}" for events in bench.sizes.reports}
    workers = bench.prepared(dict.fromkeys(names.values(), "ours"))
    for events, name in names.items():
        bench.progress(f"writing {events:,} events")
        workers[name]("write_history", events=events, users=bench.sizes.users)
    bench.servers.checkpoint()
    return {events: workers[name] for events, name in names.items()}


def _ask(bench: Bench, small: Worker, large: Worker) -> dict[str, Any]:
    bench.progress("choosing moments and users")
    asked = [_questions_for(bench.sizes.questions, worker, small) for worker in (small, large)]
    pages = [
        {
            key: worker("reports", what="pages", questions=[question for question, _ in questions])
            for key, questions in those.items()
        }
        for worker, those in zip((small, large), asked, strict=True)
    ]
    rounds: dict[tuple[str, str], list[list[tuple[Sample, int]]]] = {key: [[], []] for key in asked[0]}
    for turn in range(bench.sizes.report_rounds):
        bench.progress(f"questions, round {turn + 1} of {bench.sizes.report_rounds}")
        for key, samples in rounds.items():
            # Every other round has the reverse order, so that no log is always the first.
            for number, worker in sorted(enumerate((small, large)), reverse=bool(turn % 2)):
                questions, expected = zip(*asked[number][key], strict=True)
                sample, answers = worker("ask", questions=questions)
                if answers != list(expected):
                    raise AssertionError(f"{key}: {answers} stays, not {list(expected)}")
                samples[number].append((Sample(*sample), max(1, sum(answers))))
    results: dict[str, Any] = {}
    for (question, part), samples in rounds.items():
        results.setdefault(question, {})[part] = {
            "logs": [
                {
                    **measure.median(sample for sample, _ in those),
                    "stays": those[0][1] / those[0][0].n,
                    "pages": pages[number][question, part],
                }
                for number, those in enumerate(samples)
            ],
            "cost": median(
                (long.seconds / more) / (short.seconds / stays)
                for (short, stays), (long, more) in zip(*samples, strict=True)
            ),
        }
    return results


def _questions_for(count: int, worker: Worker, small: Worker) -> dict[tuple[str, str], list[tuple[Any, int]]]:
    """Returns the questions by kind and part of the log, each with the number of stays that its answer must have.

    Answers in both logs have about the same number of stays, so the constant cost of an answer does not matter.
    """
    frequent = {"user": small("reports", what="users", stays=_EVERYTHING, count=1)[0][0]}
    found: dict[tuple[str, str], list[tuple[Any, int]]] = {}
    for where, scope in {
        "in the large room": {"room": history.ROOM},
        "in a small room": {"room": "room1"},
        "anywhere": {},
        "of the most frequent user": frequent,
    }.items():
        asked = {"what": "moments", "count": 10 * count, "hours": 1, **scope}
        known, moments = small("reports", **asked), worker("reports", **asked)
        for what, number in (("`.at()`", 1), ("`.during()` of an hour", 2)):
            typical = median_low(moment[number] for those in known.values() for moment in those)
            for part, those in moments.items():
                nearest = _nearest(count, typical, [(moment[0], moment[number]) for moment in those])
                found[f"{what} {where}", part] = [
                    ({**scope, **({"at": at} if number == 1 else {"during": (at, 1)})}, stays) for at, stays in nearest
                ]
    for kind, stays, many in (
        ("of users with few stays", STAYS, 10),
        ("of the most frequent user", _EVERYTHING, 1),
    ):
        users = worker("reports", what="users", stays=stays, count=min(count, many))
        found[f"`.of_user()` {kind}", "all"] = [({"user": user}, number) for user, number in users]
    return found


def _nearest(count: int, stays: int, moments: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Returns the ``count`` moments with the closest number of stays. Ties are broken at random."""
    draw = Random(42)
    return sorted(moments, key=lambda moment: (abs(moment[1] - stays), draw.random()))[:count]


def _occupancy(bench: Bench, logs: dict[int, Worker]) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    for what, (minutes, step) in OCCUPANCY.items():
        bench.progress(f"occupancy, {what}")
        asked = {"what": "occupancy", "room": history.ROOM, "minutes": minutes, "step": step}
        for events, worker in logs.items():
            rounds = [worker("reports", **asked) for _ in range(bench.sizes.report_rounds + 1)]
            seconds, rows = median(seconds for seconds, _ in rounds[1:]), rounds[0][1]
            results.setdefault(what, {})[str(events)] = {"ms": seconds * 1e3, "rows": rows}
    return results


def _export(bench: Bench, logs: dict[int, Worker]) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="presence-export-") as directory:
        file = Path(directory) / "export"
        for what in EXPORTS:
            for events, worker in logs.items():
                bench.progress(f"export of {what}, {events:,} events")
                where = environment(worker.peer, worker.database, bench.servers)
                done = command.run(where, "export_presence", what, "--output", str(file))
                with file.open("rb") as lines:
                    rows = sum(1 for _ in lines) - 1
                if what == "events" and rows != events:
                    raise AssertionError(f"{rows:,} events were exported, not {events:,}")
                results.setdefault(what, {})[str(events)] = {
                    "rows": rows,
                    "rate": rows / done.seconds,
                    "memory": done.memory,
                    "bytes": file.stat().st_size,
                }
                file.unlink()
    return results


def _replay(bench: Bench, worker: Worker) -> dict[str, Any]:
    rounds = []
    worker("reports", what="scan")
    for turn in range(bench.sizes.replay_rounds):
        bench.progress(f"replay, round {turn + 1} of {bench.sizes.replay_rounds}")
        rounds.append((worker("reports", what="scan"), worker("reports", what="replay")))
    return {
        "n": len(rounds),
        "scan": median(scan for scan, _ in rounds),
        "seconds": median(seconds for _, seconds in rounds),
        "ratio": median(seconds / scan for scan, seconds in rounds),
        "parallel": "Gather" in worker("reports", what="plan_of_scan"),
    }


def _questions(data: dict[str, Any], small: str, large: str) -> str:
    rows = []
    for question, by_part in data.items():
        for part, result in by_part.items():
            logs = result["logs"]
            rows.append(
                [
                    question,
                    part,
                    table.count(logs[0]["n"]),
                    *(table.count(log["stays"]) for log in logs),
                    *(table.milliseconds(log["p50_ms"]) for log in logs),
                    *(table.milliseconds(log["p99_ms"]) for log in logs),
                    *(table.count(log["pages"]) for log in logs),
                    table.ratio(result["cost"]),
                ]
            )
    figures = [f"{figure}, {log}" for figure in ("stays", "p50 ms", "p99 ms", "pages") for log in (small, large)]
    return table.render(["question", "part", "n each", *figures, "cost"], rows, words=2)


def _occupancies(data: dict[str, Any], small: str, large: str) -> str:
    rows = [
        [what, *(f"{table.milliseconds(log['ms'])} ({log['rows']:,} rows)" for log in by_events.values())]
        for what, by_events in data.items()
    ]
    return table.render(["", small, large], rows)


def _exports(data: dict[str, Any]) -> str:
    rows = [
        [
            what,
            table.count(int(events)),
            table.count(result["rows"]),
            table.count(result["rate"]),
            f"{result['memory'] / 2**20:,.1f}",
            f"{result['bytes'] / 2**20:,.1f}",
        ]
        for what, by_events in data.items()
        for events, result in by_events.items()
    ]
    return table.render(["", "events in the log", "rows", "rows per second", "memory, MiB", "file, MiB"], rows)
