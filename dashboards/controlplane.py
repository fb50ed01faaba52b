"""Control planes for SREs: which API server is down, since when, and whether users notice."""

from dashboards.model import Dashboard, Panel, Query, Row, Step, Variable, firing, series
from dashboards.panels import ANY_IS_BAD, NEUTRAL, keep, stat, table
from tapwatch import catalogue
from tapwatch.catalogue import Metric

UID = "tapwatch-controlplane"

_CHOICE = 'cluster=~"$cluster"'
_UP_OR_DOWN = (Step(None, "red"), Step(1, "green"))
_ENDPOINT = {"cluster": "Cluster", "role": "Role", "endpoint": "Endpoint"}
_ALERT_COLUMNS = {"severity": "Severity", "alertname": "Alert"} | _ENDPOINT
_REASON_COLUMNS = _ENDPOINT | {"reason": "Reason"}
_CHECK_COLUMNS = _ENDPOINT | {"path": "Path", "check": "Check"}
_VERSION_COLUMNS = _ENDPOINT | {"git_version": "Version"}


def _of(metric: Metric, *matchers: str) -> str:
    """The metric's series of the chosen clusters."""
    return series(metric, _CHOICE, *matchers)


# Several exporters may watch one cluster: an endpoint is up while any of them reaches it.
_UP = keep(_ENDPOINT, _of(catalogue.CONTROLPLANE_ENDPOINT_UP))
_REPLICA_UP = keep(_ENDPOINT, _of(catalogue.CONTROLPLANE_ENDPOINT_UP, 'role="replica"'))
_ADDRESS_UP = keep(_ENDPOINT, _of(catalogue.CONTROLPLANE_ENDPOINT_UP, 'role="address"'))
_CHECK_UP = keep(_CHECK_COLUMNS, _of(catalogue.CONTROLPLANE_CHECK))
_FAILED_PROBES = _of(catalogue.CONTROLPLANE_PROBES, 'result!="ok"')
_ALERTS = firing('team="platform"', 'cluster!=""', _CHOICE)

_NOW = Row(
    "Now",
    [
        stat(
            "Replicas up",
            "API server replicas that answer that they live and are ready.",
            f"count({_REPLICA_UP} == 1) or vector(0)",
            _UP_OR_DOWN,
            width=6,
        ),
        stat(
            "Replicas down",
            "API server replicas that do not answer, or answer that they are not well.",
            f"count({_REPLICA_UP} == 0) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
        stat(
            "Addresses down",
            "Clusters whose address, the one that users use, does not answer.",
            f"count({_ADDRESS_UP} == 0) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
        stat(
            "Checks failing",
            "Single checks of /livez and /readyz that fail, such as etcd.",
            f"count({_CHECK_UP} == 0) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
        Panel(
            kind="state-timeline",
            title="Up or down",
            description="Each endpoint over time: up while /livez and /readyz answered 200.",
            queries=[Query(_UP, "{{cluster}} {{role}} {{endpoint}}")],
            unit="short",
            steps=_UP_OR_DOWN,
            words={0: "down", 1: "up"},
            width=24,
        ),
    ],
)

_WRONG = Row(
    "What is wrong",
    [
        table(
            "Alerts",
            "Every alert on control planes that fires. docs/runbooks says of each what to check and do.",
            keep(_ALERT_COLUMNS, _ALERTS),
            _ALERT_COLUMNS,
        ),
        table(
            "Why endpoints are down",
            "The reason of each one; docs/cluster-exporter.md explains them.",
            keep(_REASON_COLUMNS, _of(catalogue.CONTROLPLANE_ENDPOINT_FAILURE)),
            _REASON_COLUMNS,
        ),
        table(
            "Failing checks",
            "Single checks of a health path that fail; /readyz?verbose says more about each.",
            f"{_CHECK_UP} == 0",
            _CHECK_COLUMNS,
        ),
        table(
            "Versions",
            "What each endpoint runs. A mix that lasts is an upgrade that is stuck.",
            keep(_VERSION_COLUMNS, _of(catalogue.CONTROLPLANE_VERSION)),
            _VERSION_COLUMNS,
        ),
    ],
)

_PROBES = Row(
    "Probes",
    [
        Panel(
            kind="timeseries",
            title="Time to answer",
            description="Of each health path, or until it was given up. A healthy server answers in milliseconds.",
            queries=[
                Query(
                    f"max by (endpoint, path) ({_of(catalogue.CONTROLPLANE_PROBE_SECONDS)})",
                    "{{endpoint}} {{path}}",
                )
            ],
            unit="s",
            steps=(Step(None, "green"), Step(1, "red")),
        ),
        Panel(
            kind="timeseries",
            title="Failed probes",
            description="By reason; docs/cluster-exporter.md explains them.",
            queries=[
                Query(
                    f"sum by (endpoint, result) (rate({_FAILED_PROBES}[$__rate_interval])) * 60",
                    "{{endpoint}} {{result}}",
                )
            ],
            unit="cpm",
            steps=NEUTRAL,
        ),
    ],
)

CONTROLPLANE = Dashboard(
    uid=UID,
    title="Tapwatch control planes",
    description="Kubernetes API servers seen from outside: every replica, and the address that users use.",
    tags=("kubernetes",),
    variables=(Variable("cluster", "Cluster", f"label_values({catalogue.CONTROLPLANE_ENDPOINT_UP.name}, cluster)"),),
    rows=(_NOW, _WRONG, _PROBES),
)
