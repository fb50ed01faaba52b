"""The rule files that come out of limits, samplings and objectives, as text."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from alerting.rulebook.limits import shipped_limits
from alerting.rulebook.objectives import Objective
from alerting.rulebook.thresholds import Scope, Thresholds

DISPENSER_LIMIT = "site_module:dispenser_limit"
CLUSTER_LIMIT = "cluster:controlplane_limit"
SAMPLING = "site_dispenser:last_sampling_timestamp_seconds"

_RUNBOOKS = "https://github.com/tapwatch/tapwatch/blob/main/docs/runbooks"
_DASHBOARD = "http://127.0.0.1:3000/d/tapwatch-controlplane?var-cluster={{ $labels.cluster | urlquery }}"
_DAY = 86400.0

# Google, The Site Reliability Workbook, chapter 5: how many times faster than the period allows, in which two windows.
_FAST = ((14.4, "1h", "5m"), (6, "6h", "30m"))
_SLOW = ((3, "1d", "2h"), (1, "3d", "6h"))
_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

Rule = Mapping[str, Any]


def thresholds_file(thresholds: Thresholds) -> str:
    """What every limit is, as series: dispensers' by site and module, clusters' by cluster."""
    limits = shipped_limits()
    dispensers: list[Rule] = [
        {"record": "site_module:dispenser_up:count", "expr": "count by (site, module) (dispenser_up)"},
        *(
            _limit(DISPENSER_LIMIT, name, thresholds.values[name], "site, module", "site_module:dispenser_up:count")
            for name in limits.dispensers
        ),
    ]
    clusters = [
        _limit(CLUSTER_LIMIT, name, thresholds.values[name], "cluster", "controlplane_cluster_info")
        for name in limits.clusters
    ]
    return _text("thresholds", {"dispenser-thresholds": dispensers, "controlplane-thresholds": clusters})


def _limit(record: str, name: str, values: Mapping[Scope, float], labels: str, present: str) -> Rule:
    """The nearest scope's value for each that is present: `or` keeps what its left side has."""
    scopes = sorted(values, key=lambda scope: (-scope.rank, str(scope)))
    terms = (f"{values[scope]:.10g} * group by ({labels}) ({present}{_matchers(scope)})" for scope in scopes)
    return {"record": record, "labels": {"limit": name}, "expr": "\nor ".join(terms)}


def _matchers(scope: Scope) -> str:
    pairs = {"site": scope.site, "module": scope.module, "cluster": scope.cluster}
    found = ",".join(f"{label}={_quoted(value)}" for label, value in pairs.items() if value is not None)
    return f"{{{found}}}" if found else ""


def _quoted(value: str) -> str:
    """A PromQL string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def samplings_file(samplings: Mapping[tuple[str, str], float]) -> str:
    """When each dispenser was last sampled, as series."""
    rules: list[Rule] = [
        {"record": SAMPLING, "labels": {"site": site, "dispenser": dispenser}, "expr": f"vector({taken:.0f})"}
        for (site, dispenser), taken in samplings.items()
    ]
    return _text("samplings", {"samplings": rules})


def objectives_file(objectives: Iterable[Objective]) -> str:
    """The share of bad events in each window, and the two alerts of each objective."""
    return _text("objectives", {f"objective-{one.alert}": list(_objective(one)) for one in objectives})


def _objective(one: Objective) -> Iterable[Rule]:
    for window in _WINDOWS:
        good, total = (f"sum by (cluster) (rate({one.selector(*more)}[{window}]))" for more in ((one.good,), ()))
        # A counter of good events that never counted has no series; then all are bad.
        yield {
            "record": f"cluster:objective_errors:ratio_rate{window}",
            "labels": {"objective": one.alert},
            "expr": f"1 - ({good} or 0 * {total})\n/ {total}",
        }
    yield _burning(one, "Fast", _FAST, "2m", "critical")
    yield _burning(one, "Slow", _SLOW, "15m", "warning")


def _burning(one: Objective, speed: str, rates: Iterable[tuple[float, str, str]], wait: str, severity: str) -> Rule:
    """Both windows, so that it starts when it is sure and ends when it is over."""
    budget = 1 - one.goal
    terms = []
    for rate, long, short in rates:
        longer, shorter = (
            f'cluster:objective_errors:ratio_rate{window}{{objective="{one.alert}"}} > {rate * budget:.6g}'
            for window in (long, short)
        )
        terms.append(f"(\n  {longer}\n  and on (cluster)\n  {shorter}\n)")
    name = f"{one.alert}Burns{speed}"
    days = f"{one.period / _DAY:g}"
    soon = "within days" if severity == "critical" else f"before the {days} days are over"
    return {
        "alert": name,
        "expr": "\nor\n".join(terms),
        "for": wait,
        "labels": {"severity": severity, "team": "platform"},
        "annotations": {
            "summary": f"A cluster spends its budget of errors {'fast' if severity == 'critical' else 'too soon'}",
            "description": (
                f"{{{{ $value | humanizePercentage }}}} of the {one.what} of {{{{ $labels.cluster }}}} fail. "
                f"The budget of {days} days, {100 * budget:.4g} %, would be spent {soon}."
            ),
            "runbook_url": f"{_RUNBOOKS}/{name}.md",
            "dashboard_url": _DASHBOARD,
        },
    }


class _Dumper(yaml.SafeDumper):
    """Expressions of several lines stay readable."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def _text(source: str, groups: Mapping[str, list[Rule]]) -> str:
    data = {"groups": [{"name": name, "rules": rules} for name, rules in groups.items()]}
    body = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"# Written by `tapwatch rules build` from the {source}; docs/rules.md says how to set them.\n{body}"
