"""The phone page for whoever is on call: large numbers first, then what fires and where, nothing else."""

from dashboards import dispensers
from dashboards.alerts import UID as ALERTS_UID
from dashboards.clusters import TO_CONTROLPLANE
from dashboards.clusters import UID as CLUSTERS_UID
from dashboards.dispensers import FLEET_UID, TO_DISPENSER, TO_SITE
from dashboards.language import Text, Words
from dashboards.model import Column, Dashboard, Link, Row, Step, Variable, firing, selector, series
from dashboards.panels import ANY_IS_A_TASK, ANY_IS_BAD, NONE_IS_BAD, comparison, count, keep, stat, table
from tapwatch import catalogue

UID = "tapwatch-oncall"

_TEAM = ('team=~"$team"', 'alertname!="Watchdog"')
_CRITICAL = firing(*_TEAM, 'severity="critical"')
_WHERE: dict[str, Words] = {
    "alertname": Text("Alert", "警報"),
    "site": Text("Site", "場域"),
    "dispenser": Text("Dispenser", "飲水機"),
    "cluster": Text("Cluster", "叢集"),
}
_SINCE = f"time() - ({selector('ALERTS_FOR_STATE', *_TEAM)} and ignoring (alertstate) {_CRITICAL})"
_SILENT: dict[str, Words] = {
    "alertname": _WHERE["alertname"],
    "site": _WHERE["site"],
    "gateway": Text("Gateway", "閘道器"),
}
_ADDRESSES = series(catalogue.CONTROLPLANE_ENDPOINT_UP, 'role="address"')
_LEAKS = series(catalogue.DISPENSER_FAULT, 'fault="leak"')

_FIRST = Row(
    Text("First", "先看"),
    [
        stat(
            Text("Critical", "嚴重"),
            Text("Alerts that woke you. The list below says where.", "叫醒你的警報。位置見下方清單。"),
            count(_CRITICAL),
            ANY_IS_BAD,
            width=12,
            links=[Link(Text("All alerts", "所有警報"), ALERTS_UID, kept=("team",))],
        ),
        stat(
            Text("Warnings", "警告"),
            Text("Alerts that can wait for the day.", "可以等到白天的警報。"),
            count(firing(*_TEAM, 'severity="warning"')),
            ANY_IS_A_TASK,
            width=12,
            links=[Link(Text("All alerts", "所有警報"), ALERTS_UID, kept=("team",))],
        ),
        comparison(
            Text("Critical now", "目前的嚴重警報"),
            Text(
                "What fires, where and for how long. A tap leads to the thing itself.",
                "什麼、在哪裡、多久了。點選可看該對象。",
            ),
            _WHERE,
            {
                keep(_WHERE, _SINCE): Column(
                    Text("For", "持續"), "s", (Step(None, "yellow"), Step(900, "orange"), Step(3600, "red"))
                )
            },
            links=[TO_DISPENSER, TO_CONTROLPLANE],
        ),
    ],
)

_THEN = Row(
    Text("Then", "再看"),
    [
        stat(
            Text("Dispensers to take out of use", "應停用的飲水機"),
            Text("About which a critical alert fires.", "有嚴重警報的飲水機。"),
            count(f"{dispensers.CONDITION} == {dispensers.UNSAFE}"),
            ANY_IS_BAD,
            width=12,
            links=[Link(Text("The fleet", "飲水機總覽"), FLEET_UID)],
        ),
        stat(
            Text("Dispensers unreachable", "失聯的飲水機"),
            Text("Nothing is known of their water.", "無法得知其水質狀況。"),
            count(f"{dispensers.CONDITION} == {dispensers.UNREACHABLE}"),
            ANY_IS_BAD,
            width=12,
            links=[Link(Text("The fleet", "飲水機總覽"), FLEET_UID)],
        ),
        stat(
            Text("Cluster addresses down", "叢集位址失聯"),
            Text("Clusters that users do not reach.", "使用者連不到的叢集。"),
            count(f"max by (cluster, endpoint) ({_ADDRESSES}) == 0"),
            ANY_IS_BAD,
            width=12,
            links=[Link(Text("The clusters", "叢集總覽"), CLUSTERS_UID)],
        ),
        stat(
            Text("Rules are evaluated", "規則有在評估"),
            Text("1 while Watchdog fires; otherwise believe nothing here.", "Watchdog 作用時為 1；否則此頁不可信。"),
            count(firing('alertname="Watchdog"')),
            NONE_IS_BAD,
            width=12,
        ),
        table(
            Text("Leaks", "漏水"),
            Text("Water on a floor, and where: go there first.", "地面積水的位置：優先前往。"),
            keep(dispensers.PLACE, f"{_LEAKS} == 1"),
            dispensers.PLACE,
            links=[TO_DISPENSER],
            width=24,
        ),
        table(
            Text("Silent sites and gateways", "整體失聯的場域與閘道器"),
            Text("When a whole site is silent, its network or its power is.", "整個場域失聯時，通常是網路或電力問題。"),
            keep(_SILENT, firing('alertname=~"SiteUnreachable|GatewayUnreachable"')),
            _SILENT,
            links=[TO_SITE],
            width=24,
        ),
    ],
)

ONCALL = Dashboard(
    uid=UID,
    title=Text("Tapwatch on call", "值班手機頁"),
    description=Text(
        "For a phone at night: what fires, where, for how long, and the way to it.",
        "夜間手機用：什麼、在哪裡、多久了，以及前往的連結。",
    ),
    tags=("alerts",),
    variables=(Variable("team", Text("Team", "團隊"), "label_values(ALERTS, team)"),),
    rows=(_FIRST, _THEN),
    shown="1h",
)
