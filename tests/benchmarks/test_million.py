"""The simulation of a million connections runs with a hundredth of them, in a few seconds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.benchmarks import docs
from tests.benchmarks.million.scenario import PHASES

CONNECTIONS = 10_000


def test_ten_thousand_connections_are_simulated(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    pages = shutil.copytree(docs.DIRECTORY / "explanation", tmp_path / "explanation")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks.million", str(CONNECTIONS)),
            *("--minutes", "0.1", "--max-age", "6", "--save", str(figures), "--write-docs", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(figures.read_text())[str(CONNECTIONS)]

    assert list(result["phases"]) == list(PHASES)
    # A process leaves and joins again, another is killed and comes back, and a crowd joins.
    assert sum(phase["calls"]["n"] for phase in result["phases"].values()) > 3.9 * 1000
    assert result["crowd"] == CONNECTIONS / 10
    assert sum(phase["beats"]["n"] for phase in result["phases"].values()) >= result["processes"]
    assert result["killed"] == 1
    assert result["pruned"] is not None
    assert result["stays"]["tables"] == result["stays"]["processes"]
    assert result["mismatches"] == 0
    assert result["differences"] == []
    assert all(query["n"] for query in result["queries"].values())

    pictures = sorted((tmp_path / "images").iterdir())
    assert pictures
    page = (pages / "million-figures.md").read_text()
    for picture in pictures:
        assert f"images/{picture.name}" in page
        assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314 - written by this project
