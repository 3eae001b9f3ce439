"""The status as metrics: the text, as the parser of prometheus_client reads it, the view, and the collector."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections
from django.http import HttpRequest
from django.test import RequestFactory
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from projections import metrics
from projections.metrics import CONTENT_TYPE, PresenceCollector, openmetrics
from projections.models import Room
from projections.status import AnchorStatus, CheckpointStatus, Status, TriggerStatus, status

HOSTILE = 'a "name"\\n with \\ and\nanother line'

KNOWN = Status(
    at=datetime(2026, 3, 1, 9, tzinfo=UTC),
    is_standby=False,
    are_estimates=False,
    replayed_up_to=None,
    signals="worker",
    people=1,
    anonymous=2,
    connections=4,
    rooms=5,
    empty_rooms=3,
    position=20_000_000_001,
    prepared_days=61,
    appends_per_second=6.5,
    oldest_stay=7200.25,
    oldest_unseen=8.0,
    dead_letters=9,
    last_dead_letter=12,
    dead_letter_workers=("projector", HOSTILE),
    processes=7,
    triggers=(TriggerStatus("presence_event", "fold", "disabled"),),
    has_worker=True,
    checkpoints=(
        CheckpointStatus(
            HOSTILE, lag_events=100_000, has_more=True, lag_seconds=61.5, has_leader=False, log_is_shorter=False
        ),
        CheckpointStatus(
            "projector", lag_events=0, has_more=False, lag_seconds=0.0, has_leader=True, log_is_shorter=False
        ),
    ),
    unsealed=7.5,
    anchors=(AnchorStatus("copy", 0.0, "", 0.0), AnchorStatus(HOSTILE, 30.5, "OSError: full", 12.0)),
)

WITHOUT_PROMETHEUS = """
import sys
sys.modules["prometheus_client"] = None  # as if it were not installed
import django
django.setup()
from django.test import RequestFactory
from projections import metrics
for call in (metrics.PresenceCollector, lambda: metrics.openmetrics(None)):
    try:
        call()
    except metrics.PrometheusNotInstalled as error:
        print(error)
response = metrics.view(RequestFactory().get("/metrics"))
print(response.status_code, response["Content-Type"], response.content.decode(), end="")
"""


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Returns the values in ``text`` by the name of the metric, and the label if it has one."""
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_every_figure_is_a_metric() -> None:
    assert samples(openmetrics(KNOWN)) == {
        ("presence_people",): 1,
        ("presence_anonymous_connections",): 2,
        ("presence_connections",): 4,
        ("presence_rooms",): 5,
        ("presence_empty_rooms",): 3,
        ("presence_appended_events_total",): 20_000_000_001,
        ("presence_prepared_days",): 61,
        ("presence_oldest_stay_seconds",): 7200.25,
        ("presence_oldest_unseen_seconds",): 8,
        ("presence_dead_letters",): 9,
        ("presence_server_processes",): 7,
        ("presence_triggers_disabled",): 1,
        ("presence_worker",): 1,
        ("presence_lag_events", HOSTILE): 100_000,
        ("presence_lag_events", "projector"): 0,
        ("presence_lag_seconds", HOSTILE): 61.5,
        ("presence_lag_seconds", "projector"): 0,
        ("presence_leader", HOSTILE): 0,
        ("presence_leader", "projector"): 1,
        ("presence_unsealed_seconds",): 7.5,
        ("presence_anchor_waiting_seconds", "copy"): 0,
        ("presence_anchor_waiting_seconds", HOSTILE): 30.5,
        ("presence_anchor_failing_seconds", "copy"): 0,
        ("presence_anchor_failing_seconds", HOSTILE): 12,
    }


def test_every_metric_has_help_type_and_unit() -> None:
    for family in text_string_to_metric_families(openmetrics(KNOWN)):
        assert family.documentation.endswith(".")
        assert family.type == ("counter" if family.name == "presence_appended_events" else "gauge")
        assert family.unit == ("seconds" if family.name.endswith("_seconds") else "")


def test_the_text_ends_with_an_end_marker() -> None:
    assert openmetrics(KNOWN).endswith("\n# EOF\n")


def test_the_content_type_is_that_of_the_encoder() -> None:
    assert CONTENT_TYPE == CONTENT_TYPE_LATEST


def test_an_unknown_leader_is_left_out() -> None:
    unknown = replace(KNOWN, has_worker=None, checkpoints=(replace(KNOWN.checkpoints[1], has_leader=None),))
    found = samples(openmetrics(unknown))
    assert ("presence_lag_events", "projector") in found
    assert ("presence_leader", "projector") not in found
    assert ("presence_worker",) not in found


def test_a_missing_worker_is_a_metric() -> None:
    assert samples(openmetrics(replace(KNOWN, has_worker=False)))["presence_worker",] == 0


@pytest.mark.django_db
def test_the_view_serves_the_present_status(rf: RequestFactory) -> None:
    Room.objects.add("room", "channel")
    response = metrics.view(rf.get("/metrics"))
    assert response["Content-Type"] == CONTENT_TYPE
    assert "no-store" in response["Cache-Control"]
    assert samples(response.content.decode())["presence_connections",] == 1


@pytest.mark.django_db
def test_the_view_accepts_a_database(rf: RequestFactory) -> None:
    assert metrics.view(rf.get("/metrics"), using="default").status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_view_accepts_only_reading_methods(rf: RequestFactory, method: str) -> None:
    request: Callable[[str], HttpRequest] = getattr(rf, method)
    assert metrics.view(request("/metrics")).status_code == 405


def test_registering_the_collector_needs_no_query() -> None:
    registry = CollectorRegistry(auto_describe=True)
    registry.register(PresenceCollector())
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(PresenceCollector())


@pytest.mark.django_db(transaction=True)
def test_the_collector_and_the_view_have_the_same_metrics() -> None:
    Room.objects.add("room", "channel")
    registry = CollectorRegistry(auto_describe=True)
    registry.register(PresenceCollector("default"))
    collected = samples(generate_latest(registry).decode())
    served = samples(openmetrics(status()))
    assert collected.keys() == served.keys()
    assert collected["presence_connections",] == 1


@pytest.mark.django_db(transaction=True)
def test_the_collector_and_the_text_agree_on_hostile_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "status", lambda using: KNOWN)
    registry = CollectorRegistry()
    registry.register(PresenceCollector())
    assert samples(generate_latest(registry).decode()) == samples(openmetrics(KNOWN))


@pytest.mark.django_db(transaction=True)
def test_the_collector_leaves_database_connections_as_they_were() -> None:
    left_open: list[Any] = []

    def collect() -> None:
        PresenceCollector().collect()
        left_open.append(connections["default"].connection)

    thread = Thread(target=collect)
    thread.start()
    thread.join()
    assert left_open == [None]
    connection.ensure_connection()
    collect()
    assert left_open[1] is not None


def test_without_prometheus_client_the_module_imports_and_each_call_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_PROMETHEUS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    message = 'The metrics need prometheus_client. Run pip install "django-presence-events[prometheus]".'
    assert done.stdout.splitlines() == [message, message, f"501 text/plain; charset=utf-8 {message}"]
