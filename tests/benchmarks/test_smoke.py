"""The benchmarks run with tiny sizes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.benchmarks import admin, docs, sections


def test_the_admin_benchmark_measures_each_page() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.admin", "5000"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" ms ") == len(list(admin.pages("2020-01-01")))


def test_the_attendance_benchmark_measures_reports() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.attendance", "--small"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 reports, 1,000 people" in done.stdout
    assert "60 reports, 3,000 people" in done.stdout


def test_the_benchmark_of_seals_measures_sealing_verifying_and_appending() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.seals", "2000", "1", "0.2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[-4:]] == ["seal", "verify", "1", "appends"]


@pytest.mark.timeout(900)
def test_the_benchmarks_measure_everything_and_write_the_page(tmp_path: Path) -> None:
    pages = shutil.copytree(docs.DIRECTORY / "explanation", tmp_path / "explanation")
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--smoke", "--write-docs", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = "".join((pages / f"{page}.md").read_text() for page in docs.PAGES)
    for section in sections.ALL:
        assert f"## {section.TITLE}\n" in done.stdout
        assert f"## {section.TITLE}\n" in text
    pictures = sorted((tmp_path / "images").iterdir())
    assert [picture.name for picture in pictures] == ["benchmarks-async.svg", "benchmarks-endtoend.svg"]
    for picture in pictures:
        assert f"images/{picture.name}" in text
        assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314 - written by this project
