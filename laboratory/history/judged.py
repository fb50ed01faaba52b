"""The shipped rules evaluated on history by Prometheus: the series that they would have recorded, and the alerts.

promtool can do so for recording rules only, so both are done alike here: the expression is asked for over all the time.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from laboratory.history.openmetrics import (
    DAY,
    DAYS,
    FAST_HOURS,
    FAST_SECONDS,
    HOUR,
    SLOW_SECONDS,
    Sample,
    spell,
)
from laboratory.history.prometheus import Prometheus
from laboratory.rules.promql import ALERT_SERIES, metric_names
from laboratory.rules.shipped import rules
from tapwatch.settings import parse_duration

Rule = Mapping[str, Any]


def stages() -> Iterator[Sequence[Rule]]:
    """Every shipped rule, those first that read nothing that another one makes."""
    left = [rule for _, rule in rules()]
    while left:
        makes = {rule.get("record", ALERT_SERIES) for rule in left}
        # Rules that read what they made themselves begin without it.
        ready = [rule for rule in left if not metric_names(rule["expr"]) & makes] or left
        yield ready
        left = [rule for rule in left if rule not in ready]


def judge(stage: Sequence[Rule], prometheus: Prometheus, until: float) -> dict[float, list[Sample]]:
    """What the rules of a stage make, by moment."""
    made: dict[float, list[Sample]] = defaultdict(list)
    for rule in stage:
        for start, end, step in (
            (until - DAYS * DAY, until - FAST_HOURS * HOUR - SLOW_SECONDS, SLOW_SECONDS),
            (until - FAST_HOURS * HOUR, until, FAST_SECONDS),
        ):
            for found in prometheus.over(rule["expr"], start, end, step):
                labels = {name: value for name, value in found["metric"].items() if name != "__name__"}
                values = [(float(moment), float(value)) for moment, value in found["values"]]
                if "record" in rule:
                    series = spell(rule["record"], labels | rule.get("labels", {}))
                    for moment, value in values:
                        made[moment].append((series, value))
                else:
                    for moment, sample in _alert(rule, labels, values, step):
                        made[moment].append(sample)
    return made


def _alert(
    rule: Rule, labels: Mapping[str, str], values: Sequence[tuple[float, float]], step: float
) -> Iterator[tuple[float, Sample]]:
    """Prometheus' two series of an alert that has been true for long enough; `keep_firing_for` is left out."""
    wait = parse_duration(rule.get("for", "0"))
    full = {"alertname": rule["alert"], **labels, **rule["labels"]}
    active = previous = values[0][0]
    for moment, _ in values:
        if moment - previous > step:
            active = moment
        previous = moment
        if moment - active >= wait:
            yield moment, (spell("ALERTS", {**full, "alertstate": "firing"}), 1)
            yield moment, (spell("ALERTS_FOR_STATE", full), active)
