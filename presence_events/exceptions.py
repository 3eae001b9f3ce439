"""Every exception of the library. The docstring of an exception is its message; details are appended."""

from __future__ import annotations

import inspect
from datetime import datetime

from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError


class PresenceError(Exception):
    """The presence library reported an error."""

    def __init__(self, detail: str = "") -> None:
        message = " ".join(inspect.cleandoc(type(self).__doc__ or "").split())
        super().__init__(f"{message} {detail}" if detail else message)


class InvalidRoomName(PresenceError, ValueError):
    """Pass a room name that is valid as the name of a channel-layer group: 1 to 99 ASCII letters, digits, hyphens,
    underscores or periods."""


class InvalidChannelName(PresenceError, ValueError):
    """Pass the channel name that Channels gave the consumer (self.channel_name): 1 to 99 ASCII letters, digits,
    hyphens, underscores or periods, with at most one exclamation mark between them."""


class InvalidDatabase(PresenceError, ImproperlyConfigured):
    """Make the function of CHANNELS_PRESENCE_DATABASE return an alias of DATABASES. If it has an attribute aliases,
    the alias has to be one of these."""


class InvalidPrivacy(PresenceError, ImproperlyConfigured):
    """Set CHANNELS_PRESENCE_PRIVACY to a dict from beginnings of room names to dicts with "users", which is "named",
    "daily" or "anonymous", and "data" and "history", which are True or False. All can be left out."""


class InvalidKind(PresenceError, ValueError):
    """Pass one of the four kinds of events: join, touch, leave or prune."""


class InvalidData(PresenceError, ValueError):
    """Pass data that is JSON, that PostgreSQL can store, and that is within the limits of size, nesting and numbers."""


class InvalidUser(PresenceError, ValueError):
    """Pass a saved instance of AUTH_USER_MODEL as the user."""


class InvalidSession(PresenceError, ValueError):
    """Pass the id of a presence or the session of an event as the session: an integer other than 0."""


class InvalidCapacity(PresenceError, ValueError):
    """Pass a capacity that is a whole number of people: 1 or more, or None for a join without a limit."""


class InvalidExclusive(PresenceError, ValueError):
    """Pass "newest", "oldest" or None as exclusive: which of two connections of a user remains in the room."""


class InvalidAge(PresenceError, ValueError):
    """Pass an age that is a finite number of seconds, zero or more."""


class InvalidMoment(PresenceError, ValueError):
    """Pass a moment that is a datetime with a time zone and not in the future. A span must end after it starts."""


class InvalidPosition(PresenceError, ValueError):
    """Pass a position from 0 (before the first event of the log) to that of the last event."""


class RoomIsFull(PresenceError):
    """The room has as many people as its capacity allows, so the connection has not joined it. Try again when a
    person has left. The attribute room has the name of the room, and capacity its limit."""

    def __init__(self, room: str, capacity: int) -> None:
        super().__init__(f"Room {room}, capacity {capacity}.")
        self.room = room
        self.capacity = capacity


class AlreadyPresent(PresenceError):
    """The user has another connection in the room, so this one has not joined it. The attribute room has the name of
    the room."""

    def __init__(self, room: str) -> None:
        super().__init__(f"Room {room}.")
        self.room = room


class BeforeHorizon(PresenceError, ValueError):
    """Ask about a time that is not before the horizon: retention has removed earlier events, and an answer would lack
    them. To get what is left, pass partial=True, or the option --partial. The attribute moment has the time or the
    position that was asked about, and horizon the earliest one with a complete answer."""

    def __init__(self, moment: datetime | int, horizon: datetime | int) -> None:
        super().__init__(f"Got {moment}, and the horizon is {horizon}.")
        self.moment = moment
        self.horizon = horizon


class NotYetReplicated(PresenceError, ValueError):
    """Ask a replica about a time that it has reached: of a later time, it may lack events. Wait until it has replayed
    more, or ask the primary. To get what the replica has, pass partial=True, or the option --partial. The attribute
    moment has the time that was asked about, and replayed_up_to the latest one with a complete answer."""

    def __init__(self, moment: datetime, replayed_up_to: datetime) -> None:
        super().__init__(f"Got {moment}, and the replica has replayed up to {replayed_up_to}.")
        self.moment = moment
        self.replayed_up_to = replayed_up_to


class HoldNotChangeable(PresenceError, ValueError):
    """Place a hold under a name that no other hold has, and release one that is in force."""


class LogIsAppendOnly(PresenceError, TypeError):
    """The presence log is append-only: events and stays cannot be saved, changed or deleted. To record an event, call
    Room.objects.add(room, channel_name, user), Room.objects.remove(room, channel_name) or
    Presence.objects.touch(channel_name, data)."""


