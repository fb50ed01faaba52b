"""Delivery for SREs: whether alerts reach people, how late, and what stands in the way."""

from dashboards.language import Text, Words
from dashboards.model import Annotation, Dashboard, Panel, Query, Row, Step, Variable, firing, series
from dashboards.panels import ANY_IS_BAD, NEUTRAL, keep, stat, table
from tapwatch import catalogue
from tapwatch.catalogue import Metric

UID = "tapwatch-delivery"

_CHOICE = 'robot=~"$robot"'
_LATE = (Step(None, "green"), Step(60, "yellow"), Step(300, "red"))
_REASON_COLUMNS: dict[str, Words] = {"robot": Text("Robot", "機器人"), "reason": Text("Reason", "原因")}
_ALERT_COLUMNS: dict[str, Words] = {
    "severity": Text("Severity", "嚴重度"),
    "alertname": Text("Alert", "警報"),
    "robot": Text("Robot", "機器人"),
    "instance": Text("Instance", "實例"),
}


def _of(metric: Metric, *matchers: str) -> str:
    """The metric's series of the chosen robots."""
    return series(metric, _CHOICE, *matchers)


def _rate(metric: Metric, by: str, *matchers: str) -> str:
    """Events a minute."""
    return f"sum by ({by}) (rate({_of(metric, *matchers)}[$__rate_interval])) * 60"


_AGE_BUCKETS = f"{catalogue.DELIVERY_AGE.name}_bucket{{{_CHOICE}}}"

_NOW = Row(
    Text("Now", "目前"),
    [
        stat(
            Text("Never delivered", "未送達"),
            Text(
                "Alerts that Alertmanager has active for longer than they may take, and of which nobody was told.",
                "Alertmanager 中超過時限仍未通知任何人的警報。",
            ),
            f"sum(max by (severity) ({catalogue.UNDELIVERED_ALERTS.name})) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
        stat(
            Text("Longest wait", "最久等待"),
            Text("How long the notification has waited that has waited longest.", "等待最久的通知已等待的時間。"),
            f"max({_of(catalogue.OUTBOX_AGE)}) or vector(0)",
            _LATE,
            unit="s",
            width=6,
        ),
        stat(
            Text("Robots failing", "機器人失敗"),
            Text(
                "Robots whose last call failed. The table below names the reasons.",
                "最近一次呼叫失敗的機器人。原因見下表。",
            ),
            f"count({keep({'robot': ''}, _of(catalogue.ROBOT_FAILING))}) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
        stat(
            Text("Watchdogs silent", "心跳警報靜默"),
            Text(
                "Alerts that fire always and do not come: nothing else comes then either.",
                "永遠作用卻沒有送來的警報：此時其他警報也不會送達。",
            ),
            f"sum({keep({'watchdog': ''}, catalogue.WATCHDOG_SILENT.name)}) or vector(0)",
            ANY_IS_BAD,
            width=6,
        ),
    ],
)

_WRONG = Row(
    Text("What is wrong", "問題所在"),
    [
        table(
            Text("Alerts", "警報"),
            Text(
                "Every alert on the pipeline that fires. docs/runbooks says of each what to check and do.",
                "所有作用中的管線警報；處理步驟見 docs/runbooks。",
            ),
            keep(_ALERT_COLUMNS, firing('team="platform"', 'cluster=""', 'alertname!="Watchdog"')),
            _ALERT_COLUMNS,
        ),
        table(
            Text("Why robots fail", "機器人失敗原因"),
            Text(
                "The reason of each one; docs/dingtalk.md says what mends it.",
                "各機器人的原因；排除方法見 docs/dingtalk.md。",
            ),
            keep(_REASON_COLUMNS, _of(catalogue.ROBOT_FAILING)),
            _REASON_COLUMNS,
        ),
    ],
)

_FLOW = Row(
    Text("Flow", "流量"),
    [
        Panel(
            kind="timeseries",
            title=Text("Time to delivery", "送達時間"),
            description=Text(
                "From a notification's arrival until DingTalk had taken all of it: the middle and the slowest.",
                "從通知抵達到釘釘全部收下：中位數與最慢者。",
            ),
            queries=[
                Query(
                    f"histogram_quantile({quantile}, sum by (le, severity) (rate({_AGE_BUCKETS}[$__rate_interval])))",
                    name,
                )
                for quantile, name in (
                    (0.5, Text("median {{severity}}", "中位數 {{severity}}")),
                    (0.99, "99 % {{severity}}"),
                )
            ],
            unit="s",
            steps=_LATE,
        ),
        Panel(
            kind="timeseries",
            title=Text("Messages", "訊息"),
            description=Text(
                "Sent to DingTalk, by robot and result; a robot may send 20 a minute.",
                "送往釘釘的訊息，依機器人與結果；每台每分鐘上限 20 則。",
            ),
            queries=[Query(_rate(catalogue.MESSAGES, "robot, result"), "{{robot}} {{result}}")],
            unit="cpm",
            steps=NEUTRAL,
        ),
        Panel(
            kind="timeseries",
            title=Text("Waiting", "等待中"),
            description=Text("Notifications in the outbox.", "寄件匣中的通知數。"),
            queries=[Query(f"max by (robot) ({_of(catalogue.OUTBOX_NOTIFICATIONS)})", "{{robot}}")],
            unit="short",
            steps=NEUTRAL,
        ),
        Panel(
            kind="timeseries",
            title=Text("Notifications", "通知"),
            description=Text(
                "Received from Alertmanager, new ones and copies of known ones.",
                "從 Alertmanager 收到的新通知與重複通知。",
            ),
            queries=[Query(_rate(catalogue.NOTIFICATIONS_STORED, "robot, news"), "{{robot}} {{news}}")],
            unit="cpm",
            steps=NEUTRAL,
        ),
    ],
)

DELIVERY = Dashboard(
    uid=UID,
    title=Text("Tapwatch delivery", "通知送達"),
    description=Text(
        "Whether alerts reach people on DingTalk, how late, and what stands in the way.",
        "警報是否經釘釘送達、多慢，以及阻礙為何。",
    ),
    tags=("dingtalk",),
    variables=(Variable("robot", Text("Robot", "機器人"), f"label_values({catalogue.MESSAGES.name}, robot)"),),
    rows=(_NOW, _WRONG, _FLOW),
    annotations=(
        Annotation(
            Text("Critical alerts", "嚴重警報"),
            firing('team="platform"', 'severity="critical"', 'cluster=""'),
            "{{alertname}}",
            "{{robot}} {{instance}}",
            "red",
        ),
    ),
)
