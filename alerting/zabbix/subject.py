"""What an alert is about, as a Zabbix host: a dispenser, a node, a cluster, a site, or Tapwatch itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from alerting.zabbix.spelling import LONGEST_TAG, group_name, host_name, plain, visible_name

Kind = Literal["dispenser", "node", "cluster", "site", "stack"]

ROOT_GROUP = "Tapwatch"
MANAGED_TAG = ("managed-by", "tapwatch")
"""What marks a host as ours: `provision` touches no other."""


@dataclass(frozen=True)
class Subject:
    """One host."""

    kind: Kind
    path: tuple[str, ...]
    """Its name, within its cluster where it has one."""
    group: tuple[str, ...]
    """The host group below Tapwatch's, by site or cluster."""
    tags: tuple[tuple[str, str], ...] = ()
    location: str = ""

    @property
    def host(self) -> str:
        """The technical name."""
        return host_name("tapwatch", self.kind, *self.path)

    @property
    def name(self) -> str:
        """The name that people see."""
        name, *within = reversed(self.path)
        return visible_name(" of ".join([f"{self.kind.capitalize()} {name}", *within]))

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of its host groups."""
        return (group_name(ROOT_GROUP, *self.group),)

    @property
    def all_tags(self) -> tuple[tuple[str, str], ...]:
        """Sorted, as Zabbix holds them."""
        named = [(name, plain(value, LONGEST_TAG)) for name, value in self.tags if value]
        return tuple(sorted([MANAGED_TAG, ("kind", self.kind), *named]))


STACK = Subject("stack", ("tapwatch",), ())
"""Tapwatch itself, and whatever is about nothing that has a host."""


def dispenser(labels: Mapping[str, str]) -> Subject:
    """A dispenser by the labels of its inventory."""
    names = ("dispenser", "site", "building", "floor")
    tags = tuple((name, labels[name]) for name in names if labels.get(name))
    place = [labels.get("site", ""), labels.get("building", "")]
    if floor := labels.get("floor"):
        place.append(f"floor {floor}")
    site = labels.get("site")
    return Subject("dispenser", (labels["dispenser"],), ("sites", site) if site else (), tags, _joined(place))


def cluster(name: str, location: str = "") -> Subject:
    """A cluster."""
    return Subject("cluster", (name,), ("clusters", name), (("cluster", name),), location)


def node(cluster_name: str, name: str, location: str = "") -> Subject:
    """A node of a cluster."""
    tags = (("cluster", cluster_name), ("node", name))
    return Subject("node", (cluster_name, name), ("clusters", cluster_name), tags, location)


def site(name: str) -> Subject:
    """A site, for what concerns more than one dispenser."""
    return Subject("site", (name,), ("sites", name), (("site", name),), name)


def of_labels(labels: Mapping[str, str]) -> Subject:
    """The smallest thing that an alert's labels name."""
    if labels.get("dispenser"):
        return dispenser(labels)
    name = labels.get("cluster")
    if name and labels.get("node"):
        return node(name, labels["node"])
    if name:
        return cluster(name)
    if labels.get("site"):
        return site(labels["site"])
    return STACK


def _joined(parts: list[str]) -> str:
    return plain(", ".join(part for part in parts if part), 255)
