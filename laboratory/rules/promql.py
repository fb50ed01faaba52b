"""What a PromQL expression reads: enough of the language for our own rules and dashboards."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_KEYWORDS = frozenset({"and", "or", "unless", "offset", "bool", "inf", "nan"})
_LABEL_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_NAME = re.compile(r"(?<![\w.])[a-zA-Z_:][\w:]*(?!\w|\s*\()")

ALERT_SERIES = "ALERTS"
"""Prometheus' own series of the alerts."""

FOREIGN_METRICS = frozenset(
    {
        ALERT_SERIES,
        "up",
        "alertmanager_alerts_received_total",
        "alertmanager_cluster_members",
        "alertmanager_config_hash",
        "alertmanager_config_last_reload_successful",
        "alertmanager_notifications_failed_total",
        "alertmanager_notifications_total",
        "prometheus_config_last_reload_successful",
        "prometheus_notifications_alertmanagers_discovered",
        "prometheus_notifications_errors_total",
        "prometheus_notifications_queue_capacity",
        "prometheus_notifications_queue_length",
        "prometheus_notifications_sent_total",
        "prometheus_rule_evaluation_failures_total",
        "prometheus_rule_group_iterations_missed_total",
        "prometheus_rule_group_rules",
        "prometheus_sd_http_failures_total",
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "prometheus_target_scrapes_sample_out_of_order_total",
        "prometheus_tsdb_compactions_failed_total",
        "prometheus_tsdb_wal_corruptions_total",
        "prometheus_tsdb_wal_writes_failed_total",
    }
)
"""What Prometheus and Alertmanager say of themselves, as far as we read it."""


@dataclass(frozen=True)
class Matcher:
    """One label matcher of a selector."""

    metric: str
    label: str
    operator: str
    value: str


def metric_names(expr: str) -> set[str]:
    """Every metric, recorded series too, that the expression reads."""
    text = re.sub(r'"[^"]*"', "", expr)
    for noise in (r"\{[^}]*\}", r"\[[^\]]*\]", _LABEL_LISTS):
        text = re.sub(noise, " ", text)
    return set(_NAME.findall(text)) - _KEYWORDS


def matchers(expr: str) -> Iterator[Matcher]:
    """Every label matcher in the expression."""
    for metric, inside in _SELECTOR.findall(expr):
        for label, operator, value in _MATCHER.findall(inside):
            yield Matcher(metric, label, operator, value)
