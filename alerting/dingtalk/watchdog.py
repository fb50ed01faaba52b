"""The dead man's switch: alerts that fire always must keep coming, and when one stops, the bridge itself says so."""

import asyncio
import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.metrics import WatchdogMetrics
from alerting.dingtalk.notice import Notice, write_notice
from alerting.dingtalk.reception import Reception
from alerting.dingtalk.settings import WatchdogSettings
from alerting.dingtalk.store import heartbeat
from alerting.dingtalk.store.heartbeat import Beat
from tapwatch.errors import StoreError

log = structlog.get_logger()

ROUND_SECONDS = 1.0


@dataclass(frozen=True)
class Change:
    """What is to be said of a watchdog."""

    since: float
    """When it was heard last before it fell silent."""
    back_at: float | None
    """When it was heard again; None while it is silent."""


def judge(beat: Beat, started_at: float, now: float, within: float) -> Change | None:
    """What has changed, if anything. Nothing could be heard before this process started."""
    if beat.silent_since is None:
        return Change(beat.heard_at, None) if now - max(beat.heard_at, started_at) > within else None
    return Change(beat.silent_since, beat.heard_at) if beat.heard_at > beat.silent_since else None


class Watch:
    """Listens for the watchdogs. Replicas share what they hear through the store."""

    def __init__(self, reception: Reception, clocks: Clocks, metrics: WatchdogMetrics) -> None:
        self._reception = reception
        self._clocks = clocks
        self._metrics = metrics
        self._watchdogs: Mapping[str, WatchdogSettings] = {}
        self._beats: dict[str, Beat] = {}
        self._started: dict[str, float] = {}

    def use(self, watchdogs: Mapping[str, WatchdogSettings]) -> None:
        """From now on expect these."""
        now = self._clocks.unix()
        self._watchdogs = watchdogs
        for name in watchdogs:
            self._beats.setdefault(name, Beat(now, None))
            self._started.setdefault(name, now)

    def hear(self, name: str) -> None:
        """The watchdog's alert has come."""
        self._beats[name] = replace(self._beats[name], heard_at=self._clocks.unix())

    async def run(self) -> None:
        """Look after them until cancelled."""
        while True:
            for name, settings in self._watchdogs.items():
                await self._look(name, settings)
            await asyncio.sleep(ROUND_SECONDS)

    async def _look(self, name: str, settings: WatchdogSettings) -> None:
        beat = await self._share(name, self._beats[name])
        change = judge(beat, self._started[name], self._clocks.unix(), settings.within)
        if change is not None and await self._announce(name, settings, change):
            silent_since = change.since if change.back_at is None else None
            beat = await self._share(name, replace(beat, silent_since=silent_since), said=True)
            log.warning("watchdog.silent" if silent_since else "watchdog.back", watchdog=name)
        self._beats[name] = replace(beat, heard_at=max(beat.heard_at, self._beats[name].heard_at))
        self._metrics.show(name, beat.heard_at, silent=beat.silent_since is not None)

    async def _share(self, name: str, beat: Beat, *, said: bool = False) -> Beat:
        """What all replicas together have heard and said; what this one has when the store is out of order."""
        if self._reception.outbox is None:
            return beat
        try:
            return await self._reception.outbox.database.run(
                lambda store: heartbeat.share(store, name, beat, said=said)
            )
        except StoreError:
            return beat

    async def _announce(self, name: str, settings: WatchdogSettings, change: Change) -> bool:
        """Whether anybody is told. Replicas that notice at once say the same, which is told once."""
        notice = Notice(
            name="WatchdogSilent",
            about=name,
            severity="critical",
            starts_at=change.since,
            ends_at=change.back_at,
            summary=("watchdog_silent", name),
            labels={"watchdog": name},
        )
        write = functools.partial(write_notice, notice)
        return any([await self._reception.announce(channel, write) for channel in settings.tell])
