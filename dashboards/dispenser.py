"""One dispenser for whoever stands before it: what is wrong, its water, its parts, its past."""

from dashboards import dispensers, limits
from dashboards.dispensers import ALERT, CONDITION, alerts, of, recorded, temperatures
from dashboards.language import Text, Words
from dashboards.model import Dashboard, Panel, Query, Row, Step, Variable
from dashboards.panels import lines, stat, table
from tapwatch import catalogue

_REASON: dict[str, Words] = {"dispenser": Text("Dispenser", "飲水機"), "reason": Text("Reason", "原因")}
_OFF_OR_ON: dict[int, Words] = {0: Text("off", "關"), 1: Text("on", "開")}
_FINE_OR_FAULTY: dict[int, Words] = {0: Text("fine", "正常"), 1: Text("faulty", "故障")}
_OUTLETS = {
    "hot": Text("hot", "熱水"),
    "warm": Text("warm", "溫水"),
    "cold": Text("cold", "冰水"),
    "inlet": Text("inlet", "進水"),
}


def _temperature(outlet: str) -> str:
    return f"max({temperatures(outlet)})"


_NOW = Row(
    Text("Now", "目前"),
    [
        Panel(
            kind="stat",
            title=Text("Condition", "狀況"),
            description=Text(
                "Safe, or what is to be done about it. Unreachable: nothing is known of its water.",
                "安全，或應採取的處置。失聯表示水質狀況不明。",
            ),
            queries=[Query(f"max({recorded(CONDITION)})")],
            unit="short",
            steps=dispensers.CONDITION_STEPS,
            words=dispensers.CONDITION_WORDS,
            width=4,
            height=4,
        ),
        stat(
            Text("Hot water", "熱水"),
            Text(
                "Stored at 60 °C or more against legionella (HSE); kept at 90 °C or more it need not be sampled.",
                "儲存溫度應在 60 °C 以上以抑制退伍軍人菌（HSE）；持續 90 °C 以上可免採樣。",
            ),
            _temperature("hot"),
            limits.HOT_STEPS,
            "celsius",
        ),
        stat(
            Text("Cold water", "冰水"),
            Text("Stored below 20 °C (HSE).", "儲存溫度應低於 20 °C（HSE）。"),
            _temperature("cold"),
            limits.COLD_STEPS,
            "celsius",
        ),
        stat(
            Text("Dissolved solids", "總溶解固體"),
            Text("At the outlet; at most 500 mg/L (CJ 94-1999).", "出水口；上限 500 mg/L（CJ 94-1999）。"),
            f"max({dispensers.SOLIDS_OUT}) * 1000",
            limits.SOLIDS_STEPS,
            "suffix: mg/L",
        ),
        stat(
            Text("Least filter life", "濾心最低壽命"),
            Text(
                "Of the stage that wears out first; below 10 % it is to be changed.",
                "最先耗盡的一道；低於 10 % 應更換。",
            ),
            f"min({of(catalogue.DISPENSER_FILTER_LIFE)})",
            limits.LIFE_STEPS,
            "percentunit",
        ),
        stat(
            Text("Since maintenance", "距上次保養"),
            Text("The regulation asks for it once a month (Art. 6).", "管理辦法第 6 條規定每月至少一次。"),
            f"(time() - max({of(catalogue.DISPENSER_LAST_MAINTENANCE)} > 0)) / 86400",
            limits.MAINTENANCE_STEPS,
            "d",
        ),
    ],
)

_WRONG = Row(
    Text("What is wrong", "問題所在"),
    [
        table(
            Text("Alerts", "警報"),
            Text(
                "Every alert on it, its gateway and its site that fires; docs/runbooks says what to do.",
                "這台、其閘道器與場域作用中的警報；處理步驟見 docs/runbooks。",
            ),
            f"max by ({', '.join(ALERT)}) ({alerts()})",
            ALERT,
        ),
        table(
            Text("Why it does not answer", "為什麼沒有回應"),
            Text(
                "Empty while it answers; docs/dispenser-exporter.md explains the reasons.",
                "有回應時為空；原因說明見 docs/dispenser-exporter.md。",
            ),
            f"max by (dispenser, reason) ({of(catalogue.DISPENSER_DOWN_INFO)})",
            _REASON,
        ),
        Panel(
            kind="state-timeline",
            title=Text("Faults over time", "故障變化"),
            description=Text(
                "Each fault that the dispenser reported in the time shown.", "所選期間內飲水機回報過的每一種故障。"
            ),
            queries=[
                Query(
                    f"max by (fault) ({of(catalogue.DISPENSER_FAULT)})"
                    f" and on (fault) max by (fault) (max_over_time({of(catalogue.DISPENSER_FAULT)}[$__range])) > 0",
                    "{{fault}}",
                )
            ],
            unit="short",
            steps=(Step(None, "green"), Step(1, "red")),
            words=_FINE_OR_FAULTY,
        ),
        Panel(
            kind="state-timeline",
            title=Text("Parts over time", "部件動作"),
            description=Text(
                "When heater, compressor, UV lamp and valves were on.", "加熱器、壓縮機、紫外線燈與閥門的動作時間。"
            ),
            queries=[Query(f"max by (state) ({of(catalogue.DISPENSER_STATE)})", "{{state}}")],
            unit="short",
            steps=(Step(None, "blue"), Step(1, "green")),
            words=_OFF_OR_ON,
        ),
    ],
)

