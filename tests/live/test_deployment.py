"""The deployment that ``docs/deploy`` describes: nginx in front of two servers, and a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from projections.models import Presence
from tests.fold import assert_live_is_the_fold
from tests.live import nginx
from tests.live.nginx import Nginx
from tests.live.servers import Server, database_url
from tests.live.sockets import Crowd, Visit
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parent.parent.parent


class Site:
    """Two servers behind nginx, and a worker."""

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self._home = home
        self.servers = [self._server(number) for number in range(2)]
        for server in self.servers:
            server.wait_until_it_answers()
        stack.callback(lambda: [server.stop() for server in self.servers])
        _start_worker(home / "worker.log", stack)
        self.nginx = stack.enter_context(Nginx(home, [server.port for server in self.servers]).running())
        self.crowd = Crowd(self.nginx.port)
        stack.callback(self.crowd.disperse)

    def replace(self, number: int) -> None:
        """Stops a server as a deployment does, and starts it again."""
        port = self.servers[number].port
        self.servers[number].stop()
        self.servers[number] = self._server(number, port)
        self.servers[number].wait_until_it_answers()

    def _server(self, number: int, port: int | None = None) -> Server:
        log = self._home / f"server-{number}.log"
        return Server("uvicorn", log, "--proxy-headers", wait=False, port=port)

    def sizes(self) -> list[int]:
        """Returns how many presences each server process has, the largest number first."""
        return sorted(Counter(Presence.objects.values_list("process", flat=True)).values(), reverse=True)


def _start_worker(log: Path, stack: ExitStack) -> None:
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "tests.live.app.settings"}
    with log.open("wb") as output:
        command = [sys.executable, "-m", "django", "run_projector", "--prune"]
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    stack.callback(worker.wait)
    stack.callback(worker.terminate)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    if nginx.program() is None:
        pytest.skip("nginx is not installed")
    with ExitStack() as stack:
        yield Site(tmp_path, stack)
    wait_until(lambda: not Presence.objects.exists())
    assert_live_is_the_fold()


def visits(count: int) -> list[Visit]:
    return [Visit("async", ("lobby",)) for _ in range(count)]


def succeeds(command: str) -> bool:
    """Returns whether ``command`` finds no problem, and a worker that runs."""
    out, err = StringIO(), StringIO()
    try:
        call_command(command, stdout=out, stderr=err, no_color=True)
    except SystemExit:
        return False
    return "No worker" not in out.getvalue()


def test_sockets_and_pages_pass_and_a_deployment_loses_nobody(site: Site) -> None:
    site.crowd.join(*visits(30))
    assert site.sizes() == [15, 15]
    page = HTTPConnection("127.0.0.1", site.nginx.port, timeout=30)
    page.request("GET", "/open")
    assert page.getresponse().read().isdigit()
    page.close()

    site.replace(0)
    wait_until(lambda: site.sizes() == [15])
    site.crowd.join(*visits(15))
    wait_until(lambda: Presence.objects.count() == 30)

    wait_until(lambda: succeeds("presence_doctor"))
    wait_until(lambda: succeeds("presence_status"))
