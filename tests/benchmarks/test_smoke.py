"""The benchmarks run, at a small size."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks import admin


def test_the_admin_is_measured_page_by_page() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.admin", "2000"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" ms ") == len(admin.PAGES)
