"""Arguments that several commands share: their types for argparse, and the options themselves."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections
from django.utils import timezone

from presence_events import export, validation
from presence_events.databases import write_alias
from presence_events.databases.rooms import alias_of_room, aliases, chosen_by_room
from presence_events.exceptions import InvalidRoomName, InvalidUser
from projections.management.errors import FAILED

__all__ = [
    "MOMENT",
    "add_archives",
    "add_database",
    "add_format",
    "add_person",
    "add_room",
    "chosen_database",
    "day",
    "moment",
    "position_or_moment",
    "room",
    "user_key",
]

MOMENT = "ISO 8601, like 2026-03-01T09:00+01:00, 2026-03-01T09:00 or 2026-03-01; without an offset in TIME_ZONE"
"""The format of a time, for help texts."""

_A_DAY = timedelta(days=1)


def add_room(parser: CommandParser) -> None:
    parser.add_argument("--room", type=room, metavar="NAME", help="this room only")


def add_person(parser: CommandParser) -> None:
    parser.add_argument("user", type=user_key, metavar="USER", help="the primary key of the user, who need not exist")


def add_archives(parser: CommandParser, *, use: str) -> None:
    """Adds ``--archive``, which can be given several times. ``use`` is what the command does with each archive."""
    parser.add_argument(
        "--archive",
        type=Path,
        action="append",
        default=[],
        dest="archives",
        metavar="DIRECTORY",
        help=f"{use} this archive, too; can be given several times",
    )


def add_format(parser: CommandParser) -> None:
    parser.add_argument("--format", choices=export.FORMATS, default="csv", help="default: csv")


def add_database(parser: CommandParser, *, default: str = "the one that the router writes to") -> None:
    parser.add_argument(
        "--database",
        choices=tuple(connections),
        metavar="ALIAS",
        help=f"alias of the database (default: {default})",
    )


def chosen_database(options: Mapping[str, Any], *, default: str | None = None) -> str:
    """Returns the alias that ``options`` of a command choose: with ``database``, or with ``room``.

    Without both it is ``default``, or that of the routers. If rooms are in several databases, raises a `CommandError`
    instead, because the command would look at a part of them only.
    """
    alias, name = options["database"], options.get("room")
    if alias or not chosen_by_room():
        return write_alias(alias or default)
    if name is not None:
        return alias_of_room(name)
    raise CommandError(
        f"Rooms are in several databases: choose one with --database, {' or '.join(aliases())}.", returncode=FAILED
    )


def day(text: str) -> date:
    """Returns the day that ``text`` gives in ISO 8601. A type for argparse."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day: write it as 2026-03-01.") from None


def moment(text: str) -> datetime:
    """Returns the aware time that ``text`` gives in ISO 8601. A date is midnight. A type for argparse.

    A time without an offset is in the site's ``TIME_ZONE``. It is refused if the zone skips it or has it twice because
    clocks change. The command has to check for itself whether the time is in the future.
    """
    try:
        when = datetime.fromisoformat(text)
        # Conversions to other time zones must not overflow.
        _ = when - _A_DAY, when + _A_DAY
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is not a time: write {MOMENT}.") from None
    return when if timezone.is_aware(when) else _on_site(when)


def position_or_moment(text: str) -> int | datetime:
    """Returns a position of the log if ``text`` is a number, or else its `moment`. A type for argparse."""
    return int(text) if text.isdecimal() else moment(text)


def room(text: str) -> str:
    """Returns ``text`` if a room in the log can have this name. A type for argparse."""
    try:
        return validation.recorded_room_name(text)
    except InvalidRoomName as error:
        raise ArgumentTypeError(str(error)) from None


def user_key(text: str) -> Any:
    """Returns ``text`` as the primary key of a user. The user need not exist. A type for argparse."""
    try:
        return validation.user_key(text)
    except InvalidUser as error:
        raise ArgumentTypeError(str(error)) from None


def _on_site(when: datetime) -> datetime:
    """Returns the naive ``when`` as a time in ``TIME_ZONE``."""
    zone = timezone.get_default_timezone()
    first, second = when.replace(tzinfo=zone), when.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first
    is_skipped = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when
    problem = "does not exist" if is_skipped else "occurs twice"
    offsets = " or ".join(time.isoformat() for time in (first, second))
    raise ArgumentTypeError(f"{when.isoformat(' ')} {problem} in {zone}: add an offset, as in {offsets}.")
