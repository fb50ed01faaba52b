"""Water quality, and the evidence that legionella had no chance: for whoever answers for the water."""

from dashboards import dispensers, limits
from dashboards.dispensers import COOLEST, PLACE, WARMEST, of, recorded, temperatures
from dashboards.language import Text
from dashboards.model import Column, Dashboard, Panel, Query, Row, Step
from dashboards.panels import ANY_IS_BAD, comparison, count, extremes, lines, stat
from tapwatch import catalogue

UID = "tapwatch-water"

_HOT, _COLD = temperatures("hot"), temperatures("cold")
_KEPT = ", ".join(PLACE)
_STORED = of(catalogue.DISPENSER_WATER_TEMPERATURE, 'outlet=~"hot|cold"')
_COOLEST_HOT = recorded(COOLEST, 'outlet="hot"')
_WARMEST_COLD = recorded(WARMEST, 'outlet="cold"')


def _by_dispenser(aggregation: str, expr: str) -> str:
    """Over the time shown, hour by hour."""
    return f"max by ({_KEPT}) ({aggregation}(({expr})[$__range:1h]))"


_NOW = Row(
    Text("Now", "目前"),
    [
        stat(
            Text("Stored at 25 to 45 °C", "儲存於 25 至 45 °C"),
            Text("Tanks whose water is as legionella likes it (WHO).", "水溫落在退伍軍人菌繁殖範圍（WHO）的水箱。"),
            count(f"{_STORED} > {limits.LEGIONELLA_LOW} < {limits.LEGIONELLA_HIGH}"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Hot water below 60 °C", "熱水低於 60 °C"),
            Text("Hot tanks cooler than HSE asks for.", "低於 HSE 要求的熱水箱。"),
            count(f"{_HOT} < {limits.HOT_STORAGE}"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Cold water too warm", "冰水過溫"),
            Text("Cold tanks at 20 °C or more (HSE).", "達 20 °C 以上的冰水箱（HSE）。"),
            count(f"{_COLD} >= {limits.COLD_STORAGE}"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Too many solids", "溶解固體過高"),
            Text(
                "Dispensers that give water with over 500 mg/L (CJ 94-1999).",
                "出水超過 500 mg/L 的飲水機（CJ 94-1999）。",
            ),
            count(f"{dispensers.SOLIDS_OUT} * 1000 > {limits.SOLIDS}"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Membranes failing", "薄膜失效"),
            Text("That keep back less than 75 % of the solids; our own limit.", "去除率低於 75 %；自訂上限。"),
            count(f"{dispensers.REJECTED} < {limits.REJECTION}"),
            ANY_IS_BAD,
        ),
        stat(
            Text("UV lamps faulty", "紫外線燈故障"),
            Text("Dispensers that report their lamp as faulty.", "回報紫外線燈故障的飲水機。"),
            count(of(catalogue.DISPENSER_FAULT, 'fault="uv_lamp"') + " == 1"),
            ANY_IS_BAD,
        ),
    ],
)

_EVIDENCE = Row(
    Text("Evidence for the time shown", "所選期間的佐證"),
    [
        comparison(
            Text("Temperature record", "溫度紀錄"),
            Text(
                "From hourly extremes: the coolest hot water, the share of hours in which it never was below 60 "
                "and 90 °C, the warmest cold water, and the share of hours with readings. Only with readings "
                "throughout is 90 °C proven.",
                "依每小時極值：熱水最低溫、未曾低於 60 與 90 °C 的時數比例、冰水最高溫，以及有讀值的時數比例。"
                "讀值完整才能證明 90 °C。",
            ),
            PLACE,
            {
                _by_dispenser("min_over_time", _COOLEST_HOT): Column(
                    Text("Coolest hot water", "熱水最低溫"), "celsius", limits.HOT_STEPS
                ),
                _by_dispenser("avg_over_time", f"{_COOLEST_HOT} >= bool {limits.HOT_STORAGE}"): Column(
                    Text("Hours at 60 °C", "60 °C 以上時數"), "percentunit", limits.EVERYTHING
                ),
                _by_dispenser("avg_over_time", f"{_COOLEST_HOT} >= bool {limits.EXEMPT}"): Column(
                    Text("Hours at 90 °C", "90 °C 以上時數"), "percentunit"
                ),
                _by_dispenser("max_over_time", _WARMEST_COLD): Column(
                    Text("Warmest cold water", "冰水最高溫"), "celsius", limits.COLD_STEPS
                ),
                f"{_by_dispenser('count_over_time', _COOLEST_HOT)} / ($__range_s / 3600)": Column(
                    Text("Hours with readings", "有讀值時數"), "percentunit", limits.EVERYTHING
                ),
            },
            links=[dispensers.TO_DISPENSER],
        ),
        lines(
            Text("Hot water", "熱水"),
            Text(
                "The coolest of each hour. Legionella is kept down at 60 °C and more (HSE); outlets kept at 90 "
                "°C and more are exempt from the coliform test.",
                "每小時最低溫。60 °C 以上可抑制退伍軍人菌（HSE）；持續 90 °C 以上可免大腸桿菌群檢驗。",
            ),
            extremes(_COOLEST_HOT),
            "celsius",
            limits.HOT_STEPS,
        ),
        lines(
            Text("Cold water", "冰水"),
            Text(
                "The warmest of each hour. Below 20 °C legionella has no chance (HSE).",
                "每小時最高溫。低於 20 °C 退伍軍人菌無法繁殖（HSE）。",
            ),
            extremes(_WARMEST_COLD),
            "celsius",
            limits.COLD_STEPS,
        ),
    ],
)

_QUALITY = Row(
    Text("Quality", "水質"),
    [
        lines(
            Text("Dissolved solids in the water", "出水溶解固體"),
            Text(
                "At the outlets. Piped pure water has at most 500 mg/L (CJ 94-1999).",
                "出水口。管道純水上限 500 mg/L（CJ 94-1999）。",
            ),
            extremes(f"{dispensers.SOLIDS_OUT} * 1000"),
            "suffix: mg/L",
            limits.SOLIDS_STEPS,
            width=8,
        ),
        lines(
            Text("Dissolved solids kept back", "溶解固體去除率"),
            Text(
                "The share that the membranes keep back. Below 75 %, our own limit, one is torn or worn out.",
                "薄膜的去除率。低於 75 %（自訂上限）表示破損或耗盡。",
            ),
            extremes(dispensers.REJECTED),
            "percentunit",
            limits.REJECTION_STEPS,
            width=8,
        ),
        lines(
            Text("Turbidity", "濁度"),
            Text("At most 1 NTU (GB 5749-2006).", "上限 1 NTU（GB 5749-2006）。"),
            extremes(of(catalogue.DISPENSER_TURBIDITY)),
            "suffix: NTU",
            limits.TURBIDITY_STEPS,
            width=8,
        ),
        Panel(
            kind="bargauge",
            title=Text("Longest without sterilization", "最久未殺菌"),
            description=Text(
                "Hours since the last cycle ended, of the ten that wait longest. It runs each night.",
                "距上次殺菌完成的小時數，最久的十台。每晚執行。",
            ),
            queries=[
                Query(
                    "sort_desc(topk(10, (time() - max by (dispenser) "
                    f"({of(catalogue.DISPENSER_LAST_STERILIZATION)} > 0)) / 3600))",
                    "{{dispenser}}",
                )
            ],
            unit="h",
            steps=(Step(None, "green"), Step(30, "yellow"), Step(limits.IDLE, "red")),
        ),
        Panel(
            kind="bargauge",
            title=Text("Least drawn", "取水最少"),
            description=Text(
                "Litres in 72 hours, of the ten where least was drawn. Water that stands for so long is to be flushed.",
                "72 小時內取水公升數，最少的十台。水靜置這麼久應排放。",
            ),
            queries=[
                Query(
                    f"sort(bottomk(10, {dispensers.RECORDED_SECONDS} * sum by (dispenser) "
                    f"(sum_over_time({recorded(dispensers.LITERS)}[{limits.IDLE}h:{dispensers.RECORDED_STEP}]))))",
                    "{{dispenser}}",
                )
            ],
            unit="litre",
            steps=(Step(None, "red"), Step(1, "green")),
        ),
    ],
)

WATER = Dashboard(
    uid=UID,
    title=Text("Tapwatch water quality", "水質與退伍軍人菌佐證"),
    description=Text(
        "Water quality now, and the evidence that it was stored too hot and too cold for legionella.",
        "目前水質，以及儲水溫度足以抑制退伍軍人菌的佐證。",
    ),
    tags=("water",),
    variables=dispensers.VARIABLES,
    rows=(_NOW, _EVIDENCE, _QUALITY),
    annotations=(dispensers.CRITICAL_ALERTS,),
    shown="7d",
    refresh="5m",
)
