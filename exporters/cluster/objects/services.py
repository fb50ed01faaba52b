"""Services and their endpoints: which are ready, and the targets for Prometheus in other clusters."""

from collections import Counter
from collections.abc import Iterator
from sys import intern
from typing import NamedTuple

import msgspec

from exporters.cluster.endpoint import host_port
from exporters.cluster.objects.resource import Metadata, Resource, Wire
from exporters.cluster.objects.store import ObjectKey, Store


class _Annotations(Wire, frozen=True):
    scrape: str = msgspec.field(default="", name="prometheus.io/scrape")
    port: str = msgspec.field(default="", name="prometheus.io/port")
    path: str = msgspec.field(default="", name="prometheus.io/path")
    scheme: str = msgspec.field(default="", name="prometheus.io/scheme")


class _ServiceMetadata(Metadata, frozen=True):
    annotations: _Annotations | None = None


class Service(Wire, frozen=True):
    """What is wanted of a Service."""

    metadata: _ServiceMetadata


class _Labels(Wire, frozen=True):
    service: str = msgspec.field(default="", name="kubernetes.io/service-name")


class _SliceMetadata(Metadata, frozen=True):
    labels: _Labels | None = None


class _Conditions(Wire, frozen=True):
    ready: bool | None = None


class _Target(Wire, frozen=True):
    kind: str = ""
    name: str = ""


class _Endpoint(Wire, frozen=True):
    addresses: list[str] | None = None
    conditions: _Conditions = _Conditions()
    node_name: str | None = None
    zone: str | None = None
    target_ref: _Target | None = None


class _Port(Wire, frozen=True):
    name: str | None = None
    port: int | None = None


class EndpointSlice(Wire, frozen=True):
    """What is wanted of an EndpointSlice."""

    metadata: _SliceMetadata
    endpoints: list[_Endpoint] | None = None
    ports: list[_Port] | None = None


SERVICES = Resource("", "services", Service)
ENDPOINT_SLICES = Resource("discovery.k8s.io", "endpointslices", EndpointSlice)


class Scrape(NamedTuple):
    """How a Service's endpoints are to be scraped, as its annotations say."""

    port: str
    """A port's number or name; the only or first one when empty."""
    path: str
    scheme: str


class ReadyEndpoint(NamedTuple):
    """An endpoint that takes requests."""

    address: str
    node: str
    zone: str
    pod: str


class SliceRow(NamedTuple):
    """The ready endpoints of one slice."""

    service: str
    ports: tuple[tuple[str, int], ...]
    """Name and number."""
    ready: tuple[ReadyEndpoint, ...]


class ScrapedServices(Store[Service, Scrape | None]):
    """The Services that ask to be scraped; of all others it is only known that they exist."""

    def read(self, one: Service, before: Scrape | None) -> Scrape | None:  # noqa: ARG002 - nothing depends on the past
        """By the annotations that Prometheus' own examples have made a custom."""
        told = one.metadata.annotations
        if told is None or told.scrape != "true":
            return None
        return Scrape(told.port, told.path or "/metrics", told.scheme or "http")


class EndpointSlices(Store[EndpointSlice, SliceRow]):
    """The ready endpoints of all Services."""

    def read(self, one: EndpointSlice, before: SliceRow | None) -> SliceRow:  # noqa: ARG002 - as above
        """Endpoints that do not say whether they are ready are (its API's documentation)."""
        return SliceRow(
            intern(one.metadata.labels.service if one.metadata.labels else ""),
            tuple((port.name or "", port.port) for port in one.ports or () if port.port is not None),
            tuple(
                _ready(each) for each in one.endpoints or () if each.conditions.ready is not False and each.addresses
            ),
        )

    def ready_counts(self) -> Counter[ObjectKey]:
        """How many endpoints of each Service take requests."""
        counts: Counter[ObjectKey] = Counter()
        for (namespace, _), row in self.rows():
            counts[namespace, row.service] += len(row.ready)
        return counts


class TargetGroup(NamedTuple):
    """As Prometheus' HTTP service discovery has it."""

    targets: list[str]
    labels: dict[str, str]


def target_groups(services: ScrapedServices, slices: EndpointSlices) -> Iterator[TargetGroup]:
    """A group for each ready endpoint of the Services that ask to be scraped."""
    by_service: dict[ObjectKey, list[SliceRow]] = {}
    for (namespace, _), row in slices.rows():
        by_service.setdefault((namespace, row.service), []).append(row)
    for (namespace, name), scrape in services.rows():
        if scrape is None:
            continue
        for row in by_service.get((namespace, name), ()):
            port = _port(row, scrape)
            if port is None:
                continue
            for endpoint in row.ready:
                yield TargetGroup([host_port(endpoint.address, port)], _labels(namespace, name, scrape, endpoint))


def _labels(namespace: str, service: str, scrape: Scrape, endpoint: ReadyEndpoint) -> dict[str, str]:
    return {
        "__metrics_path__": scrape.path,
        "__scheme__": scrape.scheme,
        "namespace": namespace,
        "service": service,
        "pod": endpoint.pod,
        "node": endpoint.node,
        "node_zone": endpoint.zone,
    }


def _port(row: SliceRow, scrape: Scrape) -> int | None:
    """The number to scrape: the annotated port, which a slice need not list, else the first."""
    if scrape.port.isdecimal():
        return int(scrape.port)
    if scrape.port:
        return dict(row.ports).get(scrape.port)
    return row.ports[0][1] if row.ports else None


def _ready(one: _Endpoint) -> ReadyEndpoint:
    pod = one.target_ref.name if one.target_ref is not None and one.target_ref.kind == "Pod" else ""
    return ReadyEndpoint((one.addresses or [""])[0], intern(one.node_name or ""), intern(one.zone or ""), pod)
