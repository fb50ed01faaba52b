"""Metrics of the catalogue as prometheus-client's objects."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tapwatch.catalogue import Metric


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """A counter; `metric.name` ends in `_total`."""
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """A gauge, also for `_info` metrics, whose value is always 1."""
    return Gauge(metric.name, metric.help, metric.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry, buckets: Sequence[float]) -> Histogram:
    """A histogram with the upper bounds `buckets`, in the metric's base unit."""
    return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=buckets)
