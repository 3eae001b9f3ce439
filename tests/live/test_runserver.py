"""``manage.py runserver`` of daphne, which starts a new process whenever a file of the project changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from projections.models import Presence, PresenceSession
from tests.live.servers import database_url, free_port
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell which processes have ended"),
]

ROOT = Path(__file__).parent.parent.parent

SETTINGS = """
from tests.settings import *
DEBUG = True
INSTALLED_APPS = ["daphne", *INSTALLED_APPS]
ASGI_APPLICATION = "site_asgi.application"
ROOT_URLCONF = "site_asgi"
CHANNELS_PRESENCE_MAX_AGE = 3600  # a connection that is gone before has not been pruned for its silence
del CHANNELS_PRESENCE_PRUNE_IN_SERVER
"""

ASGI = """
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path

http = get_asgi_application()

from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from projections.consumers import AsyncPresenceMixin
from projections.decorators import remove_presence
from projections.models import Presence, Room


class Mixed(AsyncPresenceMixin, AsyncWebsocketConsumer):
    async def connect(self):
        await self.join_room("lobby")
        await self.accept()


class Decorated(WebsocketConsumer):
    def connect(self):
        Room.objects.add("lobby", self.channel_name)
        self.accept()

    @remove_presence
    def disconnect(self, code):
        pass


consumers = {"/mixed": Mixed.as_asgi(), "/decorated": Decorated.as_asgi()}


async def websocket(scope, receive, send):
    await consumers[scope["path"]]({**scope, "user": None}, receive, send)


urlpatterns = [path("", lambda request: HttpResponse(Presence.objects.count()))]
application = ProtocolTypeRouter({"http": http, "websocket": websocket})
"""


class Site:
    """A project in ``folder`` that runs under runserver."""

    def __init__(self, folder: Path) -> None:
        (folder / "site_settings.py").write_text(SETTINGS)
        self._code = folder / "site_asgi.py"
        self._code.write_text(ASGI)
        self._folder = folder
        self._log = folder / "output"
        self._port = free_port()
        self._sockets = ExitStack()
        self.start()

    def start(self) -> None:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": f"{self._folder}{os.pathsep}{ROOT}",
            "PYTHONUNBUFFERED": "1",
        }
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "django", "runserver", f"127.0.0.1:{self._port}"],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # runserver has a process of its own for the server
            )

    def open_socket(self, path: str) -> None:
        """Connects, as soon as the server accepts connections. The socket stays open until `stop`."""
        self._sockets.enter_context(wait_until(lambda: self._connect(path)))

    def page(self) -> str:
        """Returns the body of the page, as soon as the server answers."""
        return str(wait_until(self._get))

    def reload(self) -> None:
        """Changes a file of the project, and waits until runserver has noticed."""
        changed, watching = "changed, reloading", "Watching for file changes"
        before = {text: self.output().count(text) for text in (changed, watching)}

        def is_noticed() -> bool:
            # A change before runserver has looked at the file for the first time is not noticed.
            self._code.touch()
            return self.output().count(changed) > before[changed]

        wait_until(is_noticed)
        wait_until(lambda: self.output().count(watching) > before[watching])

    def interrupt(self) -> None:
        """Stops runserver as Ctrl-C does."""
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait()

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._sockets.close()

    def _connect(self, path: str) -> Any:
        assert self._process.poll() is None, self.output()
        try:
            return connect(f"ws://127.0.0.1:{self._port}{path}", open_timeout=30, ping_interval=None)
        except (OSError, WebSocketException):
            return None

    def _get(self) -> str | None:
        http = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            http.request("GET", "/")
            return http.getresponse().read().decode()
        except OSError:
            return None
        finally:
            http.close()


@pytest.fixture
def site(tmp_path: Path, transactional_db: None) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.stop()
    print(site.output())
    assert "Traceback" not in site.output()


def present() -> set[str]:
    return set(Presence.objects.values_list("channel_name", flat=True))


@pytest.mark.parametrize("consumer", ["/mixed", "/decorated"])
def test_after_a_reload_only_the_new_connection_is_present(consumer: str, site: Site) -> None:
    for _ in range(2):
        site.open_socket(consumer)
    ghosts = present()
    assert len(ghosts) == 2
    for ended in (2, 3):
        site.reload()
        site.open_socket(consumer)
        wait_until(lambda ghosts=ghosts: len(present()) == 1 and not present() & ghosts)
        ghosts = present()
        assert PresenceSession.objects.filter(reason__reason="server process died").count() == ended


def test_after_a_reload_the_pages_soon_show_no_ghosts(site: Site) -> None:
    site.open_socket("/mixed")
    assert site.page() == "1"
    site.reload()
    wait_until(lambda: site.page() == "0")


@pytest.mark.parametrize("consumer", ["/mixed", "/decorated"])
def test_what_ctrl_c_leaves_ends_when_the_server_runs_again(consumer: str, site: Site) -> None:
    site.open_socket(consumer)
    site.interrupt()
    site.start()
    site.page()
    wait_until(lambda: not present())
