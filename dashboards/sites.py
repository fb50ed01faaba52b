"""A site and its floors: where the dispensers stand that are not well."""

from dashboards import dispensers
from dashboards.dispensers import BUILDING, CONDITION, PLACE
from dashboards.language import Text
from dashboards.limits import COLD_STEPS, EVERYTHING, HOT_STEPS
from dashboards.model import Column, Dashboard, Panel, Query, Row, firing, selector, series
from dashboards.panels import ANY_IS_A_TASK, ANY_IS_BAD, comparison, count, keep
from tapwatch import catalogue

_HERE = 'site=~"$site",building=~"$building"'
_CONDITION = selector(CONDITION, _HERE)
_ALERTS = ('team="facilities"', 'site=~"$site"', 'building=~"$building|"')


def _of_outlet(outlet: str) -> str:
    return keep(PLACE, series(catalogue.DISPENSER_WATER_TEMPERATURE, _HERE, f'outlet="{outlet}"'))


_SITES = Row(
    Text("Sites and buildings", "場域與建築"),
    [
        Panel(
            kind="tiles",
            title=Text("Sites", "場域"),
            description=Text(
                "The share of each site's dispensers that are safe. Click on one to see it alone.",
                "各場域安全飲水機的比例。點選可只看該場域。",
            ),
            queries=[Query(f"avg by (site) ({_CONDITION} == bool {dispensers.SAFE})", "{{site}}")],
            unit="percentunit",
            steps=EVERYTHING,
            width=24,
            height=4,
            links=[dispensers.TO_SITE],
        ),
        comparison(
            Text("Buildings", "建築一覽"),
            Text("Each building in numbers; click on one to see it alone.", "各建築的數字；點選可只看該建築。"),
            BUILDING,
            {
                f"count by (site, building) ({_CONDITION})": Column(Text("Dispensers", "飲水機")),
                f"sum by (site, building) ({_CONDITION} == bool {dispensers.VISIT})": Column(
                    Text("Need a visit", "需到場"), steps=ANY_IS_A_TASK
                ),
                f"sum by (site, building) ({_CONDITION} == bool {dispensers.UNSAFE})": Column(
                    Text("Take out of use", "應停用"), steps=ANY_IS_BAD
                ),
                f"sum by (site, building) ({_CONDITION} == bool {dispensers.UNREACHABLE})": Column(
                    Text("Unreachable", "失聯"), steps=ANY_IS_BAD
                ),
                f"count by (site, building) (count by (site, building, floor) ({_CONDITION}))": Column(
                    Text("Floors", "樓層數")
                ),
            },
            links=[dispensers.TO_BUILDING],
        ),
    ],
)

_FLOORS = Row(
    Text("Floors of $building", "$building 各樓層"),
    [
        Panel(
            kind="tiles",
            title=Text("Dispensers by floor, $building", "$building 各樓層飲水機"),
            description=Text(
                "A tile for each dispenser, its floor first, in the colour of its condition. Click on one for "
                "its page.",
                "每台飲水機一格，前面是樓層，顏色表示狀況。點選可看該台。",
            ),
            queries=[
                Query(
                    f"sort(max by (site, building, floor, dispenser) ({_CONDITION}))",
                    Text("{{floor}}F · {{dispenser}}", "{{floor}} 樓 · {{dispenser}}"),
                )
            ],
            unit="short",
            steps=dispensers.CONDITION_STEPS,
            words=dispensers.CONDITION_WORDS,
            width=24,
            height=6,
            links=[dispensers.TO_DISPENSER],
        ),
    ],
    repeat="building",
)

_LIST = Row(
    Text("List", "清單"),
    [
        comparison(
            Text("Dispensers", "飲水機"),
            Text(
                "Every dispenser with its place, its condition and its water. A click on a heading sorts.",
                "每台飲水機的位置、狀況與水溫。點選欄名可排序。",
            ),
            PLACE,
            {
                keep(PLACE, _CONDITION): Column(
                    Text("Condition", "狀況"), steps=dispensers.CONDITION_STEPS, words=dispensers.CONDITION_WORDS
                ),
                _of_outlet("hot"): Column(Text("Hot water", "熱水"), "celsius", HOT_STEPS),
                _of_outlet("cold"): Column(Text("Cold water", "冰水"), "celsius", COLD_STEPS),
                f"count by (site, building, floor, dispenser) ({firing(*_ALERTS)})": Column(
                    Text("Alerts", "警報數"), steps=ANY_IS_A_TASK
                ),
            },
            links=[dispensers.TO_DISPENSER],
        ),
        Panel(
            kind="state-timeline",
            title=Text("Conditions over time", "狀況變化"),
            description=Text(
                "The worst condition in each building; a long red stretch was never looked after.",
                "各建築最差的狀況；長時間的紅色表示沒有人處理。",
            ),
            queries=[Query(f"max by (building) ({_CONDITION})", "{{building}}")],
            unit="short",
            steps=dispensers.CONDITION_STEPS,
            words=dispensers.CONDITION_WORDS,
            width=18,
        ),
        Panel(
            kind="stat",
            title=Text("Critical alerts here", "此處嚴重警報"),
            description=Text("Alerts on the chosen places that wake somebody.", "所選地點中會叫醒值班人員的警報。"),
            queries=[Query(count(firing(*_ALERTS, 'severity="critical"')))],
            unit="short",
            steps=ANY_IS_BAD,
            width=6,
        ),
    ],
)

SITES = Dashboard(
    uid=dispensers.SITES_UID,
    title=Text("Tapwatch sites and floors", "場域與樓層圖"),
    description=Text(
        "Where the dispensers stand that are not well: by site, building and floor.",
        "哪裡的飲水機有問題：依場域、建築與樓層。",
    ),
    tags=("water",),
    variables=(dispensers.SITE_VARIABLE, dispensers.BUILDING_VARIABLE),
    rows=(_SITES, _FLOORS, _LIST),
    shown="24h",
)
