"""Maintenance and compliance: what needs a visit, what runs out when, and the record that the law asks for."""

from dashboards import dispensers, limits
from dashboards.dispensers import COOLEST, PLACE, of, recorded
from dashboards.language import Text
from dashboards.model import Column, Dashboard, Panel, Query, Row, Step
from dashboards.panels import ANY_IS_A_TASK, ANY_IS_BAD, comparison, count, keep, lines, stat
from tapwatch import catalogue

UID = "tapwatch-maintenance"

_MAINTAINED = f"{of(catalogue.DISPENSER_LAST_MAINTENANCE)} > 0"
_DAYS = f"(time() - max by ({', '.join(PLACE)}) ({_MAINTAINED})) / 86400"
_FILTER_LIFE, _LAMP_LIFE = of(catalogue.DISPENSER_FILTER_LIFE), of(catalogue.DISPENSER_UV_LIFE)
_COOLEST_HOT = recorded(COOLEST, 'outlet="hot"')
_QUARTER = "92d"
_COOLEST_IN_QUARTER = keep(PLACE, f"min_over_time({_COOLEST_HOT}[{_QUARTER}:1h])")
_RUNS_OUT = (Step(None, "red"), Step(14, "yellow"), Step(30, "green"))


def _days_left(life: str, kept: str) -> str:
    """Days until nothing is left, if it wears as in the last week; only of what wears at all."""
    worn = f"-1 * deriv({life}[7d:6h])"
    return f"min by ({kept}) ({life} / ({worn} > 0)) / 86400"


