"""The structure of the two packages, as docs/explanation describes it, checked from their imports."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("presence_events", "projections")
MOST_MODULES = 20
"""Modules at the root of one package."""

LAYERS = (
    (
        "projections.conf",
        "projections.times",
        "projections.compatibility",
        "projections.retention.baseline",
        "projections.final_reports.records",
    ),
    ("projections.sessions", "projections.selections", "projections.rosters.members"),
    (
        "projections._delivery.groups",
        "projections._delivery.absence",
        "projections._delivery.wakeup",
        "projections._delivery.event_users",
        "projections._live.stopwatch",
        "projections._live.joined",
        "projections._live.joins",
        "projections._live.limits",
    ),
    ("projections.managers", "projections.querysets"),
    ("projections.models", "projections.signals"),
    ("projections._delivery.dispatch", "projections._live", "projections.replay"),
    ("projections.retention", "projections.rosters", "projections.attendance"),
    ("projections.final_reports",),
    ("projections._worker", "projections.status", "projections.metrics"),
    ("projections.consumers", "projections.decorators", "projections.admin", "projections.management"),
)
"""Lowest first. A module imports nothing from a higher layer."""


@cache
def modules() -> dict[str, Path]:
    return {
        name.removesuffix(".__init__"): path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
        for name in [".".join(path.relative_to(ROOT).with_suffix("").parts)]
    }


@cache
def imports(name: str) -> frozenset[str]:
    """The modules that ``name`` imports anywhere: at the top, in functions and for types."""
    known = modules()
    found = set()
    for node in ast.walk(ast.parse(known[name].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" if f"{node.module}.{alias.name}" in known else node.module
                      for alias in node.names}  # fmt: skip
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found & known.keys() - {name})


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_no_modules_import_each_other_not_even_for_types() -> None:
    try:
        tuple(TopologicalSorter({name: imports(name) for name in modules()}).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_the_log_does_not_import_what_is_derived_from_it() -> None:
    wrong = {
        name: above
        for name in modules()
        if within(name, "presence_events")
        for above in imports(name)
        if within(above, "projections")
    }
    assert wrong == {}


def test_private_packages_are_imported_only_inside_their_app() -> None:
    wrong = [
        (name, imported)
        for name in modules()
        for imported in imports(name)
        if any(part.startswith("_") for part in imported.split(".")) and imported.split(".")[0] != name.split(".")[0]
    ]
    assert wrong == []


def test_imports_go_down() -> None:
    def layer(name: str) -> int | None:
        found = [
            (len(package), number)
            for number, packages in enumerate(LAYERS)
            for package in packages
            if within(name, package)
        ]
        return max(found)[1] if found else None

    wrong = []
    for name in modules():
        own = layer(name)
        for imported in imports(name):
            other = layer(imported)
            if own is not None and other is not None and other > own:
                wrong.append((name, imported))
    assert wrong == []


def test_no_package_has_too_many_modules() -> None:
    # Django looks for all commands of an app in one package.
    roots = {path.parent for path in modules().values() if path.parent.name != "commands"}
    counts = {str(root.relative_to(ROOT)): len(list(root.glob("[!_]*.py"))) for root in roots}
    assert {root: count for root, count in counts.items() if count > MOST_MODULES} == {}


def test_the_map_names_every_package_and_module() -> None:
    pages = (ROOT / "docs" / "explanation").glob("modules-*.md")
    text = "".join(page.read_text() for page in pages)
    named = {name.rstrip("/").replace("/", ".") for name in re.findall(r"`([\w./]+)`", text)}
    missing = [
        name
        for name in modules()
        if "." in name
        and "management" not in name
        and not name.endswith(".sql")
        and "templatetags" not in name
        and not {name, name.split(".", 1)[1], name.rsplit(".", 1)[1]} & named
    ]
    assert missing == []


STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|LOCK|COPY|SET|GRANT)\s", re.ASCII)


def test_sql_of_more_than_a_line_is_in_sql_files() -> None:
    wrong = []
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
                end = node.end_lineno or node.lineno
                if end > node.lineno and name != "presence_events.schema.triggers":
                    wrong.append((name, node.lineno))
    assert wrong == []


def test_every_sql_file_is_read_somewhere() -> None:
    code = "\n".join(path.read_text() for path in modules().values())
    code += "\n".join(path.read_text() for path in ROOT.glob("*/migrations/*.py"))
    files = [path for package in PACKAGES for path in (ROOT / package / "sql").rglob("*.sql")]
    code += "".join(
        f'{name}"' for path in files for name in re.findall(r"^-- include \w+ (\S+)$", path.read_text(), re.MULTILINE)
    )
    unread = [
        str(path.relative_to(ROOT)) for path in files if path.parent.name != "grants" and f'{path.stem}"' not in code
    ]
    assert unread == []


def test_what_one_environment_of_the_default_run_leaves_out_is_in_the_other() -> None:
    """`live` names what it runs, and `latest` what it leaves out."""
    tox = (ROOT / "tox.ini").read_text()
    live, latest = (tox.split(f"[testenv:{name}]")[1].split("[testenv")[0] for name in ("live", "latest"))
    left_out = re.findall(r"--ignore(?:-glob)? '?([^\s']+)", latest)
    assert len(left_out) > 10
    for path in left_out:
        assert any(Path(path).is_relative_to(each) for each in re.findall(r"tests/\S+", live)), path
