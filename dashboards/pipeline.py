"""The pipeline itself for SREs: whether what watches everything else is well. Delivery has a page of its own."""

from dashboards.dispensers import ALERT
from dashboards.language import Text, Words
from dashboards.limits import EVERYTHING
from dashboards.model import Annotation, Column, Dashboard, Panel, Query, Row, Step, Variable, firing, selector, series
from dashboards.panels import ANY_IS_BAD, NEUTRAL, NONE_IS_BAD, comparison, count, keep, lines, stat, table
from tapwatch import catalogue

UID = "tapwatch-pipeline"

_CHOICE = 'job=~"$job"'
_PROCESSES = selector("up", _CHOICE, 'job!="dispensers"')
_PROCESS: dict[str, Words] = {"job": Text("Job", "工作"), "instance": Text("Instance", "實例")}
_ALERT: dict[str, Words] = {"severity": ALERT["severity"], "alertname": ALERT["alertname"], **_PROCESS}
_ALERTS = firing('team="platform"', 'cluster=""', 'alertname!="Watchdog"')
_LOADED = (
    f"{series(catalogue.CONFIG_RELOAD_SUCCESSFUL, _CHOICE)}"
    f" or {selector('prometheus_config_last_reload_successful', _CHOICE)}"
    f" or {selector('alertmanager_config_last_reload_successful', _CHOICE)}"
)
_REQUEST_BUCKETS = selector(f"{catalogue.HTTP_REQUEST_SECONDS.name}_bucket", _CHOICE)
_VERSION = _PROCESS | {"version": Text("Version", "版本")}
_BUILD = series(catalogue.BUILD_INFO, _CHOICE)

