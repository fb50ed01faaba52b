"""Metrics as prometheus-client's objects."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tapwatch import catalogue
from tapwatch.catalogue import CATALOGUE, Metric
from tapwatch.instruments import gauge

TIMES = [metric for metric in CATALOGUE.values() if metric.is_time]


def lines(registry: CollectorRegistry) -> list[str]:
    """What Prometheus reads, without comments."""
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("metric", TIMES, ids=lambda metric: metric.name)
def test_a_time_that_nobody_knows_is_absent_rather_than_1970(metric: Metric) -> None:
    registry = CollectorRegistry()
    one = gauge(metric, registry)
    one = one.labels(*metric.labels) if metric.labels else one
    assert lines(registry) == []
    one.set(1.5e9)
    assert [line.split()[-1] for line in lines(registry)] == ["1.5e+09"]
    one.set(0)
    assert lines(registry) == []


def test_any_other_gauge_begins_with_zero() -> None:
    registry = CollectorRegistry()
    gauge(catalogue.OUTBOX_UP, registry)
    assert lines(registry) == ["tapwatch_outbox_up 0.0"]
