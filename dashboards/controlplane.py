"""One control plane for SREs: which part of it is down, since when, and whether users notice."""

from dashboards import clusters, limits
from dashboards.clusters import ADDRESS_UP, ALERT, CLUSTER, ENDPOINT, REPLICA_UP, UP, UP_STEPS, of
from dashboards.language import Text, Words
from dashboards.model import Column, Dashboard, Panel, Query, Row, Step, Variable
from dashboards.panels import ANY_IS_BAD, UP_OR_DOWN, comparison, count, keep, lines, stat, table
from tapwatch import catalogue

UID = clusters.CONTROLPLANE_UID

_REASON = ENDPOINT | {"reason": Text("Reason", "原因")}
_CHECK = ENDPOINT | {"path": Text("Path", "路徑"), "check": Text("Check", "檢查項目")}
_VERSION = ENDPOINT | {"git_version": Text("Version", "版本")}
_MEMBER: dict[str, Words] = {"endpoint": Text("Member", "成員")}
_LEASE: dict[str, Words] = {"lease": Text("Component", "元件"), "holder": Text("Leader", "領導者")}
_NODE: dict[str, Words] = {"node": Text("Node", "節點"), "node_zone": Text("Zone", "區域")}
_CHECK_UP = keep(_CHECK, of(catalogue.CONTROLPLANE_CHECK))
_FAILED_PROBES = of(catalogue.CONTROLPLANE_PROBES, 'result!="ok"')
_CERTIFICATES = of(catalogue.CONTROLPLANE_CERTIFICATE_EXPIRY)
_SLOW = (Step(None, "green"), Step(0.5, "yellow"), Step(1, "red"))

