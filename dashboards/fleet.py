"""The fleet for facility managers: whether the water is safe, what needs a visit, what is used."""

from dashboards.model import Dashboard, Panel, Query, Row, Step, Variable, firing, series
from dashboards.panels import ANY_IS_BAD, NEUTRAL, keep, stat, table
from tapwatch import catalogue
from tapwatch.catalogue import Metric

UID = "tapwatch-fleet"

_CHOICE = 'site=~"$site",building=~"$building",dispenser=~"$dispenser"'
_WEARS_OUT = (Step(None, "red"), Step(0.1, "yellow"), Step(0.25, "green"))
_PLACE = {"site": "Site", "building": "Building", "floor": "Floor", "dispenser": "Dispenser"}
_FAULT_COLUMNS = _PLACE | {"fault": "Fault"}
_REASON_COLUMNS = _PLACE | {"reason": "Reason"}
_ALERT_COLUMNS = {
    "severity": "Severity",
    "alertname": "Alert",
    "site": "Site",
    "gateway": "Gateway",
    "dispenser": "Dispenser",
}


def _of(metric: Metric, *matchers: str) -> str:
    """The metric's series of the chosen dispensers."""
    return series(metric, _CHOICE, *matchers)


def _range(expr: str) -> tuple[Query, ...]:
    """The extremes and the middle of many dispensers, as a line for each would show nothing."""
    return (
        Query(f"max({expr})", "highest"),
        Query(f"quantile(0.5, {expr})", "median"),
        Query(f"min({expr})", "lowest"),
    )


_UP = _of(catalogue.DISPENSER_UP)
_TARGETS = f'up{{job="dispensers",{_CHOICE}}}'
_FAULT = _of(catalogue.DISPENSER_FAULT)
_ALERTS = firing('team="facilities"', _CHOICE)
_CRITICAL = firing('team="facilities"', 'severity="critical"', _CHOICE)
_WRONG = f"(max by (instance) ({_FAULT}) == 1 or max by (instance) ({_ALERTS}))"
_HOT, _COLD = (_of(catalogue.DISPENSER_WATER_TEMPERATURE, f'outlet="{outlet}"') for outlet in ("hot", "cold"))
_TDS_IN, _TDS_OUT = (_of(catalogue.DISPENSER_TDS, f'point="{point}"') for point in ("inlet", "outlet"))

_NOW = Row(
    "Now",
    [
        stat(
            "Safe",
            "Dispensers that answer, with no fault and no alert.",
            f"count({_UP} == 1 unless on (instance) {_WRONG}) or vector(0)",
            (Step(None, "red"), Step(1, "green")),
        ),
        stat(
            "Needs a visit",
            "Dispensers that answer and report a fault, or about which an alert fires.",
            f"count({_UP} == 1 and on (instance) {_WRONG}) or vector(0)",
            (Step(None, "green"), Step(1, "yellow")),
        ),
        stat(
            "Unreachable",
            "Dispensers that do not answer: nothing is known of their water.",
            f"count({_TARGETS} unless on (instance) {_UP} == 1) or vector(0)",
            ANY_IS_BAD,
        ),
        stat(
            "Critical alerts",
            "Alerts that wake somebody: leaks, overheating, a silent site.",
            f"count({_CRITICAL}) or vector(0)",
            ANY_IS_BAD,
        ),
        stat(
            "Water drawn",
            "What people drew at all outlets in the time that is shown.",
            f"sum(increase({_of(catalogue.DISPENSER_DISPENSED)}[$__range]))",
            NEUTRAL,
            "litre",
        ),
        stat(
            "Energy used",
            "By all dispensers in the time that is shown.",
            f"sum(increase({_of(catalogue.DISPENSER_ENERGY)}[$__range])) / 3.6e6",
            NEUTRAL,
            "kwatth",
        ),
    ],
)

_WRONG_NOW = Row(
    "What is wrong",
    [
        table(
            "Alerts",
            "Every alert on dispensers that fires. docs/runbooks says of each what to check and do.",
            keep(_ALERT_COLUMNS, _ALERTS),
            _ALERT_COLUMNS,
        ),
        table(
            "Faults",
            "Every fault that a dispenser itself reports, and where it stands.",
            keep(_FAULT_COLUMNS, f"{_FAULT} == 1"),
            _FAULT_COLUMNS,
        ),
        table(
            "Unreachable dispensers",
            "Who does not answer, and why; docs/dispenser-exporter.md explains the reasons.",
            keep(_REASON_COLUMNS, _of(catalogue.DISPENSER_DOWN_INFO)),
            _REASON_COLUMNS,
        ),
        Panel(
            kind="timeseries",
            title="Dispensers that answer",
            description="Their share at each site.",
            queries=[Query(f"avg by (site) ({_UP})", "{{site}}")],
            unit="percentunit",
            steps=(Step(None, "red"), Step(0.9, "yellow"), Step(1, "green")),
            limits=(0, 1),
        ),
    ],
)

