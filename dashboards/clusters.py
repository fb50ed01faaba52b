"""All clusters for SREs, by region and zone: which one needs a look. And what the pages about clusters share."""

from dashboards import dispensers, limits
from dashboards.language import Text, Words
from dashboards.model import Annotation, Column, Dashboard, Link, Panel, Query, Row, Step, Variable, firing, series
from dashboards.panels import ANY_IS_BAD, NEUTRAL, UP_OR_DOWN, comparison, count, keep, lines, stat, table
from tapwatch import catalogue
from tapwatch.catalogue import Metric

UID = "tapwatch-clusters"
CONTROLPLANE_UID = "tapwatch-controlplane"
WORKLOADS_UID = "tapwatch-workloads"

CHOICE = 'cluster=~"$cluster"'
CLUSTER: dict[str, Words] = {"cluster": Text("Cluster", "叢集")}
ENDPOINT: dict[str, Words] = CLUSTER | {"role": Text("Role", "角色"), "endpoint": Text("Endpoint", "端點")}
ALERT: dict[str, Words] = {
    "severity": dispensers.ALERT["severity"],
    "alertname": dispensers.ALERT["alertname"],
    **ENDPOINT,
}
CLUSTER_VARIABLE = Variable(
    "cluster", CLUSTER["cluster"], f"label_values({catalogue.CONTROLPLANE_CLUSTER.name}, cluster)"
)
UP_STEPS = (Step(None, "red"), Step(1, "green"))

TO_CONTROLPLANE = Link(Text("Its control plane", "控制平面"), CONTROLPLANE_UID, {"cluster": "cluster"})
TO_WORKLOADS = Link(Text("Its workloads", "工作負載"), WORKLOADS_UID, {"cluster": "cluster"})

CRITICAL_ALERTS = Annotation(
    Text("Critical alerts", "嚴重警報"),
    firing('team="platform"', 'severity="critical"', CHOICE),
    "{{alertname}}",
    "{{cluster}} {{endpoint}}",
    "red",
)


def of(metric: Metric, *matchers: str) -> str:
    """The metric's series of the chosen clusters."""
    return series(metric, CHOICE, *matchers)


# Several exporters may watch one cluster: an endpoint is up while any of them reaches it.
UP = keep(ENDPOINT, of(catalogue.CONTROLPLANE_ENDPOINT_UP))
REPLICA_UP = keep(ENDPOINT, of(catalogue.CONTROLPLANE_ENDPOINT_UP, 'role="replica"'))
ADDRESS_UP = keep(ENDPOINT, of(catalogue.CONTROLPLANE_ENDPOINT_UP, 'role="address"'))
ALERTS = firing('team="platform"', 'cluster!=""', CHOICE)

_NODE_ZONES: dict[str, Words] = CLUSTER | {"node_zone": Text("Zone", "區域")}
_IN_REGION = series(catalogue.CONTROLPLANE_CLUSTER, 'region=~"$region"')
_READY = of(catalogue.CONTROLPLANE_NODE_CONDITION, 'condition="Ready"', 'status!="True"')
_READYZ_SECONDS = of(catalogue.CONTROLPLANE_PROBE_SECONDS, 'path="/readyz"')
_STUCK = of(catalogue.CONTROLPLANE_WORKLOAD_STUCK)

