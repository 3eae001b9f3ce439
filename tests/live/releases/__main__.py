"""Writes the files of the first release again: python -m tests.live.releases."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.live.databases import Cluster
from tests.live.releases import GRANTS, dump_file
from tests.live.releases.dumps import grants, release_dump


def main() -> None:
    for user in ("", "uuid"):
        os.environ["PRESENCE_TEST_USER"] = user
        with tempfile.TemporaryDirectory() as directory, Cluster(Path(directory) / "server").running() as cluster:
            cluster.run("-m", "tests.live.releases.history")
            dump_file(user).write_text(release_dump(cluster))
            sys.stdout.write(f"{dump_file(user)}\n")
    GRANTS.write_text(grants())
    sys.stdout.write(f"{GRANTS}\n")


if __name__ == "__main__":
    main()