_WATER = Row(
    "Water",
    [
        Panel(
            kind="timeseries",
            title="Hot water",
            description="In the hot tanks. Legionella is kept down at 60 °C and more (HSE). Taiwan exempts outlets "
            "that are kept at 90 °C and more from the coliform test.",
            queries=_range(_HOT),
            unit="celsius",
            steps=(Step(None, "red"), Step(60, "yellow"), Step(90, "green")),
        ),
        Panel(
            kind="timeseries",
            title="Cold water",
            description="In the cold tanks. Water kept below 20 °C gives legionella no chance (HSE).",
            queries=_range(_COLD),
            unit="celsius",
            steps=(Step(None, "green"), Step(20, "red")),
        ),
        Panel(
            kind="timeseries",
            title="Dissolved solids in the water",
            description="At the outlets. Piped pure water has at most 500 mg/L (CJ 94-1999).",
            queries=_range(f"{_TDS_OUT} * 1000"),
            unit="suffix: mg/L",
            steps=(Step(None, "green"), Step(500, "red")),
        ),
        Panel(
            kind="timeseries",
            title="Dissolved solids kept back",
            description="The share that the membranes keep back. Below 75 %, our own limit, one is torn or worn out.",
            queries=_range(f"1 - {_TDS_OUT} / ignoring (point) {_TDS_IN}"),
            unit="percentunit",
            steps=(Step(None, "red"), Step(0.75, "yellow"), Step(0.85, "green")),
        ),
        Panel(
            kind="timeseries",
            title="Water drawn by outlet",
            description="Litres an hour that people draw.",
            queries=[
                Query(
                    f"sum by (outlet) (rate({_of(catalogue.DISPENSER_DISPENSED)}[$__rate_interval])) * 3600",
                    "{{outlet}}",
                )
            ],
            unit="litreh",
            steps=NEUTRAL,
        ),
        Panel(
            kind="timeseries",
            title="Electric power by site",
            description="What the dispensers use together.",
            queries=[Query(f"sum by (site) (rate({_of(catalogue.DISPENSER_ENERGY)}[$__rate_interval]))", "{{site}}")],
            unit="watt",
            steps=NEUTRAL,
        ),
    ],
)

_MAINTENANCE = Row(
    "Maintenance",
    [
        Panel(
            kind="bargauge",
            title="Filters that wear out first",
            description="The ten filter stages with the least life left; an alert reminds below 10 %.",
            queries=[
                Query(
                    f"sort(bottomk(10, min by (dispenser, stage) ({_of(catalogue.DISPENSER_FILTER_LIFE)})))",
                    "{{dispenser}}, stage {{stage}}",
                )
            ],
            unit="percentunit",
            steps=_WEARS_OUT,
            width=8,
            limits=(0, 1),
        ),
        Panel(
            kind="bargauge",
            title="UV lamps that wear out first",
            description="The ten lamps with the least life left.",
            queries=[
                Query(f"sort(bottomk(10, min by (dispenser) ({_of(catalogue.DISPENSER_UV_LIFE)})))", "{{dispenser}}")
            ],
            unit="percentunit",
            steps=_WEARS_OUT,
            width=8,
            limits=(0, 1),
        ),
        Panel(
            kind="bargauge",
            title="Longest without maintenance",
            description="Days since the last maintenance of the ten that wait longest. Taiwan's regulation on "
            "drinking-water equipment in continuous supply asks for it once a month (Art. 6).",
            queries=[
                Query(
                    "sort_desc(topk(10, (time() - max by (dispenser) "
                    f"({_of(catalogue.DISPENSER_LAST_MAINTENANCE)} > 0)) / 86400))",
                    "{{dispenser}}",
                )
            ],
            unit="d",
            steps=(Step(None, "green"), Step(25, "yellow"), Step(31, "red")),
            width=8,
        ),
    ],
)

_AT_SITE = series(catalogue.DISPENSER_UP, 'site=~"$site"')
_IN_BUILDING = series(catalogue.DISPENSER_UP, 'site=~"$site"', 'building=~"$building"')

FLEET = Dashboard(
    uid=UID,
    title="Tapwatch fleet",
    description="Every dispenser: is the water safe, what needs a visit, what is used.",
    tags=("water",),
    variables=(
        Variable("site", "Site", f"label_values({catalogue.DISPENSER_UP.name}, site)"),
        Variable("building", "Building", f"label_values({_AT_SITE}, building)"),
        Variable("dispenser", "Dispenser", f"label_values({_IN_BUILDING}, dispenser)"),
    ),
    rows=(_NOW, _WRONG_NOW, _WATER, _MAINTENANCE),
)