_DUE = Row(
    Text("Due", "應辦事項"),
    [
        stat(
            Text("Maintenance overdue", "逾期未保養"),
            Text(
                "Dispensers last maintained more than 31 days ago; at least once a month, says Art. 6.",
                "距上次保養超過 31 天的飲水機；第 6 條規定每月至少一次。",
            ),
            count(f"{_DAYS} > {limits.MAINTENANCE}"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Due within a week", "一週內到期"),
            Text("Dispensers whose month ends within seven days.", "七天內將滿一個月的飲水機。"),
            count(f"{_DAYS} > {limits.MAINTENANCE - 7} <= {limits.MAINTENANCE}"),
            ANY_IS_A_TASK,
        ),
        stat(
            Text("Filters to change", "應更換濾心"),
            Text("Stages with less than 10 % of their life left.", "剩餘壽命低於 10 % 的濾心。"),
            count(f"{_FILTER_LIFE} < {limits.WORN}"),
            ANY_IS_A_TASK,
        ),
        stat(
            Text("Lamps to change", "應更換燈管"),
            Text("UV lamps with less than 10 % of their life left.", "剩餘壽命低於 10 % 的紫外線燈。"),
            count(f"{_LAMP_LIFE} < {limits.WORN}"),
            ANY_IS_A_TASK,
        ),
        stat(
            Text("Maintained in time", "如期保養"),
            Text("The share of dispensers maintained within the last 31 days.", "最近 31 天內保養過的比例。"),
            f"avg({_DAYS} <= bool {limits.MAINTENANCE})",
            limits.EVERYTHING,
            "percentunit",
        ),
        stat(
            Text("Never maintained", "無保養紀錄"),
            Text("Dispensers that know of no maintenance at all.", "機器沒有任何保養紀錄。"),
            count(f"{of(catalogue.DISPENSER_LAST_MAINTENANCE)} == 0"),
            ANY_IS_A_TASK,
        ),
    ],
)

_NEXT = Row(
    Text("What comes next", "接下來"),
    [
        Panel(
            kind="bargauge",
            title=Text("Filters that run out first", "最先耗盡的濾心"),
            description=Text(
                "Days until a stage runs out if it is used as in the last week; two weeks is the time to order.",
                "依最近一週的用量推估剩餘天數；兩週前應訂購。",
            ),
            queries=[
                Query(
                    f"sort(bottomk(10, {_days_left(_FILTER_LIFE, 'dispenser, stage')}))",
                    Text("{{dispenser}}, stage {{stage}}", "{{dispenser}} 第 {{stage}} 道"),
                )
            ],
            unit="d",
            steps=_RUNS_OUT,
            width=8,
        ),
        Panel(
            kind="bargauge",
            title=Text("UV lamps that run out first", "最先耗盡的紫外線燈"),
            description=Text(
                "Days until a lamp runs out if it burns as in the last week.", "依最近一週的點燈時間推估剩餘天數。"
            ),
            queries=[Query(f"sort(bottomk(10, {_days_left(_LAMP_LIFE, 'dispenser')}))", "{{dispenser}}")],
            unit="d",
            steps=_RUNS_OUT,
            width=8,
        ),
        Panel(
            kind="bargauge",
            title=Text("Longest without maintenance", "最久未保養"),
            description=Text(
                "Days since the last maintenance of the ten that wait longest; at least once a month, says Art. 6.",
                "距上次保養天數最久的十台；第 6 條規定每月至少一次。",
            ),
            queries=[Query(f"sort_desc(topk(10, max by (dispenser) ({_DAYS})))", "{{dispenser}}")],
            unit="d",
            steps=limits.MAINTENANCE_STEPS,
            width=8,
        ),
        comparison(
            Text("Round of visits", "巡檢清單"),
            Text(
                "Each dispenser with what a visit should settle, for a printed list of the round.",
                "每台飲水機到場時應處理的事項，可列印作巡檢清單。",
            ),
            PLACE,
            {
                _DAYS: Column(Text("Days since maintenance", "距上次保養天數"), "d", limits.MAINTENANCE_STEPS),
                f"1000 * {keep(PLACE, _MAINTAINED)}": Column(Text("Last maintenance", "上次保養"), "dateTimeAsIso"),
                f"min by ({', '.join(PLACE)}) ({_FILTER_LIFE})": Column(
                    Text("Least filter life", "濾心最低壽命"), "percentunit", limits.LIFE_STEPS
                ),
                f"min by ({', '.join(PLACE)}) ({_LAMP_LIFE})": Column(
                    Text("Lamp life", "燈管壽命"), "percentunit", limits.LIFE_STEPS
                ),
                keep(PLACE, of(catalogue.DISPENSER_FILTER_INSTALLED, 'stage="ro"')): Column(
                    Text("Age of the membrane", "薄膜使用時間"), "s"
                ),
            },
            links=[dispensers.TO_DISPENSER],
        ),
    ],
)

_RECORD = Row(
    Text("Record", "紀錄"),
    [
        lines(
            Text("Share maintained in time", "如期保養比例"),
            Text(
                "At each moment, the share of a site's dispensers maintained within the 31 days before. Two "
                "years are to be kept; `tapwatch report` exports them as CSV and PDF, however short Prometheus' "
                "retention is.",
                "每個時點上，該場域 31 天內保養過的比例。紀錄應保存兩年；以 `tapwatch report` 匯出 CSV 與 PDF，"
                "不受 Prometheus 保存期限所限。",
            ),
            [
                Query(
                    f"avg by (site) (time() - ({_MAINTAINED}) <= bool {limits.MAINTENANCE} * 86400)",
                    "{{site}}",
                )
            ],
            "percentunit",
            limits.EVERYTHING,
        ),
        lines(
            Text("Visits", "保養次數"),
            Text("How many dispensers were maintained within the day before.", "前一天內保養的飲水機數。"),
            [
                Query(
                    f"sum by (site) (time() - ({_MAINTAINED}) <= bool 86400)",
                    "{{site}}",
                )
            ],
            "short",
        ),
        comparison(
            Text("Sampling for coliforms", "大腸桿菌群採樣"),
            Text(
                "Due every three months for one in eight (Arts. 7 and 8), except for outlets kept at 90 °C: "
                "where 1 stands, hot water never was below it in the last 92 days, as far as there are readings.",
                "每三個月採樣八分之一（第 7、8 條），維持 90 °C 以上者免驗：標示 1 者，最近 92 "
                "天有讀值的時間內未曾低於 90 °C。",
            ),
            PLACE,
            {
                _COOLEST_IN_QUARTER: Column(Text("Coolest in 92 days", "92 天最低溫"), "celsius", limits.HOT_STEPS),
                f"{_COOLEST_IN_QUARTER} >= bool {limits.EXEMPT}": Column(
                    Text("Exempt", "免驗"), "short", (Step(None, "yellow"), Step(1, "green"))
                ),
                f"{keep(PLACE, f'count_over_time({_COOLEST_HOT}[{_QUARTER}:1h])')} / (92 * 24)": Column(
                    Text("Hours with readings", "有讀值時數"), "percentunit", limits.EVERYTHING
                ),
            },
            links=[dispensers.TO_DISPENSER],
        ),
    ],
)

MAINTENANCE = Dashboard(
    uid=UID,
    title=Text("Tapwatch maintenance", "保養與法規遵循"),
    description=Text(
        "What needs a visit, what runs out when, and the record of maintenance that the law asks for.",
        "哪些需要到場、何時耗盡，以及法規要求的保養紀錄。",
    ),
    tags=("water",),
    variables=dispensers.VARIABLES,
    rows=(_DUE, _NEXT, _RECORD),
    shown="30d",
    refresh="5m",
)