_WATER = Row(
    Text("Water", "水"),
    [
        lines(
            Text("Temperatures", "溫度"),
            Text(
                "At each outlet and of the water that flows in. Legionella grows between 25 and 45 °C (WHO).",
                "各出水口與進水的溫度。退伍軍人菌在 25 至 45 °C 之間繁殖（WHO）。",
            ),
            [Query(_temperature(outlet), name) for outlet, name in _OUTLETS.items()],
            "celsius",
            (Step(None, "green"), Step(limits.LEGIONELLA_LOW, "red"), Step(limits.LEGIONELLA_HIGH, "green")),
        ),
        lines(
            Text("Solids in and out", "進出水溶解固體"),
            Text(
                "Before and after the membrane; water that is given holds at most 500 mg/L.",
                "薄膜前後；出水上限 500 mg/L。",
            ),
            [
                Query(f"max({dispensers.SOLIDS_IN}) * 1000", Text("inlet", "進水")),
                Query(f"max({dispensers.SOLIDS_OUT}) * 1000", Text("outlet", "出水")),
            ],
            "suffix: mg/L",
            limits.SOLIDS_STEPS,
        ),
        lines(
            Text("Turbidity", "濁度"),
            Text("At most 1 NTU (GB 5749-2006).", "上限 1 NTU（GB 5749-2006）。"),
            [Query(f"max({of(catalogue.DISPENSER_TURBIDITY)})", Text("turbidity", "濁度"))],
            "suffix: NTU",
            limits.TURBIDITY_STEPS,
            width=8,
        ),
        lines(
            Text("Tanks", "水箱"),
            Text("How full each tank is; below a tenth the pump runs dry.", "各水箱水位；低於一成時泵浦空轉。"),
            [Query(f"max by (tank) ({of(catalogue.DISPENSER_TANK_LEVEL)})", "{{tank}}")],
            "percentunit",
            (Step(None, "red"), Step(0.1, "green")),
            width=8,
        ),
        lines(
            Text("Inlet pressure", "進水壓力"),
            Text("Below 0.1 MPa most valves do not open properly.", "低於 0.1 MPa 時多數閥門無法正常開啟。"),
            [Query(f"max({of(catalogue.DISPENSER_INLET_PRESSURE)})", Text("pressure", "壓力"))],
            "pressurepa",
            (Step(None, "red"), Step(1e5, "green")),
            width=8,
        ),
    ],
)

_PAST = Row(
    Text("Wear and use", "耗損與用量"),
    [
        lines(
            Text("Life left", "剩餘壽命"),
            Text(
                "Of each filter stage and the UV lamp; below 10 % it is to be changed.",
                "各道濾心與紫外線燈；低於 10 % 應更換。",
            ),
            [
                Query(
                    f"max by (stage) ({of(catalogue.DISPENSER_FILTER_LIFE)})",
                    Text("stage {{stage}}", "第 {{stage}} 道"),
                ),
                Query(f"max({of(catalogue.DISPENSER_UV_LIFE)})", Text("UV lamp", "紫外線燈")),
            ],
            "percentunit",
            limits.LIFE_STEPS,
            width=8,
        ),
        lines(
            Text("Water drawn", "取水量"),
            Text(
                "Litres an hour by outlet; none for 72 hours, and it is to be flushed.",
                "各出水口每小時公升數；72 小時無人取水應排放。",
            ),
            [dispensers.DRAWN],
            "litreh",
            width=8,
        ),
        lines(
            Text("Electric power", "用電功率"),
            Text("Over ten minutes; a heater takes most of it.", "十分鐘平均；加熱器占大部分。"),
            [Query(f"max({recorded(dispensers.WATTS)})", Text("power", "功率"))],
            "watt",
            width=8,
        ),
        lines(
            Text("Time to answer", "回應時間"),
            Text(
                "How long a probe took; near Prometheus' time limit of 10 s it will be lost.",
                "一次讀取所需時間；接近 Prometheus 的 10 秒上限時將會遺失。",
            ),
            [Query(f"max({of(catalogue.DISPENSER_PROBE_SECONDS)})", Text("probe", "讀取"))],
            "s",
            (Step(None, "green"), Step(5, "yellow"), Step(10, "red")),
        ),
        stat(
            Text("Last sterilization", "上次殺菌"),
            Text("Time since the last cycle ended; it runs each night.", "距上次殺菌完成的時間；每晚執行。"),
            f"(time() - max({of(catalogue.DISPENSER_LAST_STERILIZATION)} > 0)) / 3600",
            (Step(None, "green"), Step(30, "yellow"), Step(limits.IDLE, "red")),
            "h",
            width=12,
        ),
    ],
)

DISPENSER = Dashboard(
    uid=dispensers.DISPENSER_UID,
    title=Text("Tapwatch dispenser", "單台飲水機"),
    description=Text(
        "One dispenser: what is wrong, its water, its parts, its past.", "單台飲水機：問題、水質、部件與歷史。"
    ),
    tags=("water",),
    variables=(
        dispensers.SITE_VARIABLE,
        dispensers.BUILDING_VARIABLE,
        Variable("dispenser", dispensers.DISPENSER_VARIABLE.title, dispensers.DISPENSER_VARIABLE.query, several=False),
    ),
    rows=(_NOW, _WRONG, _WATER, _PAST),
    annotations=(dispensers.CRITICAL_ALERTS,),
    shown="24h",
)
