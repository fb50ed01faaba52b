"""Alerts to Zabbix: host, discovery, value, in rounds that many notifications share, until Zabbix has taken each."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from alerting.zabbix.api import Api
from alerting.zabbix.discovery import DISCOVERY_KEY, Row, alert_key, document
from alerting.zabbix.hosts import Hosts
from alerting.zabbix.subject import Subject
from alerting.zabbix.values import Channel, Value
from tapwatch.errors import DeliveryError, DeliveryReason

log = structlog.get_logger()

FIRING, RESOLVED = "1", "0"

PAUSE_SECONDS = 0.5
"""Between two tries: a new item takes values when Zabbix has processed the discovery and its caches are in step."""


@dataclass(frozen=True)
class News:
    """The state of one alert instance."""

    fingerprint: str
    firing: bool
    subject: Subject
    row: Row

    @property
    def key(self) -> str:
        """Its item's key."""
        return alert_key(self.fingerprint)


@dataclass(eq=False)
class _Pending:
    """News that Zabbix has not taken yet."""

    news: News
    deadline: float
    taken: "asyncio.Future[None]"
    hosts: Sequence[str] = ()
    """Where its item is."""
    discovered: bool = False
    refusal: str = ""


@dataclass
class Delivery:
    """The way of news to Zabbix. `run` works while it lasts."""

    api: Api
    hosts: Hosts
    channel: Channel
    patience: float
    clock: Callable[[], float]
    note: Callable[[str, int], None]
    """Told how many values had which result."""
    _backlog: list[_Pending] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, news: Iterable[News]) -> None:
        """Return when Zabbix has taken all of it; raises DeliveryError with what became of the rest."""
        loop = asyncio.get_running_loop()
        deadline = self.clock() + self.patience
        mine = [_Pending(one, deadline, loop.create_future()) for one in news]
        self._backlog += mine
        self._wake.set()
        outcomes = await asyncio.gather(*(one.taken for one in mine), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if not failures:
            return
        first = failures[0]
        if not isinstance(first, DeliveryError):
            raise DeliveryError(DeliveryReason.DISCONNECT, "the bridge's delivery was stopped", retryable=True)
        text = f"{len(failures)} of {len(mine)} alerts: {first}"
        raise DeliveryError(first.reason, text, retryable=True) from first

    async def run(self) -> None:
        """Work for ever; whoever waits gets an answer even when this ends."""
        pending: dict[str, _Pending] = {}
        try:
            while True:
                if not pending:
                    await self._wake.wait()
                self._take_up(pending)
                await self._round(pending)
                if pending and not self._backlog:
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            for one in [*pending.values(), *self._backlog]:
                one.taken.cancel()

    def _take_up(self, pending: dict[str, _Pending]) -> None:
        """One state of an alert at a time, in the order of their coming."""
        self._wake.clear()
        waiting = [one for one in self._backlog if pending.setdefault(one.news.fingerprint, one) is not one]
        self._backlog = waiting
        if waiting:
            self._wake.set()

    async def _round(self, pending: dict[str, _Pending]) -> None:
        try:
            await self._locate([one for one in pending.values() if not one.hosts])
            await self._discover([one for one in pending.values() if one.news.firing and not one.discovered])
            await self._push([one for one in pending.values() if one.discovered])
        except DeliveryError as error:
            self.note(error.reason, len(pending))
            for one in pending.values():
                if not one.taken.done():
                    one.taken.set_exception(error)
        self._give_up(pending.values())
        for fingerprint in [fingerprint for fingerprint, one in pending.items() if one.taken.done()]:
            del pending[fingerprint]

    async def _locate(self, pending: Sequence[_Pending]) -> None:
        """Where each item is, or is to be; what is resolved and has no item has nothing to recover."""
        firing = [one for one in pending if one.news.firing]
        names = await self.hosts.ensure({one.news.subject for one in firing}) if firing else {}
        for one in firing:
            one.hosts = (names[one.news.subject],)
        resolved = [one for one in pending if not one.news.firing]
        items = await self._items({one.news.key for one in resolved}) if resolved else {}
        for one in resolved:
            one.hosts, one.discovered = items.get(one.news.key, ()), True
            if not one.hosts:
                one.taken.set_result(None)

    async def _items(self, keys: set[str]) -> dict[str, tuple[str, ...]]:
        """The hosts that have an item of each key."""
        question = {"output": ["key_"], "selectHosts": ["host"], "filter": {"key_": sorted(keys)}, "monitored": True}
        found: dict[str, tuple[str, ...]] = {}
        for item in await self.api.call("item.get", question):
            found[item["key_"]] = (*found.get(item["key_"], ()), item["hosts"][0]["host"])
        return found

    async def _discover(self, pending: Sequence[_Pending]) -> None:
        by_host: dict[str, list[_Pending]] = {}
        for one in pending:
            by_host.setdefault(one.hosts[0], []).append(one)
        values = [
            Value(host, DISCOVERY_KEY, document(one.news.row for one in group)) for host, group in by_host.items()
        ]
        if not values:
            return
        for group, refusal in zip(by_host.values(), await self.channel.push(values), strict=True):
            for one in group:
                one.discovered, one.refusal = refusal is None, refusal or ""

    async def _push(self, pending: Sequence[_Pending]) -> None:
        sent = [(one, host) for one in pending if not one.taken.done() for host in one.hosts]
        if not sent:
            return
        values = [Value(host, one.news.key, FIRING if one.news.firing else RESOLVED) for one, host in sent]
        refused: dict[_Pending, str] = {}
        for (one, _), refusal in zip(sent, await self.channel.push(values), strict=True):
            if refusal is not None:
                refused[one] = refusal
        for one in {one for one, _ in sent}:
            one.refusal = refused.get(one, "")
            if one not in refused:
                one.taken.set_result(None)
        taken = {one for one, _ in sent} - set(refused)
        self.note("taken", len(taken))

    def _give_up(self, pending: Iterable[_Pending]) -> None:
        now = self.clock()
        late = [one for one in pending if not one.taken.done() and one.deadline <= now]
        for one in late:
            host = ", ".join(one.hosts)
            text = f"Zabbix did not take {one.news.key} of host {host!r} in {self.patience:g} s: {one.refusal}"
            one.taken.set_exception(DeliveryError(DeliveryReason.NOT_TAKEN, text, retryable=True))
        if late:
            self.note(DeliveryReason.NOT_TAKEN, len(late))
            self.hosts.forget(host for one in late for host in one.hosts)
