"""The cluster exporter's settings: which clusters to watch, how often, how patiently."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, Field, model_validator

from exporters.cluster.endpoint import ServerUrl, replica_url
from exporters.cluster.kubeconfig import ExistingFile, Target, is_there, read_target
from tapwatch.errors import ConfigError, Fault, Faults
from tapwatch.settings import RelativePath, Seconds, Settings, read_document, validate

IN_POD = "in-cluster"
"""The name of a cluster that is watched from one of its own pods, unless the settings name it."""

Item = TypeVar("Item")

Text = Annotated[str, Field(min_length=1, max_length=200)]
Positive = Annotated[Seconds, Field(gt=0)]
Part = Literal["write", "leaders", "nodes", "kubelets", "components", "services", "pods", "workloads"]
"""What can be left out; probes of endpoints cannot."""
EVERY_PART: tuple[Part, ...] = get_args(Part)

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def _not_empty(values: tuple[Item, ...]) -> tuple[Item, ...]:
    if not values:
        raise ValueError("must name at least one")
    return values


class EtcdSettings(Settings):
    """The members of a cluster's etcd, and the client certificate that they take."""

    endpoints: Annotated[tuple[ServerUrl, ...], AfterValidator(_not_empty)]
    ca_file: ExistingFile | None = None
    certificate_file: ExistingFile | None = None
    key_file: ExistingFile | None = None

    @model_validator(mode="after")
    def _a_certificate_has_a_key(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file must be given together")
        return self


class ClusterSettings(Settings):
    """One cluster, found by a kubeconfig or by its server."""

    name: Text
    kubeconfig: RelativePath | None = None
    """Else the kubeconfig that kubectl would use, else the cluster that this pod runs in."""
    context: Text | None = None
    """Else the current one."""
    server: ServerUrl | None = None
    """The address that users use; in place of a kubeconfig."""
    token_file: ExistingFile | None = None
    ca_file: ExistingFile | None = None
    """The authority of the servers' certificates; else those that this machine trusts."""
    tls_server_name: Text | None = None
    endpoints: Annotated[tuple[ServerUrl, ...], AfterValidator(_not_empty)] | None = None
    """The replicas; else they are discovered."""
    endpoints_dns: ServerUrl | None = None
    """The replicas are at the addresses that this URL's name has in DNS."""
    etcd: EtcdSettings | None = None
    region: str = ""
    zone: str = ""
    provider: str = ""

    @model_validator(mode="after")
    def _found_in_one_way(self) -> Self:
        if self.server is not None and (self.kubeconfig is not None or self.context is not None):
            raise ValueError("server stands in place of kubeconfig and context: give one or the other")
        beside = [name for name in ("token_file", "ca_file", "tls_server_name") if getattr(self, name) is not None]
        if self.server is None and beside:
            raise ValueError(f"{beside[0]} belongs to server, which is missing; a kubeconfig has its own")
        if self.endpoints is not None and self.endpoints_dns is not None:
            raise ValueError("give endpoints or endpoints_dns, not both")
        return self


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

    write_interval: Positive = 15.0
    """From one write through an endpoint to the next."""


class Watching(Settings):
    """What is looked at behind the endpoints, and how closely."""

    parts: tuple[Part, ...] = EVERY_PART
    system_namespaces: tuple[Text, ...] = ("kube-system",)
    """Where every pod has to be ready."""
    rollout_deadline: Positive = 600.0
    """How long a rollout may stand still before it counts as stuck."""
    kubelet_interval: Positive = 60.0
    """How often each kubelet is asked for its numbers, unless that would be too many a second."""
    kubelets_per_second: Annotated[float, Field(gt=0, le=100)] = 2.0
    lease_namespace: Text = "tapwatch"
    """Where the Lease of the write path is."""

    @model_validator(mode="after")
    def _kubelets_are_those_of_nodes(self) -> Self:
        if "kubelets" in self.parts and "nodes" not in self.parts:
            raise ValueError("the part kubelets needs the part nodes, which says whom to ask")
        return self


class ExporterSettings(Timing, Watching):
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
    endpoints_dns: str | None = None
    etcd: EtcdSettings | None = None

    @property
    def labels(self) -> tuple[str, str, str]:
        """The values that every series starts with."""
        return self.name, self.region, self.zone


@dataclass(frozen=True)
class Plan:
    """All that the exporter is told."""

    clusters: tuple[Cluster, ...]
    timing: Timing
    watching: Watching


def load_plan(file: Path, environment: Mapping[str, str]) -> Plan:
    """Read the settings file and the kubeconfig files that it names; raises ConfigError with every fault of all."""
    document = read_document(file)
    settings = validate(document, ExporterSettings, file.parent)
    faults = Faults()
    clusters: list[Cluster] = []
    for index, one in enumerate(settings.clusters):
        with faults.collect():
            target = _named_target(one) or find_target(one.kubeconfig, one.context, environment)
            if target is None:
                raise ConfigError([document.fault(("clusters", index, "kubeconfig"), _missing(one.kubeconfig))])
            clusters.append(
                Cluster(
                    one.name, target, one.endpoints, one.region, one.zone, one.provider, one.endpoints_dns, one.etcd
                )
            )
    faults.raise_if_any()
    timing = Timing.model_construct(**settings.model_dump(include=set(Timing.model_fields)))
    watching = Watching.model_construct(**settings.model_dump(include=set(Watching.model_fields)))
    return Plan(tuple(clusters), timing, watching)


def _named_target(one: ClusterSettings) -> Target | None:
    """The cluster by its server; None when a kubeconfig leads to it."""
    if one.server is None:
        return None
    return Target(
        (),
        one.name,
        one.name,
        one.server,
        token_file=one.token_file,
        ca_file=one.ca_file,
        server_name=one.tls_server_name,
    )


def default_plan(
    kubeconfig: Path | None, environment: Mapping[str, str], service_account: Path = _SERVICE_ACCOUNT
) -> Plan:
    """Without a settings file: the current context of `kubeconfig`, of kubectl's own, or the pod's cluster.

    Raises ConfigError with what to do.
    """
    target = find_target(kubeconfig, None, environment, service_account)
    if target is None:
        file = kubeconfig or default_kubeconfig(environment)[0]
        advice = "name a kubeconfig with --kubeconfig or in KUBECONFIG, or clusters with --config.file"
        raise ConfigError([Fault(str(file), None, "", f"does not exist; {advice}")])
    return Plan((Cluster(target.cluster, target),), Timing(), Watching())


def find_target(
    kubeconfig: Path | None,
    context: str | None,
    environment: Mapping[str, str],
    service_account: Path = _SERVICE_ACCOUNT,
) -> Target | None:
    """The cluster that a kubeconfig leads to, else kubectl's own, else the pod's; None when there is none of them.

    Raises ConfigError. In a pod the environment says where the API server is, and files in `service_account` with
    which rights (Kubernetes' documentation, "Accessing the Kubernetes API from a Pod").
    """
    files = default_kubeconfig(environment) if kubeconfig is None else (kubeconfig,)
    if any(is_there(file) for file in files):
        return read_target(files, context)
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
    if kubeconfig is None and host and port.isdecimal():
        token, authority = service_account / "token", service_account / "ca.crt"
        return Target((), IN_POD, IN_POD, replica_url(host, int(port)), token_file=token, ca_file=authority)
    return None


def default_kubeconfig(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that kubectl would read: those in KUBECONFIG, else ~/.kube/config."""
    named = [Path(part).expanduser() for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    return tuple(named) or (Path("~/.kube/config").expanduser(),)


def _missing(kubeconfig: Path | None) -> str:
    if kubeconfig is not None:
        return f"there is no file {kubeconfig}"
    return "is missing; kubectl has no kubeconfig of its own here, and this is no pod"
