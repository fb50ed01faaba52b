"""What the dashboards about dispensers have in common: their choices, their labels and their condition."""

from dashboards.language import Text, Words
from dashboards.model import Annotation, Link, Query, Step, Variable, firing, selector, series
from tapwatch import catalogue
from tapwatch.catalogue import Metric

FLEET_UID = "tapwatch-fleet"
SITES_UID = "tapwatch-sites"
DISPENSER_UID = "tapwatch-dispenser"

CHOICE = 'site=~"$site",building=~"$building",dispenser=~"$dispenser"'

SITE: dict[str, Words] = {"site": Text("Site", "場域")}
BUILDING: dict[str, Words] = SITE | {"building": Text("Building", "建築")}
PLACE: dict[str, Words] = BUILDING | {"floor": Text("Floor", "樓層"), "dispenser": Text("Dispenser", "飲水機")}
ALERT: dict[str, Words] = {
    "severity": Text("Severity", "嚴重度"),
    "alertname": Text("Alert", "警報"),
    "site": Text("Site", "場域"),
    "gateway": Text("Gateway", "閘道器"),
    "dispenser": Text("Dispenser", "飲水機"),
}

# Recorded by alerting/rules/dashboards.yaml, as a panel over the whole fleet would be slow without them.
CONDITION = "dispenser:dispenser_condition:max"
LITERS = "dispenser:dispenser_water_dispensed_liters:rate10m"
WATTS = "dispenser:dispenser_energy_joules:rate10m"
COOLEST = "dispenser:dispenser_water_temperature_celsius:min1h"
WARMEST = "dispenser:dispenser_water_temperature_celsius:max1h"
RECORDED_STEP = "10m"
"""The step at which the rates over ten minutes follow each other without a gap."""
RECORDED_SECONDS = 600

SAFE, VISIT, UNSAFE, UNREACHABLE = range(4)
CONDITION_WORDS: dict[int, Words] = {
    SAFE: Text("safe", "安全"),
    VISIT: Text("needs a visit", "需到場"),
    UNSAFE: Text("take out of use", "停用"),
    UNREACHABLE: Text("unreachable", "失聯"),
}
CONDITION_STEPS = (Step(None, "green"), Step(VISIT, "yellow"), Step(UNSAFE, "red"), Step(UNREACHABLE, "orange"))

_AT_SITE = series(catalogue.DISPENSER_UP, 'site=~"$site"')
_IN_BUILDING = series(catalogue.DISPENSER_UP, 'site=~"$site"', 'building=~"$building"')

SITE_VARIABLE = Variable("site", SITE["site"], f"label_values({catalogue.DISPENSER_UP.name}, site)")
BUILDING_VARIABLE = Variable("building", BUILDING["building"], f"label_values({_AT_SITE}, building)")
DISPENSER_VARIABLE = Variable("dispenser", PLACE["dispenser"], f"label_values({_IN_BUILDING}, dispenser)")
VARIABLES = (SITE_VARIABLE, BUILDING_VARIABLE, DISPENSER_VARIABLE)

TO_SITE = Link(Text("The site's map", "場域圖"), SITES_UID, {"site": "site"})
TO_BUILDING = Link(Text("The building's map", "建築圖"), SITES_UID, {"site": "site", "building": "building"})
TO_DISPENSER = Link(Text("This dispenser", "這台飲水機"), DISPENSER_UID, {"site": "site", "dispenser": "dispenser"})


def of(metric: Metric, *matchers: str) -> str:
    """The metric's series of the chosen dispensers."""
    return series(metric, CHOICE, *matchers)


def recorded(name: str, *matchers: str) -> str:
    """A recorded series of the chosen dispensers."""
    return selector(name, CHOICE, *matchers)


def alerts(*matchers: str) -> str:
    """The alerts that fire about the chosen dispensers; those about a site or a gateway have no dispenser."""
    return firing('team="facilities"', 'site=~"$site"', 'building=~"$building|"', 'dispenser=~"$dispenser|"', *matchers)


def total(name: str, by: str = "") -> str:
    """What a recorded rate comes to over the time shown, of all chosen dispensers or `by` a label.

    Prometheus 2 counts both ends of a subquery, so it shows ten minutes more.
    """
    grouping = f"sum by ({by})" if by else "sum"
    return f"{grouping} (sum_over_time({recorded(name)}[$__range:{RECORDED_STEP}])) * {RECORDED_SECONDS}"


def temperatures(outlet: str) -> str:
    """The water's temperatures of one outlet."""
    return of(catalogue.DISPENSER_WATER_TEMPERATURE, f'outlet="{outlet}"')


SOLIDS_IN, SOLIDS_OUT = (of(catalogue.DISPENSER_TDS, f'point="{point}"') for point in ("inlet", "outlet"))
REJECTED = f"1 - {SOLIDS_OUT} / ignoring (point) {SOLIDS_IN}"
"""The share of dissolved solids that is kept back."""

DRAWN = Query(f"sum by (outlet) ({recorded(LITERS)}) * 3600", "{{outlet}}")
"""Litres an hour."""

CRITICAL_ALERTS = Annotation(
    Text("Critical alerts", "嚴重警報"),
    alerts('severity="critical"'),
    "{{alertname}}",
    "{{site}} {{dispenser}}",
    "red",
)