_NOW = Row(
    Text("Now", "目前"),
    [
        stat(
            Text("Clusters", "叢集"),
            Text("Clusters that are watched.", "受監看的叢集數。"),
            count(keep(CLUSTER, of(catalogue.CONTROLPLANE_CLUSTER))),
            NEUTRAL,
        ),
        stat(
            Text("Addresses down", "位址失聯"),
            Text("Clusters whose address, the one that users use, does not answer.", "使用者所用位址沒有回應的叢集。"),
            count(f"{ADDRESS_UP} == 0"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Replicas down", "副本失聯"),
            Text("API server replicas that are not well, or silent.", "不健康或沒有回應的 API server 副本。"),
            count(f"{REPLICA_UP} == 0"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Nodes not ready", "節點未就緒"),
            Text("Nodes that are not ready, or of which nothing is known.", "未就緒或狀態不明的節點。"),
            count(f"max by (cluster, node) ({_READY})"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Rollouts stuck", "部署卡住"),
            Text("Workloads whose rollout stands still for longer than it may.", "停滯超過時限的工作負載部署。"),
            count(f"max by (cluster, namespace, kind, workload) ({_STUCK}) == 1"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Critical alerts", "嚴重警報"),
            Text("Alerts on clusters that wake somebody.", "會叫醒值班人員的叢集警報。"),
            count(firing('team="platform"', 'severity="critical"', 'cluster!=""', CHOICE)),
            ANY_IS_BAD,
        ),
        comparison(
            Text("Clusters in numbers", "叢集一覽"),
            Text(
                "Each cluster; click on one for its control plane or its workloads.",
                "各叢集；點選可看控制平面或工作負載。",
            ),
            CLUSTER,
            {
                f"sum by (cluster) ({REPLICA_UP})": Column(Text("Replicas up", "正常副本"), steps=UP_STEPS),
                f"count by (cluster) ({REPLICA_UP})": Column(Text("Replicas", "副本")),
                f"min by (cluster) ({ADDRESS_UP})": Column(Text("Address", "位址"), steps=UP_STEPS, words=UP_OR_DOWN),
                f"min by (cluster) ({of(catalogue.CONTROLPLANE_WRITE_UP)})": Column(
                    Text("Writes", "寫入"), steps=UP_STEPS, words=UP_OR_DOWN
                ),
                f"sum by (cluster) (max by (cluster, node_zone) ({of(catalogue.CONTROLPLANE_NODES)}))": Column(
                    Text("Nodes", "節點")
                ),
                f"(min by (cluster) ({of(catalogue.CONTROLPLANE_CERTIFICATE_EXPIRY)}) - time()) / 86400": Column(
                    Text("Certificates last", "憑證剩餘"), "d", limits.CERTIFICATE_STEPS
                ),
            },
            links=[TO_CONTROLPLANE, TO_WORKLOADS],
        ),
    ],
)

_WHERE = Row(
    Text("Zones and alerts", "區域與警報"),
    [
        comparison(
            Text("Zones", "區域"),
            Text(
                "The nodes of each zone, and the share whose lease has expired. From 55 % on the cluster no "
                "longer moves pods away from them.",
                "各區域的節點，以及租約過期的比例。達 55 % 起叢集不再把 Pod 移走。",
            ),
            _NODE_ZONES,
            {
                keep(_NODE_ZONES, of(catalogue.CONTROLPLANE_NODES)): Column(Text("Nodes", "節點")),
                keep(_NODE_ZONES, of(catalogue.CONTROLPLANE_NODES_EXPIRED)): Column(
                    Text("Expired", "過期比例"),
                    "percentunit",
                    (Step(None, "green"), Step(0.01, "yellow"), Step(limits.NODES_EXPIRED, "red")),
                ),
            },
            links=[TO_CONTROLPLANE],
            width=12,
        ),
        table(
            Text("Alerts", "警報"),
            Text(
                "Every alert on clusters that fires; docs/runbooks says what to do.",
                "所有作用中的叢集警報；處理步驟見 docs/runbooks。",
            ),
            keep(ALERT, ALERTS),
            ALERT,
            links=[TO_CONTROLPLANE],
        ),
        Panel(
            kind="state-timeline",
            title=Text("Addresses over time", "位址狀態變化"),
            description=Text("Whether the address that users use answered.", "使用者所用位址是否有回應。"),
            queries=[Query(f"min by (cluster) ({ADDRESS_UP})", "{{cluster}}")],
            unit="short",
            steps=UP_STEPS,
            words=UP_OR_DOWN,
        ),
        lines(
            Text("Share of replicas up", "副本正常比例"),
            Text("Of each cluster's API server replicas.", "各叢集 API server 副本的正常比例。"),
            [Query(f"avg by (cluster) ({REPLICA_UP})", "{{cluster}}")],
            "percentunit",
            limits.EVERYTHING,
        ),
        lines(
            Text("Slowest answer", "最慢回應"),
            Text(
                "Of any endpoint's /readyz, or until it was given up.", "任一端點 /readyz 的回應時間，或放棄前的時間。"
            ),
            [Query(f"max by (cluster) ({_READYZ_SECONDS})", "{{cluster}}")],
            "s",
            (Step(None, "green"), Step(1, "red")),
        ),
        lines(
            Text("Slowest write", "最慢寫入"),
            Text(
                "Of a Lease through any endpoint; etcd that is slow shows here first.",
                "經任一端點寫入 Lease 的時間；etcd 變慢最先反映在此。",
            ),
            [Query(f"max by (cluster) ({of(catalogue.CONTROLPLANE_WRITE_SECONDS)})", "{{cluster}}")],
            "s",
            (Step(None, "green"), Step(0.5, "yellow"), Step(1, "red")),
        ),
    ],
)

CLUSTERS = Dashboard(
    uid=UID,
    title=Text("Tapwatch clusters", "叢集總覽"),
    description=Text("All clusters by region and zone: which one needs a look.", "所有叢集與區域：哪一個需要注意。"),
    tags=("kubernetes",),
    variables=(
        Variable("region", Text("Region", "地區"), f"label_values({catalogue.CONTROLPLANE_CLUSTER.name}, region)"),
        Variable("cluster", CLUSTER["cluster"], f"label_values({_IN_REGION}, cluster)"),
    ),
    rows=(_NOW, _WHERE),
    annotations=(CRITICAL_ALERTS,),
)
