"""The cluster exporter's settings: which clusters to watch, how often, how patiently."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from exporters.cluster.endpoint import ServerUrl, replica_url
from exporters.cluster.kubeconfig import Target, read_target
from tapwatch.errors import ConfigError, Fault, Faults
from tapwatch.settings import RelativePath, Seconds, Settings, read_document, validate

IN_POD = "in-cluster"
"""The name of a cluster that is watched from one of its own pods, unless the settings name it."""

Item = TypeVar("Item")

Text = Annotated[str, Field(min_length=1, max_length=200)]
Positive = Annotated[Seconds, Field(gt=0)]


def _not_empty(values: tuple[Item, ...]) -> tuple[Item, ...]:
    if not values:
        raise ValueError("must name at least one")
    return values


class ClusterSettings(Settings):
    """One cluster."""

    name: Text
    kubeconfig: RelativePath | None = None
    """Else the kubeconfig that kubectl would use, else the cluster that this pod runs in."""
    context: Text | None = None
    """Else the current one."""
    endpoints: Annotated[tuple[ServerUrl, ...], AfterValidator(_not_empty)] | None = None
    """The replicas; else they are discovered."""
    region: str = ""
    zone: str = ""
    provider: str = ""


class Timing(Settings):
    """How often and how patiently, in seconds."""

    interval: Positive = 5.0
    """From the start of one probe of an endpoint to the start of its next."""
    connect_timeout: Positive = 1.0
    """For the name, the connection and TLS together: a healthy server needs milliseconds, a hung one never ends."""
    timeout: Positive = 4.0
    """For a request as a whole; API servers answer health checks in milliseconds, but wait for a slow etcd."""
    refresh: Positive = 30.0
    """How often credentials are read and replicas are listed again."""
    forget_after: Positive = 3600.0
    """How long a replica is probed, and reported, after it left the list: a dead one leaves within seconds."""


class ExporterSettings(Timing):
    """The settings file."""

    clusters: Annotated[tuple[ClusterSettings, ...], AfterValidator(_not_empty)]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [cluster.name for cluster in self.clusters]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"several clusters are named {', '.join(map(repr, twice))}")
        return self


@dataclass(frozen=True)
class Cluster:
    """One cluster to watch, and what its series are labelled with."""

    name: str
    target: Target
    endpoints: tuple[str, ...] | None = None
    """The replicas' URLs; None to discover them."""
    region: str = ""
    zone: str = ""
    provider: str = ""


@dataclass(frozen=True)
class Plan:
    """All that the exporter is told."""

    clusters: tuple[Cluster, ...]
    timing: Timing


def load_plan(file: Path, environment: Mapping[str, str]) -> Plan:
    """Read the settings file and the kubeconfig files that it names; raises ConfigError with every fault of all."""
    document = read_document(file)
    settings = validate(document, ExporterSettings, file.parent)
    faults = Faults()
    clusters: list[Cluster] = []
    for index, one in enumerate(settings.clusters):
        with faults.collect():
            target = find_target(one.kubeconfig, one.context, environment)
            if target is None:
                raise ConfigError([document.fault(("clusters", index, "kubeconfig"), _missing(one.kubeconfig))])
            clusters.append(Cluster(one.name, target, one.endpoints, one.region, one.zone, one.provider))
    faults.raise_if_any()
    timing = Timing.model_construct(**settings.model_dump(include=set(Timing.model_fields)))
    return Plan(tuple(clusters), timing)


def default_plan(kubeconfig: Path | None, environment: Mapping[str, str]) -> Plan:
    """Without a settings file: the current context of `kubeconfig`, of kubectl's own, or the pod's cluster.

    Raises ConfigError with what to do.
    """
    target = find_target(kubeconfig, None, environment)
    if target is None:
        file = kubeconfig or default_kubeconfig(environment)[0]
        advice = "name a kubeconfig with --kubeconfig or in KUBECONFIG, or clusters with --config.file"
        raise ConfigError([Fault(str(file), None, "", f"does not exist; {advice}")])
    return Plan((Cluster(target.cluster, target),), Timing())


def find_target(kubeconfig: Path | None, context: str | None, environment: Mapping[str, str]) -> Target | None:
    """The cluster that a kubeconfig leads to, else kubectl's own, else the pod's; None when there is none of them.

    Raises ConfigError. In a pod the environment says where the API server is (Kubernetes' documentation, "Accessing
    the Kubernetes API from a Pod").
    """
    files = default_kubeconfig(environment) if kubeconfig is None else (kubeconfig,)
    if any(file.exists() for file in files):
        return read_target(files, context)
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
    if kubeconfig is None and host and port.isdecimal():
        return Target((), IN_POD, IN_POD, replica_url(host, int(port)))
    return None


def default_kubeconfig(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that kubectl would read: those in KUBECONFIG, else ~/.kube/config."""
    named = [Path(part).expanduser() for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return tuple(named) or (Path("~/.kube/config").expanduser(),)


def _missing(kubeconfig: Path | None) -> str:
    if kubeconfig is not None:
        return f"there is no file {kubeconfig}"
    return "is missing; kubectl has no kubeconfig of its own here, and this is no pod"
