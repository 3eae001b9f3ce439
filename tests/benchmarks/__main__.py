"""Runs the benchmarks: ``python -m tests.benchmarks``.

Measures all sections, or those that ``--only`` names, and prints a table for each. Progress is written to standard
error. ``--write-docs`` writes the tables and the plots into docs/. ``--smoke`` runs everything with tiny sizes. Every
size is an option: ``--only async --callers 1 100 --seconds 0.3 --rounds 1 --peers ours redis``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any, get_type_hints

from tests.benchmarks import docs, sections
from tests.benchmarks.bench import Bench
from tests.benchmarks.server import running
from tests.benchmarks.sizes import SMOKE, Sizes


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    chosen = [section for section in sections.ALL if not options.only or section.NAME in options.only]
    sizes = SMOKE if options.smoke else Sizes()
    sizes = sizes._replace(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name in Sizes._fields
            if (value := getattr(options, name)) is not None
        }
    )
    results: dict[str, Any] = json.loads(options.resume.read_text()) if options.resume else {}
    # A termination has to run the context managers that stop the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with running() as servers, Bench(servers, sizes) as bench:
        for section in chosen:
            if section.NAME not in results:
                bench.progress(section.TITLE)
                results[section.NAME] = section.run(bench)
                results["about"] = docs.about(servers, sizes)
                if options.save:
                    options.save.write_text(json.dumps(results, indent=1))
            print(f"\n{docs.section(section, results)}", flush=True)
    print(f"\n{docs.targets(chosen, results)}", flush=True)
    if options.write_docs:
        docs.write(results, options.write_docs)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=[section.NAME for section in sections.ALL], metavar="SECTION")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, which only show that everything runs")
    parser.add_argument(
        "--write-docs",
        type=Path,
        nargs="?",
        const=docs.DIRECTORY,
        metavar="DIRECTORY",
        help="write the tables into its explanation/benchmarks-*.md, and the plots into its images/ (default: docs)",
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures as JSON, after each section")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="take finished sections from a file of --save")
    sizes = parser.add_argument_group("sizes")
    for name, kind in get_type_hints(Sizes).items():
        several = getattr(kind, "__args__", None)
        sizes.add_argument(
            f"--{name.replace('_', '-')}",
            type=several[0] if several else kind,
            nargs="+" if several else None,
            metavar=name.upper(),
        )
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
