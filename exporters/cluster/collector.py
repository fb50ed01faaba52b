"""What is known of the clusters as Prometheus' metrics, written when a scrape asks."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from exporters.cluster.health import Health
from exporters.cluster.state import ClusterState, EndpointState
from tapwatch import catalogue
from tapwatch.catalogue import Metric

Sample = tuple[Metric, tuple[str, ...], float]
"""A metric, the values of its labels in their order, and the number."""

METRICS = (
    catalogue.CONTROLPLANE_CLUSTER,
    catalogue.CONTROLPLANE_ENDPOINT_UP,
    catalogue.CONTROLPLANE_ENDPOINT_FAILURE,
    catalogue.CONTROLPLANE_HEALTH,
    catalogue.CONTROLPLANE_CHECK,
    catalogue.CONTROLPLANE_PROBE_SECONDS,
    catalogue.CONTROLPLANE_PROBES,
    catalogue.CONTROLPLANE_LAST_PROBE,
    catalogue.CONTROLPLANE_VERSION,
    catalogue.CONTROLPLANE_DISCOVERY_UP,
    catalogue.CONTROLPLANE_DISCOVERY_FAILURE,
)


class ClusterCollector(Collector):
    """Collects from the states that `read` returns."""

    def __init__(self, read: Callable[[], Iterable[ClusterState]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        """One family for each metric, empty ones too."""
        families = {metric: _family(metric) for metric in METRICS}
        for state in self._read():
            for metric, labels, value in samples(state):
                families[metric].add_metric(labels, value)
        yield from families.values()

    def describe(self) -> Iterator[Family]:
        """The families without series, so that registering asks nobody."""
        return map(_family, METRICS)


def _family(metric: Metric) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=metric.labels)


def samples(state: ClusterState) -> Iterator[Sample]:
    """Every sample of one cluster."""
    cluster = (state.cluster.name, state.cluster.region, state.cluster.zone)
    yield catalogue.CONTROLPLANE_CLUSTER, (*cluster, state.cluster.provider), 1
    if state.refreshed and state.cluster.endpoints is None:
        yield catalogue.CONTROLPLANE_DISCOVERY_UP, cluster, float(state.failure is None)
        if state.failure is not None:
            yield catalogue.CONTROLPLANE_DISCOVERY_FAILURE, (*cluster, state.failure.reason), 1
    for endpoint, known in state.endpoints.items():
        yield from _endpoint_samples((*cluster, endpoint.url, endpoint.role), known)


def _endpoint_samples(labels: tuple[str, ...], known: EndpointState) -> Iterator[Sample]:
    """Nothing before the first probe has ended: not known is neither up nor down."""
    if known.probe is None:
        return
    failure = known.probe.failure
    yield catalogue.CONTROLPLANE_ENDPOINT_UP, labels, float(failure is None)
    if failure is not None:
        yield catalogue.CONTROLPLANE_ENDPOINT_FAILURE, (*labels, failure.reason), 1
    yield catalogue.CONTROLPLANE_LAST_PROBE, labels, known.probe.ended
    if known.version is not None:
        yield catalogue.CONTROLPLANE_VERSION, (*labels, known.version), 1
    for (path, result), count in known.probes.items():
        yield catalogue.CONTROLPLANE_PROBES, (*labels, path, result), count
    for answer in known.probe.answers:
        yield from _path_samples(labels, answer)


def _path_samples(labels: tuple[str, ...], answer: Health) -> Iterator[Sample]:
    yield catalogue.CONTROLPLANE_HEALTH, (*labels, answer.path), float(answer.failure is None)
    yield catalogue.CONTROLPLANE_PROBE_SECONDS, (*labels, answer.path), answer.seconds
    for check, passed in answer.checks.items():
        yield catalogue.CONTROLPLANE_CHECK, (*labels, answer.path, check), float(passed)
