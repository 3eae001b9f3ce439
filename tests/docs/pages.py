"""The pages of the documentation, and the code in them. Functions take one page, or several that belong together."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from django.contrib.auth import get_user_model

ROOT = Path(__file__).parent.parent.parent
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def text_of(*pages: str) -> str:
    """Returns the text of ``pages``, whose paths begin at the root of the project."""
    return "\n".join((ROOT / page).read_text(encoding="utf-8") for page in pages)


def blocks(pages: str | tuple[str, ...], language: str) -> list[str]:
    """Returns the fenced code of ``pages`` in ``language``, in order."""
    text = text_of(*([pages] if isinstance(pages, str) else pages))
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(*pages: str) -> dict[str, Any]:
    """Runs all Python code of ``pages`` in one namespace, which has a user and times. Returns the namespace.

    Modules of ``mysite`` have what the pages have defined.
    """
    alice = get_user_model()._default_manager.get_or_create(username="alice")[0]
    namespace: dict[str, Any] = {"alice": alice, "moment": NOON, "start": NOON, "end": NOON + timedelta(hours=1)}
    mysite: Any = ModuleType("mysite")
    with patch.dict(sys.modules, {f"mysite{name}": mysite for name in ("", ".consumers", ".attendance")}):
        for block in blocks(pages, "python"):
            exec(compile(block, pages[0], "exec"), namespace)  # noqa: S102
            vars(mysite).update({key: value for key, value in namespace.items() if not key.startswith("__")})
    return namespace
