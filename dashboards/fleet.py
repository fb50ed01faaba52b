"""The fleet for facility managers: whether the water is safe, what needs a visit, what is used."""

from dashboards import dispensers
from dashboards.dispensers import ALERT, CONDITION, PLACE, SITE, SITES_UID, alerts, of, recorded, total
from dashboards.language import Text
from dashboards.limits import EVERYTHING
from dashboards.model import Column, Dashboard, Link, Number, Query, Row, Step
from dashboards.panels import (
    ANY_IS_A_TASK,
    ANY_IS_BAD,
    NEUTRAL,
    NONE_IS_BAD,
    comparison,
    count,
    keep,
    lines,
    stat,
    table,
)
from tapwatch import catalogue

UID = dispensers.FLEET_UID

_FAULT = PLACE | {"fault": Text("Fault", "故障")}
_REASON = PLACE | {"reason": Text("Reason", "原因")}
_TO_SITES = Link(Text("Where", "在哪裡"), SITES_UID, kept=("site", "building"))
_CONDITION = recorded(CONDITION)
_KILOWATT_HOURS = f"{total(dispensers.WATTS)} / 3.6e6"


def _in_condition(condition: int) -> str:
    return count(f"{_CONDITION} == {condition}")


_NOW = Row(
    Text("Now", "目前"),
    [
        stat(
            Text("Safe", "安全"),
            Text("Dispensers that answer, with no fault and no alert.", "有回應、沒有故障也沒有警報的飲水機。"),
            _in_condition(dispensers.SAFE),
            NONE_IS_BAD,
            links=[_TO_SITES],
        ),
        stat(
            Text("Needs a visit", "需到場"),
            Text(
                "Dispensers that report a fault, or about which an alert fires that is not critical.",
                "自己回報故障，或有非嚴重警報的飲水機。",
            ),
            _in_condition(dispensers.VISIT),
            ANY_IS_A_TASK,
            links=[_TO_SITES],
        ),
        stat(
            Text("Take out of use", "應停用"),
            Text(
                "Dispensers about which a critical alert fires: a leak, water too hot.",
                "有嚴重警報的飲水機：漏水、水溫過高。",
            ),
            _in_condition(dispensers.UNSAFE),
            ANY_IS_BAD,
            links=[_TO_SITES],
        ),
        stat(
            Text("Unreachable", "失聯"),
            Text(
                "Dispensers that do not answer: nothing is known of their water.",
                "沒有回應的飲水機：水質狀況不明。",
            ),
            _in_condition(dispensers.UNREACHABLE),
            ANY_IS_BAD,
            links=[_TO_SITES],
        ),
        stat(
            Text("Critical alerts", "嚴重警報"),
            Text(
                "Alerts that wake somebody: leaks, overheating, a silent site.",
                "會叫醒值班人員的警報：漏水、過熱、整個場域失聯。",
            ),
            count(alerts('severity="critical"')),
            ANY_IS_BAD,
            links=[Link(Text("All alerts", "所有警報"), "tapwatch-alerts")],
        ),
        stat(
            Text("Maintenance overdue", "逾期未保養"),
            Text(
                "Dispensers last maintained more than 31 days ago. Taiwan's regulation asks for it once a month "
                "(Art. 6).",
                "距上次保養超過 31 天的飲水機。管理辦法第 6 條規定每月至少一次。",
            ),
            count(f"time() - {of(catalogue.DISPENSER_LAST_MAINTENANCE)} > 31 * 86400"),
            ANY_IS_A_TASK,
            links=[Link(Text("Maintenance", "保養"), "tapwatch-maintenance", kept=("site", "building"))],
        ),
    ],
)

_USE = Row(
    Text("Use and cost in the time shown", "所選期間的用量與費用"),
    [
        stat(
            Text("Water drawn", "取水量"),
            Text("What people drew at all outlets.", "所有出水口的取水量。"),
            total(dispensers.LITERS),
            NEUTRAL,
            "litre",
        ),
        stat(
            Text("Bottles saved", "省下的瓶裝水"),
            Text(
                "The water drawn, in bottles of the size set at the top.",
                "取水量換算成上方所設容量的瓶裝水數。",
            ),
            f"{total(dispensers.LITERS)} / $bottle",
            NEUTRAL,
        ),
        stat(
            Text("Energy used", "用電量"),
            Text("By all dispensers together.", "所有飲水機合計。"),
            _KILOWATT_HOURS,
            NEUTRAL,
            "kwatth",
        ),
        stat(
            Text("Energy cost", "電費"),
            Text("The energy used, at the price set at the top.", "用電量乘以上方所設的單價。"),
            f"{_KILOWATT_HOURS} * $price",
            NEUTRAL,
            "currency:NT$",
        ),
        stat(
            Text("Energy per litre", "每公升用電"),
            Text(
                "Watt-hours for a litre drawn. Cooling down and heating up again at night costs most where "
                "little is drawn.",
                "每取 1 公升水的用電。用水少的地方，保溫占大部分。",
            ),
            f"({total(dispensers.WATTS)} / 3600) / ({total(dispensers.LITERS)} > 0)",
            (Step(None, "green"), Step(150, "yellow"), Step(400, "red")),
            "watth",
        ),
        stat(
            Text("Draws", "取水次數"),
            Text("How often people drew water.", "民眾取水的次數。"),
            f"sum(increase({of(catalogue.DISPENSER_DISPENSES)}[$__range:{dispensers.RECORDED_STEP}]))",
            NEUTRAL,
        ),
    ],
)

