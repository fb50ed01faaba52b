"""Hosts of the inventory: made, kept true, and disabled when what they stand for has left."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alerting.zabbix.api import Api, Version
from alerting.zabbix.hosts import ALERTS_TEMPLATE, CHUNK, ENABLED, host_fields
from alerting.zabbix.provision.change import Change, Plan, differing
from alerting.zabbix.provision.template import BRIDGE_TEMPLATE
from alerting.zabbix.settings import ZabbixSettings
from alerting.zabbix.subject import MANAGED_TAG, ROOT_GROUP, STACK, Subject, cluster, dispenser, node, site
from exporters.dispenser.inventory import Inventory, load_inventory

LEFT_TAG = {"tag": "tapwatch-left", "value": "inventory"}
"""On hosts that we disabled: a host that a person disabled stays so."""


def load_subjects(settings: ZabbixSettings) -> dict[str, Subject]:
    """Every host that the settings name, by technical name. Raises ConfigError with every fault of the inventory."""
    inventory = load_inventory(settings.inventory, None) if settings.inventory else Inventory.of([])
    found = [STACK, *(site(name) for name in sorted({one.site for one in inventory.dispensers}))]
    found += [dispenser(one.labels) for one in inventory.dispensers]
    for name, one in settings.clusters.items():
        found.append(cluster(name, one.location))
        found += [node(name, node_name, one.location) for node_name in one.nodes]
    return {one.host: one for one in found}


def plan_groups(api: Api, subjects: Mapping[str, Subject]) -> Plan:
    """Host groups that are missing."""
    wanted = sorted({ROOT_GROUP, *(group for one in subjects.values() for group in one.groups)})
    found = api.call_now("hostgroup.get", {"output": ["groupid", "name"], "filter": {"name": wanted}})
    missing = sorted(set(wanted) - {one["name"] for one in found})
    if missing:
        make = [{"name": name} for name in missing]
        yield Change("create", "host group", tuple(missing), lambda: api.call_now("hostgroup.create", make))


def plan_hosts(api: Api, version: Version, subjects: Mapping[str, Subject]) -> Plan:
    """Hosts that are missing, differ, or have left."""
    found = _hosts(api, version)
    missing = [one for name, one in subjects.items() if name not in found]
    for start in range(0, len(missing), CHUNK):
        yield _create(api, missing[start : start + CHUNK])
    yield from _update(api, subjects, found)
    left = [host for name, host in found.items() if _has_left(name, host, subjects)]
    if left:
        gone = [{"hostid": one["hostid"], "status": 1, "tags": [*one["tags"], LEFT_TAG]} for one in left]
        yield Change("disable", "host", _names(left), lambda: api.call_now("host.update", gone))


def _hosts(api: Api, version: Version) -> dict[str, dict[str, Any]]:
    """Every host that is ours, by technical name."""
    groups = "selectHostGroups" if version >= (6, 2) else "selectGroups"
    question = {
        "output": ["hostid", "host", "name", "status"],
        "selectTags": ["tag", "value"],
        "selectInventory": ["type", "location"],
        "selectParentTemplates": ["templateid", "host"],
        groups: ["groupid", "name"],
        "tags": [{"tag": MANAGED_TAG[0], "value": MANAGED_TAG[1], "operator": 1}],
    }
    return {one["host"]: one for one in api.call_now("host.get", question)}


def _create(api: Api, subjects: Sequence[Subject]) -> Change:
    def apply() -> None:
        ids = _Ids(api, subjects)
        api.call_now("host.create", [ids.host(one) for one in subjects])

    return Change("create", "host", tuple(one.host for one in subjects), apply)


class _Ids:
    """What names stand for, asked when the change is made: by then all of it exists."""

    def __init__(self, api: Api, subjects: Sequence[Subject]) -> None:
        names = sorted({group for one in subjects for group in one.groups})
        groups = api.call_now("hostgroup.get", {"output": ["groupid", "name"], "filter": {"name": names}})
        self._groups = {one["name"]: one["groupid"] for one in groups}
        wanted = {"output": ["templateid", "host"], "filter": {"host": [ALERTS_TEMPLATE, BRIDGE_TEMPLATE]}}
        self._templates = {one["host"]: one["templateid"] for one in api.call_now("template.get", wanted)}

    def host(self, subject: Subject) -> dict[str, Any]:
        fields = host_fields(subject, self._templates[ALERTS_TEMPLATE], (self._groups[name] for name in subject.groups))
        if subject == STACK:
            fields["templates"].append({"templateid": self._templates[BRIDGE_TEMPLATE]})
        return fields


def _update(api: Api, subjects: Mapping[str, Subject], found: Mapping[str, Mapping[str, Any]]) -> Iterator[Change]:
    differences = {
        name: fields
        for name, host in found.items()
        if name in subjects and (fields := differing(_seen(host), _seen_wanted(subjects[name], host)))
    }
    names = list(differences)
    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        fields = sorted({field for name in chunk for field in differences[name]})
        yield Change(
            "update", "host", tuple(chunk), _updater(api, [(subjects[n], found[n]) for n in chunk]), ", ".join(fields)
        )


def _updater(api: Api, pairs: Sequence[tuple[Subject, Mapping[str, Any]]]) -> Any:  # noqa: ANN401 - a change's call
    def apply() -> None:
        ids = _Ids(api, [subject for subject, _ in pairs])
        updates = []
        for subject, host in pairs:
            fields = ids.host(subject)
            linked = {one["templateid"] for one in [*host["parentTemplates"], *fields["templates"]]}
            groups = {one["groupid"] for one in [*_groups(host), *fields["groups"]]}
            fields |= {
                "hostid": host["hostid"],
                "templates": [{"templateid": one} for one in sorted(linked)],
                "groups": [{"groupid": one} for one in sorted(groups)],
            }
            if LEFT_TAG in host["tags"]:
                fields["status"] = ENABLED
            updates.append(fields)
        api.call_now("host.update", updates)

    return apply


def _groups(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(host.get("hostgroups", host.get("groups", [])))


def _seen(host: Mapping[str, Any]) -> dict[str, Any]:
    inventory = host["inventory"] or {}
    return {**host, "location": inventory.get("location", ""), "type": inventory.get("type", "")}


def _seen_wanted(subject: Subject, host: Mapping[str, Any]) -> dict[str, Any]:
    """What must hold; a person may link further templates and groups."""
    wanted: dict[str, Any] = {
        "name": subject.name,
        "tags": [{"tag": tag, "value": value} for tag, value in subject.all_tags],
        "location": subject.location,
        "type": subject.kind,
    }
    templates = {ALERTS_TEMPLATE, BRIDGE_TEMPLATE} if subject == STACK else {ALERTS_TEMPLATE}
    if not templates <= {one["host"] for one in host["parentTemplates"]}:
        wanted["templates"] = sorted(templates)
    if not set(subject.groups) <= {one["name"] for one in _groups(host)}:
        wanted["groups"] = list(subject.groups)
    return wanted


def _has_left(name: str, host: Mapping[str, Any], subjects: Mapping[str, Subject]) -> bool:
    """A dispenser that the inventory does not name, or a node of a cluster whose nodes the settings name."""
    if name in subjects or host["status"] != ENABLED:
        return False
    tags = {one["tag"]: one["value"] for one in host["tags"]}
    if tags.get("kind") == "dispenser":
        return any(one.kind == "dispenser" for one in subjects.values())
    nodes_of = {one.path[0] for one in subjects.values() if one.kind == "node"}
    return tags.get("kind") == "node" and tags.get("cluster") in nodes_of


def _names(hosts: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(one["host"] for one in hosts)
