"""Prometheus, Alertmanager and our own processes: what the pages about the pipeline and about alerts read."""

from collections.abc import Iterator

from laboratory.history.clusters import Value, counting, from_then_on, gap, only, steady, until_then
from laboratory.history.openmetrics import HOUR, Labels, Sample, spell
from tapwatch import catalogue

_PORTS = {
    "dispenser-exporter": 9802,
    "cluster-exporter": 9803,
    "dingtalk": 9804,
    "alertmanager": 9093,
    "prometheus": 9090,
}
_OURS = ("dispenser-exporter", "cluster-exporter", "dingtalk")
_ROLLOUT_HOURS = 1.2
_BRIDGE_OUTAGE = 1.7, 1.3
"""The bridge was down from so many hours before the end until so many."""
_BUCKETS = {"0.1": 0.5, "1": 0.9, "10": 0.99, "+Inf": 1.0}
"""The share of events within each bound."""


def samples(moment: float, until: float) -> Iterator[Sample]:
    """What Prometheus has of the processes at the moment."""
    left = (until - moment) / HOUR
    for series, value in SERIES:
        if (sample := value(moment, left)) is not None:
            yield series, sample


def _series() -> Iterator[tuple[str, Value]]:
    for job, port in _PORTS.items():
        for name, labels, value in _of_process(job):
            target = {"job": job, "instance": f"127.0.0.1:{port}"}
            yield spell(name, {**target, **labels}), value


def _of_process(job: str) -> Iterator[tuple[str, Labels, Value]]:
    yield "up", {}, gap(*_BRIDGE_OUTAGE) if job == "dingtalk" else steady(1)
    yield "scrape_duration_seconds", {}, steady(0.02)
    if job in _OURS:
        yield catalogue.BUILD_INFO.name, {"version": "0.0.9"}, until_then(1, _ROLLOUT_HOURS)
        yield catalogue.BUILD_INFO.name, {"version": "0.1.0"}, only(1, within=_ROLLOUT_HOURS)
        yield catalogue.CONFIG_RELOAD_SUCCESSFUL.name, {}, steady(1)
        yield from _histogram(catalogue.HTTP_REQUEST_SECONDS.name, {"path": "/metrics"}, 0.07)
    match job:
        case "dispenser-exporter":
            yield catalogue.PROBES.name, {"result": "ok"}, counting(0.5)
            yield catalogue.PROBES.name, {"result": "timeout"}, counting(0.1)
        case "dingtalk":
            robot = {"robot": "ops"}
            yield catalogue.MESSAGES.name, {**robot, "result": "delivered"}, counting(0.02)
            yield catalogue.NOTIFICATIONS.name, {**robot, "result": "delivered"}, counting(0.02)
            yield catalogue.LAST_DELIVERY.name, robot, lambda moment, _left: moment - 30
            failing = {"robot": "night", "reason": "robot_gone"}
            yield catalogue.ROBOT_FAILING.name, failing, only(1, within=_ROLLOUT_HOURS)
            yield catalogue.UNDELIVERED_ALERTS.name, {"severity": "critical"}, steady(0)
            yield from _histogram(catalogue.DELIVERY_AGE.name, {**robot, "severity": "critical"}, 0.02)
            yield catalogue.OUTBOX_AGE.name, robot, steady(0)
            yield catalogue.OUTBOX_NOTIFICATIONS.name, robot, steady(0)
            yield catalogue.NOTIFICATIONS_STORED.name, {**robot, "news": "new"}, counting(0.02)
        case "alertmanager":
            yield "alertmanager_config_last_reload_successful", {}, steady(1)
            yield "alertmanager_alerts", {"state": "suppressed"}, steady(2)
            yield "alertmanager_alerts", {"state": "active"}, steady(7)
            yield "alertmanager_notifications_total", {"integration": "webhook"}, counting(0.03)
            yield "alertmanager_notifications_failed_total", {"integration": "webhook"}, counting(0.001)
        case "prometheus":
            yield "prometheus_config_last_reload_successful", {}, from_then_on(1, 0, 0.5)
            yield "prometheus_notifications_alertmanagers_discovered", {}, steady(1)
            yield "prometheus_notifications_sent_total", {"alertmanager": "http://127.0.0.1:9093"}, counting(0.1)
            yield "prometheus_notifications_errors_total", {"alertmanager": "http://127.0.0.1:9093"}, steady(0)
            yield "prometheus_rule_evaluation_failures_total", {"rule_group": "dispenser-water"}, steady(0)
            yield "prometheus_tsdb_head_series", {}, steady(4200)


def _histogram(name: str, labels: Labels, each_second: float) -> Iterator[tuple[str, Labels, Value]]:
    for bound, share in _BUCKETS.items():
        yield f"{name}_bucket", {**labels, "le": bound}, counting(each_second * share)


SERIES = tuple(_series())
