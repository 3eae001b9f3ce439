"""The ASGI application. BENCHMARK_CONSUMER names its echo consumer."""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib import import_module

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

http = get_asgi_application()

from tests.open_sockets import OpenSocketCounter  # noqa: E402


def stop_with_parent() -> None:
    """Ends the process at the end of standard input, and so with the benchmark, even if that was killed."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


threading.Thread(target=stop_with_parent, daemon=True).start()
consumer = import_module(f"tests.benchmarks.endtoend.consumers.{os.environ['BENCHMARK_CONSUMER']}").Consumer
application = ProtocolTypeRouter({"http": http, "websocket": OpenSocketCounter(consumer.as_asgi())})