_WRONG = Row(
    Text("What is wrong", "問題所在"),
    [
        table(
            Text("Alerts", "警報"),
            Text(
                "Every alert on dispensers that fires. docs/runbooks says of each what to check and do.",
                "所有作用中的飲水機警報。處理步驟見 docs/runbooks。",
            ),
            keep(ALERT, alerts()),
            ALERT,
            links=[dispensers.TO_DISPENSER],
        ),
        table(
            Text("Faults", "故障"),
            Text(
                "Every fault that a dispenser itself reports, and where it stands.",
                "飲水機自己回報的故障，以及它的位置。",
            ),
            keep(_FAULT, f"{of(catalogue.DISPENSER_FAULT)} == 1"),
            _FAULT,
            links=[dispensers.TO_DISPENSER],
        ),
        table(
            Text("Unreachable dispensers", "失聯的飲水機"),
            Text(
                "Who does not answer, and why; docs/dispenser-exporter.md explains the reasons.",
                "哪些沒有回應、為什麼；原因說明見 docs/dispenser-exporter.md。",
            ),
            keep(_REASON, of(catalogue.DISPENSER_DOWN_INFO)),
            _REASON,
            links=[dispensers.TO_DISPENSER],
        ),
        lines(
            Text("Dispensers that answer", "有回應的比例"),
            Text("Their share at each site.", "各場域有回應的飲水機比例。"),
            [Query(f"avg by (site) ({of(catalogue.DISPENSER_UP)})", "{{site}}")],
            "percentunit",
            EVERYTHING,
        ),
    ],
)

_SITES = Row(
    Text("By site", "各場域"),
    [
        comparison(
            Text("Sites", "場域一覽"),
            Text("Each site in numbers; click on one for its map.", "各場域的數字；點選可看場域圖。"),
            SITE,
            {
                f"count by (site) ({_CONDITION})": Column(Text("Dispensers", "飲水機")),
                f"sum by (site) ({_CONDITION} == bool {dispensers.VISIT})": Column(
                    Text("Need a visit", "需到場"), steps=ANY_IS_A_TASK
                ),
                f"sum by (site) ({_CONDITION} == bool {dispensers.UNSAFE})": Column(
                    Text("Take out of use", "應停用"), steps=ANY_IS_BAD
                ),
                f"sum by (site) ({_CONDITION} == bool {dispensers.UNREACHABLE})": Column(
                    Text("Unreachable", "失聯"), steps=ANY_IS_BAD
                ),
                total(dispensers.LITERS, "site"): Column(Text("Water drawn", "取水量"), "litre"),
                f"{total(dispensers.WATTS, 'site')} / 3.6e6": Column(Text("Energy used", "用電量"), "kwatth"),
            },
            links=[dispensers.TO_SITE],
        ),
        lines(
            Text("Water drawn by outlet", "各出水口取水量"),
            Text("Litres an hour that people draw.", "每小時取水公升數。"),
            [dispensers.DRAWN],
            "litreh",
        ),
        lines(
            Text("Electric power by site", "各場域用電功率"),
            Text("What the dispensers use together.", "飲水機合計的用電功率。"),
            [Query(f"sum by (site) ({recorded(dispensers.WATTS)})", "{{site}}")],
            "watt",
        ),
    ],
)

FLEET = Dashboard(
    uid=UID,
    title=Text("Tapwatch fleet", "飲水機總覽"),
    description=Text(
        "Every dispenser: is the water safe, what needs a visit, what is used.",
        "所有飲水機：水是否安全、哪些需到場處理、用了多少。",
    ),
    tags=("water",),
    variables=(
        *dispensers.VARIABLES,
        Number("price", Text("Price of a kWh", "每度電價"), 4),
        Number("bottle", Text("Litres in a bottle", "每瓶公升數"), 0.6),
    ),
    rows=(_NOW, _USE, _WRONG, _SITES),
    annotations=(dispensers.CRITICAL_ALERTS,),
    shown="24h",
)
