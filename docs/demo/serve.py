"""Serves the demo: PostgreSQL, the tables, an account for the admin, and daphne, until Ctrl-C or SIGTERM.

Expects the packages of the extra ``demo``; `run.py` installs them first. What is stored stays in the directory
``--data`` for the next start.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from alone import AlreadyRunning, alone
from postgres import Postgres, PostgresError

DEMO = Path(__file__).resolve().parent
HOST = "127.0.0.1"
PORT = 8000


def main() -> None:
    parser = argparse.ArgumentParser(description="A chat that shows who is here.")
    parser.add_argument("--port", type=int, help=f"default: {PORT}, or the next one that is free")
    parser.add_argument("--data", type=Path, default=DEMO / ".demo", help="where everything is stored")
    parser.add_argument(
        "--history", action="store_true", help="begin with a day in the past, if nothing has been recorded yet"
    )
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # both as Ctrl-C: everything is stopped in order
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # the terminal is closed, and this is not under nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        with alone(options.data):
            serve(options.data.resolve(), listen(options.port), history=options.history)
    except KeyboardInterrupt:
        pass
    except (AlreadyRunning, OSError, PostgresError) as error:
        sys.exit(f"The demo cannot start: {error}")
    print("\nStopped.", flush=True)
    # Python would still end by the signal if that came while an import was in an eval(), as named tuples are.
    os._exit(0)


def listen(port: int | None) -> socket.socket:
    """A socket on ``port``; without one, on the first free port from 8000 on."""
    for candidate in [port] if port is not None else range(PORT, PORT + 100):
        try:
            return socket.create_server((HOST, candidate))
        except (OSError, OverflowError) as error:
            print(f"Port {candidate} cannot be had: {error}", flush=True)
    raise OSError("it has no port to listen on. Choose another with --port.")


def serve(data: Path, listener: socket.socket, *, history: bool) -> None:
    """Runs the demo on ``listener`` until it is told to stop, and with a ``history`` if the log has none yet."""
    database = Postgres(data / "postgres")
    try:
        print("[3/5] Starting PostgreSQL", flush=True)
        database.start()
        print("[4/5] Preparing the database", flush=True)
        os.environ["DEMO_DATA"] = str(data)
        has_past = prepare(history=history)
        print("[5/5] Starting daphne", flush=True)
        run_daphne(listener, has_past=has_past)
    finally:
        # What comes while it is stopping has been heard.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        listener.close()
        database.stop()


def prepare(*, history: bool) -> bool:
    """Tables, the account of the admin and, if wanted, a ``history``, if they are not there yet.

    Returns whether somebody has been in the lobby before.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)

    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    if not users.filter(username="admin").exists():
        users.create_superuser("admin", password="admin")
    if history:
        write_history()

    from projections.models import PresenceSession

    has_past = PresenceSession.objects.in_room("lobby").exists()
    connections.close_all()
    return has_past


def write_history() -> None:
    """A day in the past, or the reason why there is none."""
    from history.seed import seed

    print("      Writing a day of history", end="", flush=True)
    if stays := seed():
        print(f": {stays} stays", flush=True)
    else:
        print(
            f""": left out
      The log has events already, and what is older cannot come after them.
      For a day of history, start on another directory: --history --data {DEMO / ".demo" / "history"}""",
            flush=True,
        )


def run_daphne(listener: socket.socket, *, has_past: bool) -> None:
    """Runs the web server. It answers SIGINT and SIGTERM by returning."""
    from config.asgi import application
    from daphne.endpoints import build_endpoint_description_strings
    from daphne.server import Server, twisted_loop

    port = listener.getsockname()[1]
    Server(
        application,
        endpoints=build_endpoint_description_strings(file_descriptor=listener.fileno()),
        ready_callable=lambda: greet(port, has_past=has_past),
    ).run()
    signal.set_wakeup_fd(-1)  # Twisted leaves a closed one behind, and Python would complain about it
    twisted_loop.run_until_complete(finish())


async def finish() -> None:
    """Ends what daphne leaves under way when it stops.

    The thread that talks to the database may have recorded a join and wait for the event loop to tell the others: it
    would wait forever, and the process with it.
    """
    from asgiref.sync import sync_to_async
    from django.db import connections

    close = sync_to_async(connections.close_all)  # in that same thread, so after everything else in it
    await close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await close()


def greet(port: int, *, has_past: bool) -> None:
    address = f"http://{HOST}:{port}/"
    timeline = f"\n    Timeline  {address}admin/projections/timeline/?room=lobby" if has_past else ""
    print(
        f"""
    Chat      {address}
    Admin     {address}admin/    name: admin, password: admin{timeline}

    Open the chat in several tabs. Other people live in private windows or other browsers.
    Ctrl-C stops everything; what is stored is kept for the next start.
""",
        flush=True,
    )


if __name__ == "__main__":
    main()
