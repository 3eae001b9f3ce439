"""Beats and ends of leases, as server processes and the worker record them."""

from __future__ import annotations

from django.db import connection, transaction

from presence_events import sql
from presence_events._recording import statement
from presence_events.models import PresenceEvent
from projections import selections

__all__ = ["beat", "beats", "end_lease", "join_leased", "let_pass", "move_lease", "put_on_lease"]


def beat(*processes: str) -> None:
    """Records a beat of each of ``processes``."""
    for name in processes:
        sql.rows("presence_events", "queries/processes/beat", {"name": name, "lock_timeout": "0"}, using="default")


def end_lease(process: str) -> bool:
    """Records the end of the lease of ``process``. Returns whether there was one that no stay depended on."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_event (kind, room, process) VALUES ('prune', '', %s)", [process])
        return bool(cursor.rowcount)


def join_leased(process: str, room: str, *channel_names: str) -> None:
    """Records joins whose stays depend on the lease of ``process``."""
    for name in channel_names:
        statement.append([selections.join(room, name, None, None, is_leased=True)], "default", process=process)


def put_on_lease(process: str, *stays: tuple[str, str], is_leased: bool = True) -> int:
    """Records a touch of each of ``stays``, which puts it on the lease of ``process``, or takes it off its lease."""
    drafts = selections.set_leased([(*stay, is_leased) for stay in stays])
    return len(statement.append_quietly([drafts], "default", process=process))


def beats() -> int:
    """Returns the number of beats in the log."""
    return PresenceEvent.objects.filter(room="", kind="touch").count()


def move_lease(process: str, seconds: float) -> None:
    """Moves the times of the beats of ``process`` by ``seconds``, in the log and in its lease."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("presence_event", "presence_process"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE presence_event SET at = at + make_interval(secs => %s), since = since + make_interval(secs => %s) "
            "WHERE room = '' AND process = %s",
            [seconds, seconds, process],
        )
        cursor.execute(
            "UPDATE presence_process SET seen_at = seen_at + make_interval(secs => %s), "
            "started_at = started_at + make_interval(secs => %s) WHERE name = %s",
            [seconds, seconds, process],
        )
        for table in ("presence_event", "presence_process"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def let_pass(seconds: float) -> None:
    """Moves all times in the log and in the projections back by ``seconds``."""
    columns = {
        "presence_event": ("at", "since", "last_seen"),
        "presence_room": ("created_at",),
        "presence_open_stay": ("joined_at", "touched_at"),
        "presence_process": ("started_at", "seen_at"),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, names in columns.items():
            changes = ", ".join(f"{name} = {name} - make_interval(secs => %s)" for name in names)
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"UPDATE {table} SET {changes}", [seconds] * len(names))
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
