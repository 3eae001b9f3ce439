"""The pages of the documentation: their length, their links, and the tests and paths that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not any(part.startswith(".") for part in path.parts))
MOST_LINES = 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_is_short(page: Path) -> None:
    assert len(page.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_every_test_that_a_page_names_exists() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+?)(?:_?\.\.\.)?`", page.read_text("utf-8"))}
    named -= {"test_databases"}  # a module
    assert len(named) >= 13
    for name in named:
        assert f"def {name}" in tests, name


def test_links_have_targets() -> None:
    for page in [*ROOT.glob("*.md"), *PAGES]:
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
            linked = page.parent / target if target else page
            assert linked.exists(), f"{page}: {target}"
            assert not anchor or anchor in _anchors(linked), f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_pictures_are_shown_on_the_site_too(page: Path) -> None:
    """Sphinx copies the files of pictures in Markdown, and not those of HTML."""
    assert "<img" not in page.read_text(encoding="utf-8")


def _anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub gives the headings of ``page``."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_that_the_code_names_exists() -> None:
    folders = [ROOT / name for name in ("presence_events", "projections", "tests")]
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".sql", ".js", ".html")]
    for file in [ROOT / "tox.ini", *files]:
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text(encoding="utf-8")):
            assert (ROOT / page).exists(), f"{file}: {page}"


def test_the_index_leads_to_every_page() -> None:
    linked = {
        str((DOCS / target).resolve())
        for target in re.findall(r"\]\(([^)#:]+)", (DOCS / "index.md").read_text("utf-8"))
    }
    assert [str(page) for page in PAGES if str(page) not in linked and page.name != "index.md"] == []
