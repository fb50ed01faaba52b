"""Workloads and rollouts for SREs: what is being rolled out, what is stuck, what restarts."""

from dashboards import clusters
from dashboards.clusters import CHOICE, CLUSTER_VARIABLE, TO_CONTROLPLANE
from dashboards.language import Text, Words
from dashboards.model import Annotation, Column, Dashboard, Link, Panel, Query, Row, Step, Variable, series
from dashboards.panels import ANY_IS_BAD, NEUTRAL, comparison, count, keep, lines, stat, table
from tapwatch import catalogue
from tapwatch.catalogue import Metric

UID = clusters.WORKLOADS_UID

_CHOICE = f'{CHOICE},namespace=~"$namespace",workload=~"$workload"'
_WORKLOAD: dict[str, Words] = {
    "cluster": Text("Cluster", "叢集"),
    "namespace": Text("Namespace", "命名空間"),
    "kind": Text("Kind", "種類"),
    "workload": Text("Workload", "工作負載"),
}
_IMAGE = _WORKLOAD | {"container": Text("Container", "容器"), "image": Text("Image", "映像")}
_RESTART = _WORKLOAD | {"container": Text("Container", "容器"), "reason": Text("Reason", "原因")}
_POD: dict[str, Words] = {
    "namespace": Text("Namespace", "命名空間"),
    "pod": "Pod",
    "node": Text("Node", "節點"),
    "reason": Text("Reason", "原因"),
}
_TO_THIS = Link(
    Text("Only this one", "只看此項"),
    UID,
    {"cluster": "cluster", "namespace": "namespace", "workload": "workload"},
)


def _of(metric: Metric, *matchers: str) -> str:
    """The metric's series of the chosen workloads."""
    return series(metric, _CHOICE, *matchers)


def _replicas(state: str) -> str:
    return keep(_WORKLOAD, _of(catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, f'state="{state}"'))


_MISSING = f"{_replicas('desired')} - {_replicas('available')}"
_STUCK = keep(_WORKLOAD, _of(catalogue.CONTROLPLANE_WORKLOAD_STUCK))
_LAG = keep(_WORKLOAD, _of(catalogue.CONTROLPLANE_WORKLOAD_GENERATION_LAG))
_RESTARTS = _of(catalogue.CONTROLPLANE_CONTAINER_RESTARTS)
_REVISION = _of(catalogue.CONTROLPLANE_WORKLOAD_REVISION)

_NOW = Row(
    Text("Now", "目前"),
    [
        stat(
            Text("Workloads", "工作負載"),
            Text(
                "Deployments, StatefulSets and DaemonSets that are watched.",
                "受監看的 Deployment、StatefulSet 與 DaemonSet。",
            ),
            count(_replicas("desired")),
            NEUTRAL,
        ),
        stat(
            Text("Rollouts stuck", "部署卡住"),
            Text("Rollouts that stand still for longer than they may.", "停滯超過時限的部署。"),
            count(f"{_STUCK} == 1"),
            ANY_IS_BAD,
        ),
        stat(
            Text("Rolling out", "部署中"),
            Text("Workloads whose replicas are not all of the newest kind yet.", "尚未全部更新到新版的工作負載。"),
            count(f"{_replicas('updated')} < {_replicas('desired')}"),
            NEUTRAL,
        ),
        stat(
            Text("Replicas missing", "缺少的副本"),
            Text("Replicas that are wanted and not available.", "應有而不可用的副本。"),
            f"sum({_MISSING} > 0) or vector(0)",
            ANY_IS_BAD,
        ),
        stat(
            Text("Restarts", "重啟"),
            Text(
                "Of containers in the time shown; an ordinary rollout makes none.",
                "所選期間容器重啟次數；正常部署不會造成重啟。",
            ),
            f"sum(increase({_RESTARTS}[$__range])) or vector(0)",
            (Step(None, "green"), Step(3, "yellow"), Step(30, "red")),
        ),
        stat(
            Text("System pods not ready", "系統 Pod 未就緒"),
            Text("Pods of the system's namespaces, such as CoreDNS.", "系統命名空間的 Pod，例如 CoreDNS。"),
            count(f"max by (cluster, namespace, pod) ({clusters.of(catalogue.CONTROLPLANE_SYSTEM_POD_NOT_READY)})"),
            ANY_IS_BAD,
        ),
    ],
)