_NOW = Row(
    Text("Now", "目前"),
    [
        stat(
            Text("Replicas up", "正常副本"),
            Text("API server replicas that answer that they live and are ready.", "回應存活且就緒的 API server 副本。"),
            count(f"{REPLICA_UP} == 1"),
            UP_STEPS,
        ),
        stat(
            Text("Replicas down", "失聯副本"),
            Text(
                "API server replicas that do not answer, or answer that they are not well.",
                "沒有回應或自稱不健康的 API server 副本。",
            ),
            count(f"{REPLICA_UP} == 0"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Address down", "位址失聯"),
            Text("1 while the address that users use does not answer.", "使用者所用的位址沒有回應時為 1。"),
            count(f"{ADDRESS_UP} == 0"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Writes failing", "寫入失敗"),
            Text("Endpoints through which the last write of a Lease failed.", "最近一次寫入 Lease 失敗的端點。"),
            count(f"{keep(ENDPOINT, of(catalogue.CONTROLPLANE_WRITE_UP))} == 0"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Checks failing", "檢查失敗"),
            Text(
                "Single checks of /livez and /readyz that fail, such as etcd.",
                "/livez 與 /readyz 中失敗的單項檢查，例如 etcd。",
            ),
            count(f"{_CHECK_UP} == 0"),
            ANY_IS_BAD,
        ),
        stat(
            Text("First certificate to expire", "最先到期的憑證"),
            Text("How long it still lasts; two weeks are left to renew it.", "剩餘天數；兩週前應更新。"),
            f"(min({_CERTIFICATES}) - time()) / 86400",
            limits.CERTIFICATE_STEPS,
            "d",
        ),
        Panel(
            kind="state-timeline",
            title=Text("Up or down", "端點狀態變化"),
            description=Text(
                "Each endpoint over time: up while /livez and /readyz answered 200.",
                "各端點的變化：/livez 與 /readyz 都回應 200 時為正常。",
            ),
            queries=[Query(UP, "{{role}} {{endpoint}}")],
            unit="short",
            steps=UP_STEPS,
            words=UP_OR_DOWN,
            width=24,
        ),
    ],
)

_WRONG = Row(
    Text("What is wrong", "問題所在"),
    [
        table(
            Text("Alerts", "警報"),
            Text(
                "Every alert on control planes that fires. docs/runbooks says of each what to check and do.",
                "所有作用中的控制平面警報；處理步驟見 docs/runbooks。",
            ),
            keep(ALERT, clusters.ALERTS),
            ALERT,
        ),
        table(
            Text("Why endpoints are down", "端點失聯原因"),
            Text(
                "The reason of each one; docs/cluster-exporter.md explains them.",
                "各端點的原因；說明見 docs/cluster-exporter.md。",
            ),
            keep(_REASON, of(catalogue.CONTROLPLANE_ENDPOINT_FAILURE)),
            _REASON,
        ),
        table(
            Text("Failing checks", "失敗的檢查"),
            Text(
                "Single checks of a health path that fail; /readyz?verbose says more about each.",
                "健康路徑中失敗的單項檢查；/readyz?verbose 有詳細內容。",
            ),
            f"{_CHECK_UP} == 0",
            _CHECK,
        ),
        table(
            Text("Versions", "版本"),
            Text(
                "What each endpoint runs. A mix that lasts is an upgrade that is stuck.",
                "各端點執行的版本。長期混用表示升級卡住。",
            ),
            keep(_VERSION, of(catalogue.CONTROLPLANE_VERSION)),
            _VERSION,
        ),
    ],
)

_REQUESTS = Row(
    Text("Answers and writes", "回應與寫入"),
    [
        lines(
            Text("Time to answer", "回應時間"),
            Text(
                "Of each health path, or until it was given up. A healthy server answers in milliseconds.",
                "各健康路徑的回應時間，或放棄前的時間。健康的伺服器在毫秒內回應。",
            ),
            [
                Query(
                    f"max by (endpoint, path) ({of(catalogue.CONTROLPLANE_PROBE_SECONDS)})",
                    "{{endpoint}} {{path}}",
                )
            ],
            "s",
            _SLOW,
            width=8,
        ),
        lines(
            Text("Failed probes", "失敗的探測"),
            Text(
                "A minute, by reason; docs/cluster-exporter.md explains them.",
                "每分鐘次數，依原因；說明見 docs/cluster-exporter.md。",
            ),
            [
                Query(
                    f"sum by (endpoint, result) (rate({_FAILED_PROBES}[$__rate_interval])) * 60",
                    "{{endpoint}} {{result}}",
                )
            ],
            "cpm",
            width=8,
        ),
        lines(
            Text("Time to write", "寫入時間"),
            Text("A Lease through each endpoint, etcd included.", "經各端點寫入 Lease 的時間，含 etcd。"),
            [Query(f"max by (endpoint) ({of(catalogue.CONTROLPLANE_WRITE_SECONDS)})", "{{endpoint}}")],
            "s",
            _SLOW,
            width=8,
        ),
    ],
)

_INSIDE = Row(
    Text("Leaders, etcd and nodes", "領導者、etcd 與節點"),
    [
        comparison(
            Text("Leaders", "領導者"),
            Text(
                "Who leads each component, and how old its lease is. Over 15 s nobody does its work.",
                "各元件的領導者與租約時間。超過 15 秒表示沒有人在工作。",
            ),
            _LEASE,
            {
                f"max by (lease) ({of(catalogue.CONTROLPLANE_LEADER_AGE)})"
                f" * on (lease) group_right () {keep(_LEASE, of(catalogue.CONTROLPLANE_LEADER))}": Column(
                    Text("Lease age", "租約時間"), "s", (Step(None, "green"), Step(10, "yellow"), Step(15, "red"))
                ),
                f"max by (lease) (increase({of(catalogue.CONTROLPLANE_LEADER_TRANSITIONS)}[$__range]))"
                f" * on (lease) group_right () {keep(_LEASE, of(catalogue.CONTROLPLANE_LEADER))}": Column(
                    Text("Changes", "更換次數"), steps=(Step(None, "green"), Step(3, "yellow"), Step(10, "red"))
                ),
            },
            width=12,
        ),
        comparison(
            Text("etcd members", "etcd 成員"),
            Text("Each member as it describes itself; one of them leads.", "各成員的自述；其中一個是領導者。"),
            _MEMBER,
            {
                keep(_MEMBER, of(catalogue.CONTROLPLANE_ETCD_UP)): Column(
                    Text("State", "狀態"), steps=UP_STEPS, words=UP_OR_DOWN
                ),
                keep(_MEMBER, of(catalogue.CONTROLPLANE_ETCD_IS_LEADER)): Column(
                    Text("Leads", "領導者"), words={0: "", 1: Text("leader", "領導者")}
                ),
                keep(_MEMBER, of(catalogue.CONTROLPLANE_ETCD_DATABASE)): Column(
                    Text("Database", "資料庫"), "bytes", (Step(None, "green"), Step(limits.ETCD_BYTES, "red"))
                ),
                keep(_MEMBER, of(catalogue.CONTROLPLANE_ETCD_SECONDS)): Column(
                    Text("Answers in", "回應時間"), "s", _SLOW
                ),
            },
            width=12,
        ),
        lines(
            Text("Certificates", "憑證"),
            Text("Days until each endpoint's certificate expires.", "各端點憑證到期前的天數。"),
            [Query(f"(min by (endpoint) ({_CERTIFICATES}) - time()) / 86400", "{{endpoint}}")],
            "d",
            limits.CERTIFICATE_STEPS,
            width=8,
        ),
        lines(
            Text("Node heartbeats", "節點心跳"),
            Text(
                "The oldest lease of the nodes of each zone; after 50 s a node counts as lost.",
                "各區域節點中最舊的租約；超過 50 秒視為失聯。",
            ),
            [Query(f"max by (node_zone) ({of(catalogue.CONTROLPLANE_NODE_HEARTBEAT_AGE)})", "{{node_zone}}")],
            "s",
            (Step(None, "green"), Step(40, "yellow"), Step(limits.HEARTBEAT, "red")),
            width=8,
        ),
        table(
            Text("Nodes not ready", "未就緒的節點"),
            Text(
                "Nodes whose Ready is False or Unknown, and where they are.", "Ready 為 False 或 Unknown 的節點與位置。"
            ),
            keep(_NODE, of(catalogue.CONTROLPLANE_NODE_CONDITION, 'condition="Ready"', 'status!="True"')),
            _NODE,
            width=8,
        ),
    ],
)

CONTROLPLANE = Dashboard(
    uid=UID,
    title=Text("Tapwatch control planes", "控制平面"),
    description=Text(
        "A Kubernetes control plane seen from outside: every replica, the address that users use, and what is "
        "behind them.",
        "從外部看 Kubernetes 控制平面：每個副本、使用者所用的位址，以及其後的元件。",
    ),
    tags=("kubernetes",),
    variables=(Variable("cluster", CLUSTER["cluster"], clusters.CLUSTER_VARIABLE.query, several=False),),
    rows=(_NOW, _WRONG, _REQUESTS, _INSIDE),
    annotations=(clusters.CRITICAL_ALERTS,),
)
