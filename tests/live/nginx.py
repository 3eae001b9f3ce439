"""nginx with the configuration of ``docs/deploy``, in front of servers on loopback."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.live.servers import free_port
from tests.waiting import wait_until

CONFIGURATION = Path(__file__).parent.parent.parent / "docs" / "deploy" / "nginx.conf"

_MAIN = """
daemon off;
pid {home}/pid;
{user}
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/site.conf;
}}
"""


def program() -> str | None:
    """Returns the path of nginx, or None if it is not installed."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Nginx:
    """The servers at ``ports`` behind one port. Its files and its log are in ``home``."""

    def __init__(self, home: Path, ports: Sequence[int]) -> None:
        self.port = free_port()
        self._home = home
        text = CONFIGURATION.read_text(encoding="utf-8")
        upstreams = iter(ports)
        text, replaced = re.subn(r"server web-\d:8000;", lambda _: f"server 127.0.0.1:{next(upstreams)};", text)
        assert replaced == len(ports)
        assert text.count("listen 80;") == 1
        (home / "site.conf").write_text(text.replace("listen 80;", f"listen 127.0.0.1:{self.port};"))
        user = "user root;" if os.geteuid() == 0 else ""
        (home / "nginx.conf").write_text(_MAIN.format(home=home, user=user))

    @contextmanager
    def running(self) -> Iterator[Nginx]:
        path = program()
        assert path is not None
        with (self._home / "log").open("wb") as log:
            command = [path, "-p", str(self._home), "-c", str(self._home / "nginx.conf"), "-e", "stderr"]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(lambda: self._answers(process))
            yield self
        finally:
            process.terminate()
            process.wait()
            print((self._home / "log").read_text(errors="replace")[-5000:])

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, (self._home / "log").read_text(errors="replace")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True