_ROLLOUTS = Row(
    Text("Rollouts", "部署"),
    [
        comparison(
            Text("Workloads in numbers", "工作負載一覽"),
            Text(
                "Wanted, updated and available replicas; a lag means that the controller has not seen the last change.",
                "應有、已更新與可用的副本；落後表示控制器尚未看到最新變更。",
            ),
            _WORKLOAD,
            {
                _replicas("desired"): Column(Text("Wanted", "應有")),
                _replicas("updated"): Column(Text("Updated", "已更新")),
                _replicas("available"): Column(Text("Available", "可用")),
                _STUCK: Column(
                    Text("Stuck", "卡住"), steps=ANY_IS_BAD, words={0: Text("no", "否"), 1: Text("yes", "是")}
                ),
                _LAG: Column(Text("Lag", "落後"), steps=ANY_IS_BAD),
            },
            links=[_TO_THIS, TO_CONTROLPLANE],
        ),
        Panel(
            kind="state-timeline",
            title=Text("Stuck over time", "卡住狀態變化"),
            description=Text(
                "Each workload's rollout; red while it stood still for too long.",
                "各工作負載的部署；紅色表示停滯過久。",
            ),
            queries=[Query(f"max by (namespace, workload) ({_STUCK})", "{{namespace}}/{{workload}}")],
            unit="short",
            steps=ANY_IS_BAD,
            words={0: Text("fine", "正常"), 1: Text("stuck", "卡住")},
        ),
        lines(
            Text("Replicas missing over time", "缺少的副本變化"),
            Text("Wanted and not available, by workload.", "應有而不可用的副本，依工作負載。"),
            [Query(f"sum by (namespace, workload) ({_MISSING} > 0)", "{{namespace}}/{{workload}}")],
            "short",
            ANY_IS_BAD,
        ),
        table(
            Text("Images", "映像"),
            Text("What each container runs, or is being rolled out.", "各容器執行或部署中的映像。"),
            keep(_IMAGE, _of(catalogue.CONTROLPLANE_WORKLOAD_IMAGE)),
            _IMAGE,
            width=24,
        ),
    ],
)

_TROUBLE = Row(
    Text("Restarts and probes", "重啟與探測"),
    [
        comparison(
            Text("Restarts by reason", "重啟原因"),
            Text(
                "In the time shown: OOMKilled wants more memory, Error a look at the log.",
                "所選期間：OOMKilled 需要更多記憶體，Error 請看日誌。",
            ),
            _RESTART,
            {
                f"sum by ({', '.join(_RESTART)}) (increase({_RESTARTS}[$__range])) > 0": Column(
                    Text("Restarts", "重啟"), steps=(Step(None, "yellow"), Step(30, "red"))
                ),
            },
            links=[_TO_THIS],
        ),
        lines(
            Text("Failing probes", "失敗的探測"),
            Text("Of containers, a minute, by kind of probe.", "容器探測每分鐘失敗次數，依種類。"),
            [
                Query(
                    "sum by (namespace, workload, probe) "
                    f"(rate({_of(catalogue.CONTROLPLANE_CONTAINER_PROBE_FAILURES)}[$__rate_interval])) * 60",
                    "{{namespace}}/{{workload}} {{probe}}",
                )
            ],
            "cpm",
        ),
        table(
            Text("System pods", "系統 Pod"),
            Text("Pods of the system's namespaces that are not ready, and why.", "系統命名空間中未就緒的 Pod 與原因。"),
            keep(_POD, clusters.of(catalogue.CONTROLPLANE_SYSTEM_POD_NOT_READY)),
            _POD,
        ),
    ],
)

_IN_CLUSTER = series(catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, CHOICE)
_IN_NAMESPACE = series(catalogue.CONTROLPLANE_WORKLOAD_REPLICAS, CHOICE, 'namespace=~"$namespace"')

WORKLOADS = Dashboard(
    uid=UID,
    title=Text("Tapwatch workloads", "工作負載與部署"),
    description=Text("What is being rolled out, what is stuck, what restarts.", "哪些正在部署、哪些卡住、哪些在重啟。"),
    tags=("kubernetes",),
    variables=(
        CLUSTER_VARIABLE,
        Variable("namespace", _WORKLOAD["namespace"], f"label_values({_IN_CLUSTER}, namespace)"),
        Variable("workload", _WORKLOAD["workload"], f"label_values({_IN_NAMESPACE}, workload)"),
    ),
    rows=(_NOW, _ROLLOUTS, _TROUBLE),
    annotations=(
        clusters.CRITICAL_ALERTS,
        Annotation(
            Text("Rollouts", "部署"),
            f"{_REVISION} unless {_REVISION} offset 2m",
            "{{namespace}}/{{workload}}",
            "revision {{revision}}",
            "blue",
        ),
    ),
)
