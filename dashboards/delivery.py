"""Delivery for SREs: whether alerts reach people, how late, and what stands in the way."""

from dashboards.model import Dashboard, Panel, Query, Row, Step, Variable, firing, series
from dashboards.panels import ANY_IS_BAD, NEUTRAL, keep, stat, table
from tapwatch import catalogue
from tapwatch.catalogue import Metric

UID = "tapwatch-delivery"

_CHOICE = 'robot=~"$robot"'
_LATE = (Step(None, "green"), Step(60, "yellow"), Step(300, "red"))
_REASON_COLUMNS = {"robot": "Robot", "reason": "Reason"}
_ALERT_COLUMNS = {"severity": "Severity", "alertname": "Alert", "robot": "Robot", "instance": "Instance"}


def _of(metric: Metric, *matchers: str) -> str:
    """The metric's series of the chosen robots."""
    return series(metric, _CHOICE, *matchers)


def _rate(metric: Metric, by: str, *matchers: str) -> str:
    """Events a minute."""
    return f"sum by ({by}) (rate({_of(metric, *matchers)}[$__rate_interval])) * 60"


_AGE_BUCKETS = f"{catalogue.DELIVERY_AGE.name}_bucket{{{_CHOICE}}}"

_NOW = Row(
    "Now",
    [
        stat(
            "Never delivered",
            "Alerts that Alertmanager has active for longer than they may take, and of which nobody was told.",
            f"sum(max by (severity) ({catalogue.UNDELIVERED_ALERTS.name})) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
        stat(
            "Longest wait",
            "How long the notification has waited that has waited longest.",
            f"max({_of(catalogue.OUTBOX_AGE)}) or vector(0)",
            _LATE,
            unit="s",
            width=6,
        ),
        stat(
            "Robots failing",
            "Robots whose last call failed. The table below names the reasons.",
            f"count({keep({'robot': ''}, _of(catalogue.ROBOT_FAILING))}) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
        stat(
            "Watchdogs silent",
            "Alerts that fire always and do not come: nothing else comes then either.",
            f"sum({keep({'watchdog': ''}, catalogue.WATCHDOG_SILENT.name)}) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
    ],
)

_WRONG = Row(
    "What is wrong",
    [
        table(
            "Alerts",
            "Every alert on the pipeline that fires. docs/runbooks says of each what to check and do.",
            keep(_ALERT_COLUMNS, firing('team="platform"', 'cluster=""', 'alertname!="Watchdog"')),
            _ALERT_COLUMNS,
        ),
        table(
            "Why robots fail",
            "The reason of each one; docs/dingtalk.md says what mends it.",
            keep(_REASON_COLUMNS, _of(catalogue.ROBOT_FAILING)),
            _REASON_COLUMNS,
        ),
    ],
)

_FLOW = Row(
    "Flow",
    [
        Panel(
            kind="timeseries",
            title="Time to delivery",
            description="From a notification's arrival until DingTalk had taken all of it: the middle and the slowest.",
            queries=[
                Query(
                    f"histogram_quantile({quantile}, sum by (le, severity) (rate({_AGE_BUCKETS}[$__rate_interval])))",
                    f"{name} {{{{severity}}}}",
                )
                for quantile, name in ((0.5, "median"), (0.99, "99 %"))
            ],
            unit="s",
            steps=_LATE,
        ),
        Panel(
            kind="timeseries",
            title="Messages",
            description="Sent to DingTalk, by robot and result; a robot may send 20 a minute.",
            queries=[Query(_rate(catalogue.MESSAGES, "robot, result"), "{{robot}} {{result}}")],
            unit="cpm",
            steps=NEUTRAL,
        ),
        Panel(
            kind="timeseries",
            title="Waiting",
            description="Notifications in the outbox.",
            queries=[Query(f"max by (robot) ({_of(catalogue.OUTBOX_NOTIFICATIONS)})", "{{robot}}")],
            unit="short",
            steps=NEUTRAL,
        ),
        Panel(
            kind="timeseries",
            title="Notifications",
            description="Received from Alertmanager, new ones and copies of known ones.",
            queries=[Query(_rate(catalogue.NOTIFICATIONS_STORED, "robot, news"), "{{robot}} {{news}}")],
            unit="cpm",
            steps=NEUTRAL,
        ),
    ],
)

DELIVERY = Dashboard(
    uid=UID,
    title="Tapwatch delivery",
    description="Whether alerts reach people on DingTalk, how late, and what stands in the way.",
    tags=("dingtalk",),
    variables=(Variable("robot", "Robot", f"label_values({catalogue.MESSAGES.name}, robot)"),),
    rows=(_NOW, _WRONG, _FLOW),
)
