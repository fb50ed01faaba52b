"""Alerts now, and how quickly they were answered: for whoever leads the people on call."""

from dashboards.clusters import TO_CONTROLPLANE
from dashboards.dispensers import ALERT, TO_DISPENSER
from dashboards.language import Text, Words
from dashboards.model import Annotation, Column, Dashboard, Query, Row, Step, Variable, firing, selector, series
from dashboards.panels import ANY_IS_A_TASK, ANY_IS_BAD, NEUTRAL, comparison, count, keep, lines, stat
from tapwatch import catalogue

UID = "tapwatch-alerts"

_CHOICE = ('team=~"$team"', 'severity=~"$severity"', 'alertname!="Watchdog"')
_FIRING = firing(*_CHOICE)
_THING: dict[str, Words] = ALERT | {"cluster": Text("Cluster", "叢集"), "instance": Text("Instance", "實例")}
_NAME: dict[str, Words] = {"severity": ALERT["severity"], "alertname": ALERT["alertname"]}
_KEPT = ", ".join(_NAME)

_CRITICAL = (*_CHOICE, 'severity="critical"')


def _age(*matchers: str) -> str:
    """How long each alert that fires has been true, in seconds."""
    return f"time() - ({selector('ALERTS_FOR_STATE', *matchers)} and ignoring (alertstate) {firing(*matchers)})"


def _starts(*matchers: str) -> str:
    """How often each alert began in the time shown: it fires, and did not a minute before."""
    alerts = firing(*matchers)
    return f"sum by ({_KEPT}) (count_over_time(({alerts} unless {alerts} offset 1m)[$__range:1m]))"


def _fired(*matchers: str) -> str:
    """How long each alert fired in the time shown, in seconds, all things that it was about together."""
    return f"sum by ({_KEPT}) (count_over_time({firing(*matchers)}[$__range:1m])) * 60"


_AGE_BUCKETS = f"{catalogue.DELIVERY_AGE.name}_bucket"
_LATE = (Step(None, "green"), Step(60, "yellow"), Step(300, "red"))
_LONG = (Step(None, "green"), Step(4 * 3600, "yellow"), Step(24 * 3600, "red"))


_NOW = Row(
    Text("Now", "目前"),
    [
        stat(
            Text("Critical", "嚴重"),
            Text("Alerts that wake somebody.", "會叫醒值班人員的警報。"),
            count(firing(*_CRITICAL)),
            ANY_IS_BAD,
        ),
        stat(
            Text("Warning", "警告"),
            Text("Alerts to be looked at today.", "今天應處理的警報。"),
            count(firing(*_CHOICE, 'severity="warning"')),
            ANY_IS_A_TASK,
        ),
        stat(
            Text("Info", "提示"),
            Text("Alerts to be settled at the next visit.", "下次到場時處理的警報。"),
            count(firing(*_CHOICE, 'severity="info"')),
            NEUTRAL,
        ),
        stat(
            Text("Oldest critical alert", "最久的嚴重警報"),
            Text("How long it has been true; 0 when there is none.", "已持續的時間；沒有則為 0。"),
            f"max({_age(*_CRITICAL)}) or vector(0)",
            (Step(None, "green"), Step(900, "yellow"), Step(3600, "red")),
            "s",
        ),
        stat(
            Text("Silenced", "已靜音"),
            Text(
                "Alerts that a silence or a larger alert keeps quiet at Alertmanager.",
                "被靜音或被上層警報抑制、Alertmanager 不通知的警報。",
            ),
            'max(alertmanager_alerts{state="suppressed"})',
            NEUTRAL,
        ),
        stat(
            Text("Never delivered", "未送達"),
            Text(
                "Active alerts of which nobody was told within the time they may take.",
                "超過時限仍未通知任何人的警報。",
            ),
            f"sum(max by (severity) ({series(catalogue.UNDELIVERED_ALERTS)})) or vector(0)",
            ANY_IS_BAD,
        ),
        comparison(
            Text("Firing", "作用中的警報"),
            Text(
                "Every alert that fires, what it is about and how long it has been true; docs/runbooks says what "
                "to do.",
                "所有作用中的警報、對象與持續時間；處理步驟見 docs/runbooks。",
            ),
            _THING,
            {keep(_THING, _age(*_CHOICE)): Column(Text("For", "持續"), "s", _LONG)},
            links=[TO_DISPENSER, TO_CONTROLPLANE],
        ),
        lines(
            Text("Alerts over time", "警報數變化"),
            Text("How many fired at each moment, by severity.", "各時點作用中的警報數，依嚴重度。"),
            [Query(f"count by (severity) ({_FIRING})", "{{severity}}")],
            "short",
        ),
        lines(
            Text("Alerts by team", "各團隊警報數"),
            Text("How many fired at each moment, by who is to answer.", "各時點作用中的警報數，依負責團隊。"),
            [Query(f"count by (team) ({_FIRING})", "{{team}}")],
            "short",
        ),
    ],
)