class ProjectionIsDerived(PresenceError, IntegrityError):
    """Rooms and presences cannot be saved: the table is a projection of the presence log. To make a connection join a
    room, which creates the room if needed, call Room.objects.add(room, channel_name, user). To get a room that may be
    empty, call Room.named(name). To record a sign of life or new data, call Presence.objects.touch(channel_name, data).
    To make a connection leave, call Room.objects.remove(room, channel_name)."""


class CeleryNotInstalled(PresenceError, RuntimeError):
    """The tasks need Celery. Run pip install celery, or run the management command of the same name from cron."""


class NotRecordedInTime(PresenceError, TimeoutError):
    """The database did not confirm the call within CHANNELS_PRESENCE_RECORD_TIMEOUT seconds. Make the call again:
    recording twice is harmless."""


class DeliveryFailed(PresenceError, RuntimeError):
    """Events were recorded, but a receiver could not deliver some of them: for example, it could not add a connection
    to its group. Do not record them again. The attribute failures has the cause for each event."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        super().__init__(f"Positions in the log: {sorted(failures)}.")
        self.failures = failures


class CheckpointMoved(PresenceError, RuntimeError):
    """Another reader has moved this checkpoint, or it was reset. Run only one reader per checkpoint, and start this one
    again to read from where the checkpoint is now."""


class ConnectionIsPooled(PresenceError, RuntimeError):
    """A worker needs a database connection of its own, but a pooler shares connections between clients, as PgBouncer
    does in transaction mode. Use --database to name a database that is reached directly."""


class LogIsShorter(PresenceError, RuntimeError):
    """The log ends before the position up to which it was read, so it was restored to an earlier state. Reset the
    checkpoint."""


class ArchiveNotInstalled(PresenceError, RuntimeError):
    """The archive needs pyarrow and duckdb. Run pip install "django-presence-events[archive]"."""


class DayNotArchivable(PresenceError, ValueError):
    """Archive days, in UTC, that are over and whose events can no longer change."""


class ArchiveDamaged(PresenceError, RuntimeError):
    """Files of the archive are missing or differ from what was written. To list all problems, run manage.py
    presence_archive verify. To write a day again, remove its files first. The attribute problem has the detail."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class NotInArchive(PresenceError, ValueError):
    """Ask the archive about a time of the days that it has."""


class RetentionStopped(PresenceError, RuntimeError):
    """Retention has removed nothing, because its archive does not have all events that it would remove."""


class NotRestorable(PresenceError, ValueError):
    """Restore a segment that retention has removed, from an archive that has all of its events."""


class RetentionIsRunning(PresenceError, RuntimeError):
    """Another process is removing or restoring segments of this log, or erases a person. Wait until it has ended."""


class NotErasable(PresenceError, ValueError):
    """Nothing was erased."""


class ErasureNotEnded(PresenceError, RuntimeError):
    """Nothing is sealed while the erasure of a person is in progress. If it was interrupted, run manage.py
    presence_erase again for the same person."""


class InvalidSeal(PresenceError, ValueError):
    """This text is not a seal of the log."""


class CopyDiffers(PresenceError, ValueError):
    """The copy has seals that the database does not have. Nothing was added to the copy. To see what differs, run
    manage.py presence_verify --copy."""


class InvalidSealKey(PresenceError, ValueError):
    """Pass a file with an Ed25519 key in PEM, without a password. To make one, run: openssl genpkey -algorithm ed25519
    -out seal.pem; openssl pkey -in seal.pem -pubout -out seal.pub."""


class NotSealed(PresenceError, ValueError):
    """Only events that are in the log and in a seal can be proved. To seal the log, run manage.py presence_seal."""


class NotTimestamped(PresenceError, ValueError):
    """This is no time stamp of the seal, as RFC 3161 defines it, or not one of a server that you trust."""


class SealsNotInstalled(PresenceError, ImportError):
    """Signatures of seals need the package cryptography, and time stamps rfc3161-client: pip install
    "django-presence-events[seals]"."""


class InvalidTitle(PresenceError, ValueError):
    """Pass a title for the report: 1 to 200 characters."""


class RoomWithoutHistory(PresenceError, ValueError):
    """CHANNELS_PRESENCE_PRIVACY says that this room has no history, and a final report would keep one."""


class InvalidAnnotation(PresenceError, ValueError):
    """Pass a correction and a reason with text, and the number of a row that the report has, or None."""


class SpreadsheetsNotInstalled(PresenceError, ImportError):
    """Files for Excel need the package openpyxl: pip install "django-presence-events[xlsx]"."""


class NotATestDatabase(PresenceError, RuntimeError):
    """Presences can be aged only in test databases. Call this in a test, on a database that Django's test runner or
    pytest-django made for its process."""
