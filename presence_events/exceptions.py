"""Every error of the library. The docstring of an exception is its message; details are appended."""

from __future__ import annotations

import inspect


class PresenceError(Exception):
    """Something is wrong with presence."""

    def __init__(self, detail: str = "") -> None:
        message = " ".join(inspect.cleandoc(type(self).__doc__ or "").split())
        super().__init__(f"{message} {detail}" if detail else message)


class InvalidRoomName(PresenceError, ValueError):
    """A room's name is the name of its channel-layer group: 1 to 99 ASCII letters, digits, hyphens,
    underscores or periods."""


class InvalidChannelName(PresenceError, ValueError):
    """A channel name is what Channels gave the consumer (self.channel_name): 1 to 99 ASCII letters, digits,
    hyphens, underscores or periods, with at most one exclamation mark between them."""


class InvalidKind(PresenceError, ValueError):
    """An event is a join, a touch, a leave or a prune, and nothing else."""


class InvalidData(PresenceError, ValueError):
    """Data must be JSON that PostgreSQL can store, and small."""


class InvalidUser(PresenceError, ValueError):
    """A user must be a saved instance of AUTH_USER_MODEL, an AnonymousUser, or None."""


class InvalidSession(PresenceError, ValueError):
    """A session is the id of a presence, or the session of an event: a positive integer."""


class InvalidAge(PresenceError, ValueError):
    """An age is a finite number of seconds, zero or more."""


class InvalidMoment(PresenceError, ValueError):
    """A moment is a datetime with a time zone that is not in the future, and a span ends after it starts."""


class InvalidPosition(PresenceError, ValueError):
    """A position is a number from 0, before the first event of the log, to that of the last one."""


class LogIsAppendOnly(PresenceError, TypeError):
    """The presence log is append-only, and events enter it through presence_events.recorder alone:
    record a new event instead of saving or deleting one."""


class CeleryNotInstalled(PresenceError, RuntimeError):
    """The tasks need Celery: pip install celery, or run the management command of the same name from cron."""


class NotRecordedInTime(PresenceError, TimeoutError):
    """The database did not answer within CHANNELS_PRESENCE_RECORD_TIMEOUT: make the call again, recording twice is
    harmless."""


class DeliveryFailed(PresenceError, RuntimeError):
    """Some of what was recorded did not get to where it should."""

    def __init__(self, failures: dict[int, Exception]) -> None:
        super().__init__(f"Positions in the log: {sorted(failures)}.")
        self.failures = failures


class CheckpointMoved(PresenceError, RuntimeError):
    """Somebody else has read on from this checkpoint, one reader at a time, or it was reset."""


class ConnectionIsPooled(PresenceError, RuntimeError):
    """A worker needs a database session of its own, and there is a pooler in between that lends sessions out, as
    PgBouncer does in transaction mode: name a database that is reached directly with --database."""


class LogIsShorter(PresenceError, RuntimeError):
    """The log ends before what was read of it, so it is not the same any more: it was restored to an earlier state.
    Reset the checkpoint."""


class NotATestDatabase(PresenceError, RuntimeError):
    """Presences age in test databases only, those that Django's test runner or pytest-django made for its process."""
