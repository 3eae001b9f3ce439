"""Every exception, and the status for Prometheus."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from django.http import HttpResponse
from django.test import RequestFactory

from presence_events import exceptions
from presence_events.exceptions import ArchiveDamaged, DeliveryFailed, PresenceError
from projections.metrics import CONTENT_TYPE, PresenceCollector, PrometheusNotInstalled, openmetrics, view
from projections.status import status

INVALID: tuple[type[ValueError], ...] = (
    exceptions.InvalidRoomName,
    exceptions.InvalidChannelName,
    exceptions.InvalidKind,
    exceptions.InvalidData,
    exceptions.InvalidUser,
    exceptions.InvalidSession,
    exceptions.InvalidAge,
    exceptions.InvalidCapacity,
    exceptions.InvalidExclusive,
    exceptions.InvalidMoment,
    exceptions.InvalidPosition,
    exceptions.DayNotArchivable,
    exceptions.NotErasable,
    exceptions.NotInArchive,
)
OTHERS: tuple[type[PresenceError], ...] = (
    exceptions.LogIsAppendOnly,
    exceptions.InvalidPrivacy,
    exceptions.AlreadyPresent,
    exceptions.RoomIsFull,
    exceptions.ArchiveNotInstalled,
    exceptions.CeleryNotInstalled,
    exceptions.NotRecordedInTime,
    exceptions.CheckpointMoved,
    exceptions.ConnectionIsPooled,
    exceptions.InvalidDatabase,
    exceptions.LogIsShorter,
    exceptions.HoldNotChangeable,
    exceptions.NotRestorable,
    exceptions.RetentionIsRunning,
    exceptions.ErasureNotEnded,
    exceptions.RetentionStopped,
    exceptions.InvalidSeal,
    exceptions.InvalidSealKey,
    exceptions.CopyDiffers,
    exceptions.NotSealed,
    exceptions.NotTimestamped,
    exceptions.SealsNotInstalled,
    exceptions.InvalidTitle,
    exceptions.RoomWithoutHistory,
    exceptions.InvalidAnnotation,
    exceptions.SpreadsheetsNotInstalled,
    exceptions.NotATestDatabase,
    exceptions.ProjectionIsDerived,
    PrometheusNotInstalled,
)


def failures(error: PresenceError) -> None:
    if isinstance(error, DeliveryFailed):
        assert_type(error.failures, dict[int, Exception])
    if isinstance(error, exceptions.BeforeHorizon):
        assert_type(error.moment, datetime | int)
        assert_type(error.horizon, datetime | int)
    if isinstance(error, exceptions.NotYetReplicated):
        assert_type(error.moment, datetime)
        assert_type(error.replayed_up_to, datetime)
    if isinstance(error, ArchiveDamaged):
        assert_type(error.problem, str)


def metrics() -> None:
    assert_type(openmetrics(status()), str)
    content_type: str = CONTENT_TYPE
    response: HttpResponse = view(RequestFactory().get("/metrics"))
    collector = PresenceCollector()
    for families in (collector.collect(), collector.describe()):
        for family in families:
            print(response, content_type, family)
