"""The JavaScript modules of the timeline, as they are deployed: every import resolves, hashed or not."""

from __future__ import annotations

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.management import call_command
from django.template.loader import render_to_string
from django.test import override_settings

MODULES = Path(__file__).parents[4] / "projections" / "static" / "projections" / "timeline"
ENTRY = "main.js"
IMPORT = r"""(?:^(?:import|export)\b[^;"']*?\bfrom\s*|^import\s*|\bimport\s*\(\s*)["'](.+?)["']"""


class AggregatingStorage(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = True


def imports(path: Path) -> set[str]:
    """The files that the module at ``path`` imports, in any form of import that JavaScript has."""
    found = re.findall(IMPORT, path.read_text(), re.MULTILINE)
    assert all(name.startswith("./") for name in found), found
    return {name.removeprefix("./") for name in found}


def reachable(path: Path) -> set[Path]:
    """All modules that the module at ``path`` loads, with itself. Each of them exists."""
    found: set[Path] = set()
    pending = [path]
    while pending:
        module = pending.pop()
        assert module.is_file(), module
        found.add(module)
        pending += [path.with_name(name) for name in imports(module) if path.with_name(name) not in found]
    return found


def test_the_page_loads_one_module_which_loads_all_others() -> None:
    page = render_to_string("admin/projections/timeline/scripts.html")
    assert re.findall(r"<script[^>]*>", page) == [f'<script type="module" src="/static/projections/timeline/{ENTRY}">']
    assert reachable(MODULES / ENTRY) == set(MODULES.glob("*.js"))


def test_no_modules_import_each_other() -> None:
    tuple(TopologicalSorter({path.name: imports(path) for path in MODULES.glob("*.js")}).static_order())


def test_no_chain_of_imports_is_too_long_for_djangos_storage() -> None:
    """In the worst order of files, each pass of the storage settles the hashes of one more level of imports.

    The first level is settled before the passes begin, and the last pass only finds that nothing changes.
    """

    def depth(name: str) -> int:
        return max((1 + depth(imported) for imported in imports(MODULES / name)), default=0)

    assert depth(ENTRY) <= ManifestStaticFilesStorage.max_post_process_passes


@pytest.mark.parametrize(
    ("storage", "are_hashed"),
    [(ManifestStaticFilesStorage, False), (AggregatingStorage, True)],
    ids=["imports stay", "imports are hashed"],
)
def test_collected_modules_import_collected_modules(storage: Any, are_hashed: bool, tmp_path: Path) -> None:
    backend = f"{storage.__module__}.{storage.__qualname__}"
    with override_settings(STATIC_ROOT=str(tmp_path), STORAGES={"staticfiles": {"BACKEND": backend}}):
        call_command("collectstatic", interactive=False, verbosity=0)
        url = staticfiles_storage.url(f"projections/timeline/{ENTRY}")
    entry = tmp_path / url.removeprefix("/static/")
    hashed = {tmp_path / name for name in json.loads((tmp_path / "staticfiles.json").read_text())["paths"].values()}
    found = reachable(entry)
    assert len(found) == len(list(MODULES.glob("*.js")))
    assert found & hashed == (found if are_hashed else {entry})