_NOW = Row(
    Text("Now", "目前"),
    [
        stat(
            Text("Dead man's switch", "心跳警報"),
            Text("Watchdog fires always: 1 while rules are evaluated.", "Watchdog 永遠作用：規則有在評估時為 1。"),
            count(firing('alertname="Watchdog"')),
            NONE_IS_BAD,
        ),
        stat(
            Text("Processes down", "失聯的程序"),
            Text(
                "Exporters, bridges, Prometheus and Alertmanager that cannot be scraped.",
                "無法抓取的匯出器、橋接器、Prometheus 與 Alertmanager。",
            ),
            count(f"{_PROCESSES} == 0"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Settings not loaded", "設定未載入"),
            Text(
                "Processes whose last reload failed; the old settings keep running.",
                "最近一次重新載入失敗的程序；舊設定仍在執行。",
            ),
            count(f"({_LOADED}) == 0"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Rules failing", "規則失敗"),
            Text(
                "Rule evaluations that failed in the time shown; what they watch goes unnoticed.",
                "所選期間評估失敗的規則次數；其監看對象將無人知曉。",
            ),
            "sum(increase(prometheus_rule_evaluation_failures_total[$__range]))",
            ANY_IS_BAD,
        ),
        stat(
            Text("Alertmanagers known", "已知的 Alertmanager"),
            Text(
                "That Prometheus sends alerts to; without any nobody is told.",
                "Prometheus 會送出警報的數量；沒有則無人收到。",
            ),
            "min(prometheus_notifications_alertmanagers_discovered)",
            NONE_IS_BAD,
        ),
        stat(
            Text("Last delivery", "上次送達"),
            Text(
                "Time since a robot last took a message; long silence is fine when nothing fires.",
                "距機器人上次收下訊息的時間；沒有警報時長時間無訊息屬正常。",
            ),
            f"time() - max({series(catalogue.LAST_DELIVERY)})",
            NEUTRAL,
            "s",
        ),
    ],
)

_WRONG = Row(
    Text("What is wrong", "問題所在"),
    [
        table(
            Text("Alerts", "警報"),
            Text(
                "Every alert on the pipeline that fires; docs/runbooks says what to do.",
                "所有作用中的管線警報；處理步驟見 docs/runbooks。",
            ),
            keep(_ALERT, _ALERTS),
            _ALERT,
        ),
        comparison(
            Text("Processes", "程序"),
            Text(
                "Each process: whether it is scraped, how long that takes, and whether its settings are those in "
                "the files.",
                "各程序：能否抓取、所需時間、設定是否與檔案一致。",
            ),
            _PROCESS,
            {
                keep(_PROCESS, _PROCESSES): Column(
                    Text("Scraped", "抓取"),
                    steps=(Step(None, "red"), Step(1, "green")),
                    words={0: Text("no", "否"), 1: Text("yes", "是")},
                ),
                keep(_PROCESS, selector("scrape_duration_seconds", _CHOICE, 'job!="dispensers"')): Column(
                    Text("In", "需時"), "s", (Step(None, "green"), Step(1, "yellow"), Step(10, "red"))
                ),
                keep(_PROCESS, _LOADED): Column(
                    Text("Settings", "設定"),
                    steps=(Step(None, "red"), Step(1, "green")),
                    words={0: Text("old", "舊"), 1: Text("loaded", "已載入")},
                ),
            },
            width=12,
        ),
        Panel(
            kind="state-timeline",
            title=Text("Processes over time", "程序狀態變化"),
            description=Text("Whether each process could be scraped.", "各程序能否抓取。"),
            queries=[Query(f"min by (job, instance) ({_PROCESSES})", "{{job}} {{instance}}")],
            unit="short",
            steps=(Step(None, "red"), Step(1, "green")),
            words={0: Text("down", "失聯"), 1: Text("up", "正常")},
        ),
        table(
            Text("Versions", "版本"),
            Text(
                "Of our own processes; a mix that lasts is a rollout that is stuck.",
                "我們自己的程序；長期混用表示部署卡住。",
            ),
            keep(_VERSION, _BUILD),
            _VERSION,
        ),
    ],
)

_FLOW = Row(
    Text("Flow", "流量"),
    [
        lines(
            Text("Probes of dispensers", "飲水機讀取"),
            Text(
                "A minute, by result; docs/dispenser-exporter.md explains the reasons.",
                "每分鐘次數，依結果；原因說明見 docs/dispenser-exporter.md。",
            ),
            [Query(f"sum by (result) (rate({series(catalogue.PROBES)}[$__rate_interval])) * 60", "{{result}}")],
            "cpm",
        ),
        lines(
            Text("Scrapes that succeed", "抓取成功率"),
            Text("The share of targets of each job that Prometheus reads.", "各工作中 Prometheus 成功抓取的目標比例。"),
            [Query(f"avg by (job) ({selector('up', _CHOICE)})", "{{job}}")],
            "percentunit",
            EVERYTHING,
        ),
        lines(
            Text("Time to answer HTTP", "HTTP 回應時間"),
            Text(
                "Of our own processes, 99 % of requests; Prometheus gives up after 10 s.",
                "我們自己的程序，99 % 的請求；Prometheus 10 秒後放棄。",
            ),
            [
                Query(
                    f"histogram_quantile(0.99, sum by (le, job) (rate({_REQUEST_BUCKETS}[$__rate_interval])))",
                    "{{job}}",
                )
            ],
            "s",
            (Step(None, "green"), Step(1, "yellow"), Step(10, "red")),
        ),
        lines(
            Text("Messages to DingTalk", "釘釘訊息"),
            Text("A minute, by result; the page on delivery says more.", "每分鐘次數，依結果；詳見通知送達頁。"),
            [Query(f"sum by (result) (rate({series(catalogue.MESSAGES)}[$__rate_interval])) * 60", "{{result}}")],
            "cpm",
        ),
        lines(
            Text("Notifications of Alertmanager", "Alertmanager 通知"),
            Text("A minute, those sent and those that failed.", "每分鐘送出與失敗的通知。"),
            [
                Query("sum(rate(alertmanager_notifications_total[$__rate_interval])) * 60", Text("sent", "送出")),
                Query(
                    "sum(rate(alertmanager_notifications_failed_total[$__rate_interval])) * 60", Text("failed", "失敗")
                ),
            ],
            "cpm",
        ),
        lines(
            Text("Series in Prometheus", "Prometheus 序列數"),
            Text("How many each one holds; memory follows it.", "各 Prometheus 持有的序列數；記憶體隨之增加。"),
            [Query("max by (instance) (prometheus_tsdb_head_series)", "{{instance}}")],
            "short",
        ),
    ],
)

PIPELINE = Dashboard(
    uid=UID,
    title=Text("Tapwatch pipeline", "監控管線"),
    description=Text(
        "Whether what watches everything else is well: exporters, Prometheus, Alertmanager, bridges.",
        "監看一切的系統本身是否正常：匯出器、Prometheus、Alertmanager、橋接器。",
    ),
    tags=("pipeline",),
    variables=(Variable("job", Text("Job", "工作"), "label_values(up, job)"),),
    rows=(_NOW, _WRONG, _FLOW),
    annotations=(
        Annotation(
            Text("Rollouts", "部署"), f"{_BUILD} unless {_BUILD} offset 2m", "{{job}}", "version {{version}}", "blue"
        ),
    ),
)
