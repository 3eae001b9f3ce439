"""Builds the documentation site with Sphinx: ``tox -e docs``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import django
from django.conf import settings
from django.core.management import load_command_class
from docutils import nodes
from docutils.parsers.rst import Directive

from presence_events import __version__

settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "pgtrigger",
        "presence_events",
        "projections",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "site"}},
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

project = "django-presence-events"
copyright = "the authors of django-presence-events"  # noqa: A001 - the name that Sphinx reads
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 4
exclude_patterns = ["demo", "deploy"]

html_theme = "furo"
html_title = project
html_static_path: list[str] = []

default_role = "py:obj"
autodoc_class_signature = "separated"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "undoc-members": False}


class CommandHelp(Directive):
    """``command-help``: what ``manage.py NAME --help`` prints, for each command of the argument's app."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        # The width of the help is that of the terminal.
        os.environ["COLUMNS"] = "100"
        app = self.arguments[0]
        folder = Path(__file__).parent.parent / app / "management" / "commands"
        sections: list[nodes.Node] = []
        for path in sorted(folder.glob("[!_]*.py")):
            parser = load_command_class(app, path.stem).create_parser("manage.py", path.stem)
            section = nodes.section(ids=[nodes.make_id(path.stem)])
            section += nodes.title(text=path.stem)
            section += nodes.literal_block(text=parser.format_help(), language="none")
            sections.append(section)
        return sections


def mark_code(app: Any, *of_object: Any) -> None:
    """Makes indented text in docstrings a block of code, as it is meant."""
    lines: list[str] = of_object[-1]
    marked: list[str] = []
    before = ""
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        is_text = before != "" and not before.startswith((" ", "- "))
        if line == "" and is_text and following.startswith("    "):
            marked += ["", "::"]
        marked.append(line)
        before = line or before
    lines[:] = marked


def setup(app: Any) -> dict[str, Any]:
    app.add_directive("command-help", CommandHelp)
    app.connect("autodoc-process-docstring", mark_code)
    return {"parallel_read_safe": True}