_ANSWERED = Row(
    Text("How quickly they were answered in the time shown", "所選期間的處理速度"),
    [
        comparison(
            Text("By alert", "依警報"),
            Text(
                "How often each alert began, how long it fired on average until what was wrong had been mended, "
                "and in all. One that begins often and ends by itself wants another threshold.",
                "每種警報發生幾次、平均多久排除、總計多久。常發生又自行恢復者應調整門檻。",
            ),
            _NAME,
            {
                _starts(*_CHOICE): Column(Text("Began", "發生次數")),
                f"{_fired(*_CHOICE)} / {_starts(*_CHOICE)}": Column(Text("Mended after", "平均排除時間"), "s", _LONG),
                _fired(*_CHOICE): Column(Text("Fired in all", "總持續時間"), "s"),
            },
        ),
        stat(
            Text("Critical alerts mended after", "嚴重警報平均排除時間"),
            Text("The mean time that a critical alert fired.", "嚴重警報平均持續時間。"),
            f"sum({_fired(*_CRITICAL)}) / sum({_starts(*_CRITICAL)})",
            _LONG,
            "s",
            width=6,
        ),
        stat(
            Text("All alerts mended after", "所有警報平均排除時間"),
            Text("The mean time that an alert of the chosen severities fired.", "所選嚴重度的警報平均持續時間。"),
            f"sum({_fired(*_CHOICE)}) / sum({_starts(*_CHOICE)})",
            _LONG,
            "s",
            width=6,
        ),
        lines(
            Text("Time to delivery", "送達時間"),
            Text(
                "From a notification's arrival at the bridge until DingTalk had taken all of it: the middle and "
                "the slowest.",
                "從通知抵達橋接器到釘釘全部收下：中位數與最慢者。",
            ),
            [
                Query(f"histogram_quantile({quantile}, sum by (le) (rate({_AGE_BUCKETS}[$__rate_interval])))", name)
                for quantile, name in ((0.5, Text("median", "中位數")), (0.99, "99 %"))
            ],
            "s",
            _LATE,
        ),
    ],
)

ALERTS = Dashboard(
    uid=UID,
    title=Text("Tapwatch alerts", "警報與處理速度"),
    description=Text(
        "What fires now, for how long, and how quickly alerts were answered.",
        "目前的警報、持續多久，以及處理得多快。",
    ),
    tags=("alerts",),
    variables=(
        Variable("team", Text("Team", "團隊"), "label_values(ALERTS, team)"),
        Variable("severity", ALERT["severity"], "label_values(ALERTS, severity)"),
    ),
    rows=(_NOW, _ANSWERED),
    annotations=(
        Annotation(
            Text("Critical alerts", "嚴重警報"),
            firing('severity="critical"'),
            "{{alertname}}",
            "{{site}} {{dispenser}} {{cluster}}",
            "red",
        ),
    ),
    shown="7d",
    refresh="1m",
)
