"""Alerts to Zabbix: host, discovery, value, in rounds that many notifications share, until each shows in Zabbix.

A value that Zabbix accepts is no problem yet: the trigger of a new item may come into Zabbix' caches after the item,
and a value that came between the two is never judged. So news counts as taken when its trigger shows it, and its value
is sent again until then, which changes nothing for an item that holds a state.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from alerting.zabbix.api import Api
from alerting.zabbix.discovery import DISCOVERY_KEY, Row, alert_key, document
from alerting.zabbix.hosts import Hosts
from alerting.zabbix.metrics import TAKEN
from alerting.zabbix.subject import Subject
from alerting.zabbix.values import Channel, Value
from tapwatch.errors import DeliveryError, DeliveryReason

log = structlog.get_logger()

FIRING, RESOLVED = "1", "0"

RESEND_SECONDS = 3.0
"""Zabbix judges a value within a second or two."""

CHUNK = 1000
"""Items in one question."""

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

    @property
    def value(self) -> str:
        """Its item's value, and its trigger's."""
        return FIRING if self.firing else RESOLVED


@dataclass(eq=False)
class _Pending:
    """News that Zabbix has not taken yet."""

    news: News
    deadline: float
    taken: "asyncio.Future[None]"
    hosts: Sequence[str] = ()
    """Where its item is."""
    discovered: bool = False
    sent_at: float | None = None
    """When Zabbix last accepted its value."""
    refusal: str = "no value was sent yet"


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
            await self._send([one for one in pending.values() if one.discovered and not one.taken.done()])
            await self._check([one for one in pending.values() if one.sent_at is not None and not one.taken.done()])
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
        states = await self._states({one.news.key for one in resolved})
        for one in resolved:
            one.hosts, one.discovered = tuple(host for host, key in states if key == one.news.key), True
            if not one.hosts:
                one.taken.set_result(None)

    async def _states(self, keys: Collection[str]) -> dict[tuple[str, str], str]:
        """Whether the trigger of each item fires, by host and key; empty for an item without a trigger."""
        wanted, states = sorted(keys), {}
        for start in range(0, len(wanted), CHUNK):
            question = {
                "output": ["key_"],
                "filter": {"key_": wanted[start : start + CHUNK]},
                "selectHosts": ["host"],
                "selectTriggers": ["value"],
                "monitored": True,
            }
            for item in await self.api.call("item.get", question):
                values = [trigger["value"] for trigger in item["triggers"]]
                states[item["hosts"][0]["host"], item["key_"]] = values[0] if values else ""
        return states

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

    async def _send(self, pending: Sequence[_Pending]) -> None:
        due = [one for one in pending if one.sent_at is None or self.clock() - one.sent_at >= RESEND_SECONDS]
        sent = [(one, host) for one in due for host in one.hosts]
        if not sent:
            return
        refusals = await self.channel.push([Value(host, one.news.key, one.news.value) for one, host in sent])
        now = self.clock()
        for one in due:
            one.sent_at, one.refusal = now, "it has the value, but its trigger does not show it"
        for (one, _), refusal in zip(sent, refusals, strict=True):
            if refusal is not None:
                one.sent_at, one.refusal = None, refusal

    async def _check(self, pending: Sequence[_Pending]) -> None:
        states = await self._states({one.news.key for one in pending})
        shown = [
            one for one in pending if all(states.get((host, one.news.key)) == one.news.value for host in one.hosts)
        ]
        for one in shown:
            one.taken.set_result(None)
        self.note(TAKEN, len(shown))

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
