"""The status as metrics, for Prometheus and whatever else reads OpenMetrics.

A view, for which nothing has to be installed::

    path("metrics", projections.metrics.view)

It shows how many people are present and what the checkpoints are called to whoever may ask: protect it as the site
protects its own, by a proxy that lets only the monitor through, or a decorator.

A collector, for those who have a registry of `prometheus_client` already::

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
from projections.status import CheckpointStatus, Status, status

try:
    from prometheus_client import core
except ImportError:
    core = None  # type: ignore[assignment,unused-ignore]

__all__ = ["CONTENT_TYPE", "PresenceCollector", "PrometheusNotInstalled", "openmetrics", "view"]

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class PrometheusNotInstalled(PresenceError, RuntimeError):
    """The collector needs prometheus_client: pip install "django-presence-events[prometheus]", or serve
    projections.metrics.view, which needs nothing."""


class _Family(NamedTuple):
    """Metrics of one name: one, or one for each checkpoint."""

    name: str
    help: str
    value: Callable[[Status], float | None] | None = None
    of_checkpoint: Callable[[CheckpointStatus], float | None] | None = None
    """Either gives None for what is not known."""
    kind: str = "gauge"

    @property
    def unit(self) -> str:
        return "seconds" if self.name.endswith("_seconds") else ""

    @property
    def labels(self) -> list[str]:
        return ["checkpoint"] if self.of_checkpoint else []

    def samples(self, status: Status) -> Iterator[tuple[list[str], float]]:
        """The values of its labels, and its own."""
        if self.value:
            figure = self.value(status)
            if figure is not None:
                yield [], figure
        if self.of_checkpoint:
            for checkpoint in status.checkpoints:
                value = self.of_checkpoint(checkpoint)
                if value is not None:
                    yield [checkpoint.name], value


_FAMILIES = (
    _Family("presence_people", "Users who are present, each once.", lambda it: it.people),
    _Family("presence_connections", "Connections that are present, once for each room.", lambda it: it.connections),
    _Family("presence_anonymous_connections", "Those of them without a user.", lambda it: it.anonymous),
    _Family("presence_rooms", "Rooms, with somebody in them or not.", lambda it: it.rooms),
    _Family("presence_empty_rooms", "Rooms in which nobody is.", lambda it: it.empty_rooms),
    _Family(
        "presence_appended_events",
        "Events appended to the log: the position of the last one.",
        lambda it: it.position,
        kind="counter",
    ),
    _Family(
        "presence_oldest_stay_seconds",
        "Since the first of those who are present joined; 0 if nobody is.",
        lambda it: it.oldest_stay,
    ),
    _Family(
        "presence_oldest_unseen_seconds",
        "Since somebody was last seen who is still present, the longest time; 0 if nobody is.",
        lambda it: it.oldest_unseen,
    ),
    _Family("presence_dead_letters", "Signals that a receiver did not take.", lambda it: it.dead_letters),
    _Family(
        "presence_server_processes",
        "Server processes that have claimed connections and are alive.",
        lambda it: it.processes,
    ),
    _Family("presence_triggers_disabled", "Triggers that do not fire.", lambda it: len(it.triggers)),
    _Family(
        "presence_worker",
        "Whether a process runs that keeps house and may send signals: 1 or 0. Not known on a standby.",
        lambda it: it.has_worker,
    ),
    _Family(
        "presence_lag_events",
        "Events after the checkpoint that are yet to be delivered, counted up to a limit.",
        of_checkpoint=lambda it: it.lag_events,
    ),
    _Family(
        "presence_lag_seconds",
        "For how long the first of them has been waiting; 0 if there is none.",
        of_checkpoint=lambda it: it.lag_seconds,
    ),
    _Family(
        "presence_leader",
        "Whether a process follows the log from the checkpoint: 1 or 0. Not known on a standby.",
        of_checkpoint=lambda it: it.has_leader,
    ),
)


def openmetrics(status: Status) -> str:
    """``status`` in the text format of OpenMetrics 1.0."""
    lines = list[str]()
    for family in _FAMILIES:
        lines.append(f"# TYPE {family.name} {family.kind}")
        if family.unit:
            lines.append(f"# UNIT {family.name} {family.unit}")
        lines.append(f"# HELP {family.name} {_escaped(family.help)}")
        sample = f"{family.name}_total" if family.kind == "counter" else family.name
        for values, value in family.samples(status):
            pairs = zip(family.labels, map(_escaped, values), strict=True)
            labels = ",".join(f'{label}="{text}"' for label, text in pairs)
            lines.append(f"{sample}{{{labels}}} {_number(value)}" if labels else f"{sample} {_number(value)}")
    return "\n".join([*lines, "# EOF", ""])


@require_safe
@never_cache
def view(request: HttpRequest, using: str | None = None) -> HttpResponse:
    """Serves the status of the database ``using``, by default the one that is written to, as OpenMetrics."""
    return HttpResponse(openmetrics(status(using)), content_type=CONTENT_TYPE)


class PresenceCollector:
    """The same for a registry of `prometheus_client`: looks at the database whenever it is asked.

    Raises `PrometheusNotInstalled` if that is missing.
    """

    def __init__(self, using: str | None = None) -> None:
        if core is None:
            raise PrometheusNotInstalled
        self._using = using

    def describe(self) -> Iterable[Any]:
        """The metrics without their values, so that the database is not asked when the collector is registered."""
        return [_described(family) for family in _FAMILIES]

    def collect(self) -> Iterable[Any]:
        """The metrics as they are now."""
        now = self._status()
        metrics = []
        for family in _FAMILIES:
            metric = _described(family)
            for values, value in family.samples(now):
                metric.add_metric(values, float(value))
            metrics.append(metric)
        return metrics

    def _status(self) -> Status:
        connection = connections[write_alias(self._using)]
        was_open = connection.connection is not None
        try:
            return status(self._using)
        finally:
            # A registry is asked in a thread for each question, whose connections nobody would close.
            if not was_open:
                connection.close()


def _described(family: _Family) -> Any:
    kinds = {"gauge": core.GaugeMetricFamily, "counter": core.CounterMetricFamily}
    return kinds[family.kind](family.name, family.help, labels=family.labels, unit=family.unit)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
