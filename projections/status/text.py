"""Writes the figures of a status for people: a table, and single figures with their units."""

from __future__ import annotations

from projections.status.figures import COUNTED, AnchorStatus, CheckpointStatus, RemovalStatus, RetentionStatus, Status

__all__ = ["count", "duration", "lag", "table"]


def table(status: Status) -> str:
    """Returns all figures of ``status``, one per line, each with its name."""
    broken = ", ".join(f"{trigger.name} on {trigger.table} {trigger.obstacle}" for trigger in status.triggers)
    about = "about " if status.are_estimates else ""
    worker = {True: "running", False: "not running", None: "known on the primary only"}
    rows = [
        ("people", f"{about}{status.people:,}"),
        ("connections", f"{about}{status.connections:,}, {status.anonymous:,} of them anonymous"),
        ("rooms", f"{status.rooms:,}, {about}{status.empty_rooms:,} of them empty"),
        ("longest stay", duration(status.oldest_stay)),
        ("longest unseen", duration(status.oldest_unseen)),
        ("events", f"{status.position:,}, {status.appends_per_second:,.1f}/s in the last minute"),
        ("segments", _segments(status.prepared_days)),
        ("servers", f"{status.processes:,} alive"),
        ("triggers", broken or "fine"),
        ("dead letters", count(status.dead_letters)),
        ("signals", status.signals),
        ("worker", worker[status.has_worker]),
        *(("checkpoint", _checkpoint(checkpoint)) for checkpoint in status.checkpoints),
        *(
            (f"kept {part.part}", _retention(part))
            for part in status.retention
            if part.kept is not None or part.horizon
        ),
        *([("unsealed", f"for {duration(status.unsealed)}")] if status.unsealed is not None else []),
        *(("anchor", _anchor(anchor)) for anchor in status.anchors),
        *(("hold", repr(name)) for name in status.holds),
        *([("last removal", _removal(status.last_removal))] if status.last_removal else []),
        ("database", f"{'hot standby' if status.is_standby else 'primary'}, at {status.at:%Y-%m-%d %H:%M:%S %Z}"),
        *([("replayed", f"up to {status.replayed_up_to:%Y-%m-%d %H:%M:%S %Z}")] if status.replayed_up_to else []),
    ]
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {value}\n" for name, value in rows)


def _segments(days: int | None) -> str:
    if days is None:
        return "not needed yet"
    return f"prepared for {days:,} day{'' if days == 1 else 's'}" if days > 0 else "not prepared"


def _retention(part: RetentionStatus) -> str:
    kept = "all" if part.kept is None else f"for {duration(part.kept)}"
    horizon = f", removed up to {part.horizon:%Y-%m-%d %H:%M:%S %Z}" if part.horizon else ""
    return f"{kept}{horizon}{f', stopped by {part.obstacle}' if part.obstacle else ''}"


def _anchor(anchor: AnchorStatus) -> str:
    lacks = f"lacks seals for {duration(anchor.waiting)}" if anchor.waiting else "has all seals"
    failing = f", failing for {duration(anchor.failing)}: {anchor.failure}" if anchor.failure else ""
    return f"{anchor.name!r} {lacks}{failing}"


def _removal(removal: RemovalStatus) -> str:
    return f"{removal.segment}, {removal.events:,} events, at {removal.at:%Y-%m-%d %H:%M:%S %Z}"


def _checkpoint(checkpoint: CheckpointStatus) -> str:
    leader = {True: "followed", False: "not followed", None: "its leader is known on the primary only"}
    behind = f"is {lag(checkpoint)} behind" if checkpoint.is_readable else "is not readable"
    return f"{checkpoint.name!r} {behind}, {leader[checkpoint.has_leader]}"


def lag(checkpoint: CheckpointStatus) -> str:
    """Returns how far ``checkpoint`` is behind, in events and in time."""
    events = f"{checkpoint.lag_events:,} event{'' if checkpoint.lag_events == 1 else 's'}"
    return f"{'at least ' if checkpoint.has_more else ''}{events} and {duration(checkpoint.lag_seconds)}"


def count(number: int) -> str:
    """Returns a number that was counted up to `COUNTED`."""
    return f"{number:,}{' or more' if number == COUNTED else ''}"


def duration(seconds: float) -> str:
    """Returns ``seconds`` in their two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
