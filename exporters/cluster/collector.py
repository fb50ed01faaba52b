"""What is known of the clusters as Prometheus' metrics, written when a scrape asks."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from exporters.cluster.sample import Sample
from exporters.cluster.settings import Cluster
from tapwatch.catalogue import CATALOGUE, Metric

METRICS = tuple(metric for metric in CATALOGUE.values() if metric.name.startswith("controlplane_"))


class ClusterCollector(Collector):
    """Collects the samples of the clusters that `read` returns."""

    def __init__(self, read: Callable[[], Iterable[tuple[Cluster, Iterable[Sample]]]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Family]:
        """One family for each metric, empty ones too."""
        families = {metric.name: _family(metric) for metric in METRICS}
        for cluster, samples in self._read():
            for metric, labels, value in samples:
                families[metric.name].add_metric((*cluster.labels, *labels), value)
        yield from families.values()

    def describe(self) -> Iterator[Family]:
        """The families without series, so that registering asks nobody."""
        return map(_family, METRICS)


def _family(metric: Metric) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=metric.labels)
