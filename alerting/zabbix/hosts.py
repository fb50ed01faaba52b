"""Zabbix hosts of the things that alerts are about, made when the first alert comes."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import structlog

from alerting.zabbix.api import Api
from alerting.zabbix.subject import ROOT_GROUP, STACK, Subject
from tapwatch.errors import DeliveryError, DeliveryReason

log = structlog.get_logger()

ALERTS_TEMPLATE = "Tapwatch alerts"
"""The template that every host is linked to; `provision` makes it."""

CHUNK = 100
"""Hosts in one request: each copies the template's rules, which takes Zabbix some 30 ms."""

ENABLED = "0"


def host_fields(subject: Subject, template_id: str, group_ids: Iterable[str]) -> dict[str, Any]:
    """A host as host.create takes it."""
    return {
        "host": subject.host,
        "name": subject.name,
        "groups": [{"groupid": group_id} for group_id in group_ids],
        "templates": [{"templateid": template_id}],
        "tags": [{"tag": tag, "value": value} for tag, value in subject.all_tags],
        "inventory_mode": 0,
        "inventory": {"type": subject.kind, "location": subject.location},
    }


class Hosts:
    """Which hosts take values; asks Zabbix once for each."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, bool] = {}
        """By technical name, whether it is enabled."""
        self._making = asyncio.Lock()

    async def ensure(self, subjects: Collection[Subject]) -> Mapping[Subject, str]:
        """The technical name of the host that stands for each subject; missing hosts are made.

        A host that was disabled, or that Zabbix refuses, takes no values: what is about it goes to Tapwatch's own host.
        Raises DeliveryError.
        """
        async with self._making:
            await self._learn({*subjects, STACK})
        return {one: one.host if self._known[one.host] else STACK.host for one in subjects}

    def forget(self, hosts: Iterable[str]) -> None:
        """Ask for them again: somebody may have removed or disabled them."""
        for host in hosts:
            self._known.pop(host, None)

    async def _learn(self, subjects: Iterable[Subject]) -> None:
        missing = await self._ask({one.host: one for one in subjects if one.host not in self._known})
        for start in range(0, len(missing), CHUNK):
            await self._make(missing[start : start + CHUNK])

    async def _ask(self, unknown: Mapping[str, Subject]) -> list[Subject]:
        """Note which of these Zabbix has; the others are given back."""
        if not unknown:
            return []
        question = {"output": ["host", "status"], "filter": {"host": list(unknown)}}
        found = {one["host"]: one["status"] == ENABLED for one in await self._api.call("host.get", question)}
        self._known |= found
        return [one for name, one in unknown.items() if name not in found]

    async def _make(self, subjects: Sequence[Subject]) -> None:
        """A host that Zabbix refuses must not hold up the others, nor what it is about: Tapwatch's own takes that."""
        try:
            await self._create(subjects)
        except DeliveryError as error:
            if error.reason is not DeliveryReason.BAD_MESSAGE:
                raise
            missing = await self._ask({one.host: one for one in subjects})  # another bridge may have made it meanwhile
            if len(missing) > 1:
                for one in missing:
                    await self._make([one])
            elif missing and missing[0] != STACK:
                log.warning("host.refused", host=missing[0].host, error=str(error))
                self._known[missing[0].host] = False
            elif missing:
                raise

    async def _create(self, subjects: Sequence[Subject]) -> None:
        template_id = await self._template_id()
        groups = await self._group_ids({group for one in subjects for group in one.groups})
        fields = [host_fields(one, template_id, {groups[group] for group in one.groups}) for one in subjects]
        await self._api.call("host.create", fields)
        self._known |= {one.host: True for one in subjects}

    async def _template_id(self) -> str:
        found = await self._api.call("template.get", {"output": ["templateid"], "filter": {"host": ALERTS_TEMPLATE}})
        if not found:
            raise DeliveryError(
                DeliveryReason.FORBIDDEN,
                f"Zabbix has no template {ALERTS_TEMPLATE!r} that this account may read: run tapwatch zabbix provision",
                retryable=True,
            )
        return str(found[0]["templateid"])

    async def _group_ids(self, names: Collection[str]) -> Mapping[str, str]:
        """Only a super administrator makes groups: for an account without that right the root group stands in."""
        wanted = [*names, ROOT_GROUP]
        found = await self._api.call("hostgroup.get", {"output": ["groupid", "name"], "filter": {"name": wanted}})
        ids = {one["name"]: str(one["groupid"]) for one in found}
        missing = [name for name in dict.fromkeys(wanted) if name not in ids]
        if missing:
            try:
                made = await self._api.call("hostgroup.create", [{"name": name} for name in missing])
            except DeliveryError as error:
                if error.reason is not DeliveryReason.FORBIDDEN or ROOT_GROUP not in ids:
                    raise
                return {name: ids.get(name, ids[ROOT_GROUP]) for name in names}
            ids |= dict(zip(missing, map(str, made["groupids"]), strict=True))
        return ids
