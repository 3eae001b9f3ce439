"""Serves the status as metrics, for Prometheus and other programs that read OpenMetrics.

Everything here needs the package ``prometheus_client``: ``pip install "django-presence-events[prometheus]"``. Without
it this module can be imported, but its functions raise `PrometheusNotInstalled`.

Either let a view serve the metrics::

    path("metrics", projections.metrics.view)

The view shows to any client how many users are present and what the checkpoints are called. Protect it as you protect
other internal pages: with a proxy that lets only the monitor through, or with a decorator.

Or register a collector, if you already have a registry of ``prometheus_client``::

    REGISTRY.register(PresenceCollector())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from presence_events.databases import write_alias
from presence_events.exceptions import PresenceError
from projections.status import AnchorStatus, CheckpointStatus, Status, status

try:
    from prometheus_client import core
    from prometheus_client.openmetrics import exposition
except ImportError:
    core = exposition = None  # type: ignore[assignment,unused-ignore]

__all__ = ["CONTENT_TYPE", "PresenceCollector", "PrometheusNotInstalled", "openmetrics", "view"]

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class PrometheusNotInstalled(PresenceError, RuntimeError):
    """The metrics need prometheus_client. Run pip install "django-presence-events[prometheus]"."""


class _Family(NamedTuple):
    """A metric family: one value, or one value for each checkpoint or each anchor of seals."""

    name: str
    help: str
    value: Callable[[Status], float | None] | None = None
    checkpoint_value: Callable[[CheckpointStatus], float | None] | None = None
    anchor_value: Callable[[AnchorStatus], float] | None = None
    """A function returns None for an unknown value, which is left out."""
    kind: str = "gauge"

    def metric(self, status: Status | None = None) -> Any:
        """Returns the family for ``prometheus_client``, with its values in ``status``."""
        kinds = {"gauge": core.GaugeMetricFamily, "counter": core.CounterMetricFamily}
        labels = ["checkpoint"] if self.checkpoint_value else ["anchor"] if self.anchor_value else []
        unit = "seconds" if self.name.endswith("_seconds") else ""
        metric = kinds[self.kind](self.name, self.help, labels=labels, unit=unit)
        for label_values, value in self._samples(status) if status else ():
            metric.add_metric(label_values, float(value))
        return metric

    def _samples(self, status: Status) -> Iterator[tuple[list[str], float]]:
        """Yields the values of the labels, and the value."""
        if self.value:
            value = self.value(status)
            if value is not None:
                yield [], value
        if self.checkpoint_value:
            for checkpoint in status.checkpoints:
                value = self.checkpoint_value(checkpoint)
                if value is not None:
                    yield [checkpoint.name], value
        if self.anchor_value:
            for anchor in status.anchors:
                yield [anchor.name], self.anchor_value(anchor)


_FAMILIES = (
    _Family("presence_people", "Different users who are present.", lambda it: it.people),
    _Family("presence_connections", "Connections that are present, once for each room.", lambda it: it.connections),
    _Family("presence_anonymous_connections", "Those of them without a user.", lambda it: it.anonymous),
    _Family("presence_rooms", "Rooms, empty or not.", lambda it: it.rooms),
    _Family("presence_empty_rooms", "Rooms without connections.", lambda it: it.empty_rooms),
    _Family(
        "presence_appended_events",
        "Events appended to the log: the position of the last one.",
        lambda it: it.position,
        kind="counter",
    ),
    _Family(
        "presence_prepared_days",
        "Days for which the log has segments. Not known for a log without events.",
        lambda it: it.prepared_days,
    ),
    _Family(
        "presence_oldest_stay_seconds",
        "Time since the earliest join among the open stays; 0 without any.",
        lambda it: it.oldest_stay,
    ),
    _Family(
        "presence_oldest_unseen_seconds",
        "The longest time since a present connection was last seen; 0 without any.",
        lambda it: it.oldest_unseen,
    ),
    _Family(
        "presence_unsealed_seconds",
        "Time since the first event without a seal; 0 if all have one. Known with CHANNELS_PRESENCE_SEALS only.",
        lambda it: it.unsealed,
    ),
    _Family(
        "presence_anchor_waiting_seconds",
        "Time since the first seal was made that an anchor lacks; 0 if it has all.",
        anchor_value=lambda it: it.waiting,
    ),
    _Family(
        "presence_anchor_failing_seconds",
        "How long the publication of seals at an anchor has been failing; 0 if it is not.",
        anchor_value=lambda it: it.failing,
    ),
    _Family("presence_dead_letters", "Signals that a receiver failed to take.", lambda it: it.dead_letters),
    _Family(
        "presence_server_processes",
        "Server processes that have claimed connections and are alive.",
        lambda it: it.processes,
    ),
    _Family("presence_triggers_disabled", "Triggers that do not fire or were changed.", lambda it: len(it.triggers)),
    _Family(
        "presence_worker",
        "Whether the worker runs that does maintenance and may send signals: 1 or 0. Not known on a standby.",
        lambda it: it.has_worker,
    ),
    _Family(
        "presence_lag_events",
        "Events after the checkpoint that are yet to be delivered, counted up to a limit.",
        checkpoint_value=lambda it: it.lag_events if it.is_readable else None,
    ),
    _Family(
        "presence_lag_seconds",
        "How long the first of these events has been waiting; 0 without any.",
        checkpoint_value=lambda it: it.lag_seconds if it.is_readable else None,
    ),
    _Family(
        "presence_leader",
        "Whether a process follows the log from the checkpoint: 1 or 0. Not known on a standby.",
        checkpoint_value=lambda it: it.has_leader,
    ),
)


def openmetrics(status: Status) -> str:
    """Returns ``status`` in the text format of OpenMetrics 1.0. Raises `PrometheusNotInstalled`."""
    _require_prometheus()
    encoded: bytes = exposition.generate_latest(_StatusCollector(status))  # type: ignore[no-untyped-call,unused-ignore]
    return encoded.decode()


@require_safe
@never_cache
def view(request: HttpRequest, using: str | None = None) -> HttpResponse:
    """Serves the status of the database ``using`` as OpenMetrics. The default is the database of the log.

    Responds with status 501 and the message of `PrometheusNotInstalled` if ``prometheus_client`` is missing.
    """
    try:
        _require_prometheus()
    except PrometheusNotInstalled as error:
        return HttpResponse(f"{error}\n", status=501, content_type="text/plain; charset=utf-8")
    return HttpResponse(openmetrics(status(using)), content_type=CONTENT_TYPE)


class PresenceCollector:
    """A collector for a registry of ``prometheus_client``. It queries the database ``using`` at each collection.

    Raises `PrometheusNotInstalled`.
    """

    def __init__(self, using: str | None = None) -> None:
        _require_prometheus()
        self._using = using

    def describe(self) -> Iterable[Any]:
        """Returns the metrics without values, so the registration of the collector needs no database."""
        return [family.metric() for family in _FAMILIES]

    def collect(self) -> Iterable[Any]:
        """Returns the metrics with their present values."""
        return _StatusCollector(self._status()).collect()

    def _status(self) -> Status:
        connection = connections[write_alias(self._using)]
        was_open = connection.connection is not None
        try:
            return status(self._using)
        finally:
            # Prometheus's server collects in a new thread each time, and nothing else would close its connection.
            if not was_open:
                connection.close()


class _StatusCollector(NamedTuple):
    """Collects the metrics of a status that was determined before."""

    status: Status

    def collect(self) -> Iterable[Any]:
        return [family.metric(self.status) for family in _FAMILIES]


def _require_prometheus() -> None:
    if core is None:
        raise PrometheusNotInstalled
