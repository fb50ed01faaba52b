"""The outbox: what is stored here is delivered, by this process or another, and even when the store breaks after."""

import asyncio
import functools
import os
import socket
import uuid
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from alerting.dingtalk.clocks import Clocks
from alerting.dingtalk.direct import DirectDelivery
from alerting.dingtalk.ledger import Entry, seed_of
from alerting.dingtalk.metrics import BridgeMetrics, OutboxMetrics
from alerting.dingtalk.outlet import Outlet
from alerting.dingtalk.sender import Attend, Reports, Sender, Sending
from alerting.dingtalk.settings import BridgeSettings
from alerting.dingtalk.store import intake, line, upkeep
from alerting.dingtalk.store.database import Database
from alerting.dingtalk.store.dispatch import Delivered
from alerting.dingtalk.store.intake import Receipt
from alerting.payload import Notification
from tapwatch.errors import DeliveryError, StoreError

log = structlog.get_logger()

ROUND_SECONDS = 1.0
"""Between two looks at the store."""
PRUNE_SECONDS = 600.0
MOST_AT_ONCE = 20
"""Notifications stored in one transaction."""
MOST_UNRECORDED = 10_000
_STOP_SECONDS = 6.0


@dataclass
class _Held:
    """A notification that this process has answered for: it is not lost with the store."""

    channel: str
    notification: Notification
    entry: Entry


@dataclass(frozen=True)
class _Arrival:
    """A notification that is to be stored."""

    channel: str
    notification: Notification
    at: float
    receipt: asyncio.Future[Receipt]

    def succeed(self, receipt: Receipt) -> None:
        """It is safe."""
        if not self.receipt.done():  # whoever brought it may be gone
            self.receipt.set_result(receipt)

    def fail(self, error: StoreError) -> None:
        """It is not stored."""
        if not self.receipt.done():
            self.receipt.set_exception(StoreError(str(error)))


def _accept_all(connection: Connection, arrived: Sequence[_Arrival]) -> list[Receipt]:
    return [intake.accept(connection, one.channel, one.notification, one.at) for one in arrived]


class Outbox:
    """The store, its senders, and what this process has promised."""

    def __init__(
        self,
        database: Database,
        direct: DirectDelivery,
        clocks: Clocks,
        bridge_metrics: BridgeMetrics,
        metrics: OutboxMetrics,
    ) -> None:
        self.database = database
        self._direct = direct
        self._clocks = clocks
        self._bridge_metrics = bridge_metrics
        self._metrics = metrics
        self._process = f"{socket.gethostname()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._keep_seconds = 0.0
        self._held: dict[int, _Held] = {}
        self._delivered_directly: set[int] = set()
        self._unrecorded: deque[tuple[str, Notification, float]] = deque(maxlen=MOST_UNRECORDED)
        self._unconfirmed: set[int] = set()
        self._senders: dict[str, Sender] = {}
        self._outlets: Mapping[str, Outlet] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._arrivals: deque[_Arrival] = deque()
        self._storing: asyncio.Task[None] | None = None
        self._robots_known = False
        self._prune_at = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Senders work, and the store is looked after, while the context lasts."""
        watch = asyncio.create_task(self._watch(), name="outbox")
        try:
            yield
        finally:
            for sender in self._senders.values():
                sender.stop()
            await _end(watch, self._tasks)
            await self._last_words()
            await self.database.close()

    def use(self, settings: BridgeSettings, pools: Mapping[str, Mapping[str, Outlet]], attend: Attend) -> None:
        """From now on send by these robots: by channel, its own first, then those that stand in."""
        self._keep_seconds, self._robots_known = settings.keep, False
        self._metrics.show_robots(pools)
        self._outlets = {name: outlet for pool in pools.values() for name, outlet in pool.items()}
        for gone in self._senders.keys() - pools.keys():
            self._senders.pop(gone).stop()
        for channel, pool in pools.items():
            sending = Sending(channel, self._process, pool, settings.timeout, self._clocks.unix, attend)
            if channel in self._senders:
                self._senders[channel].sending = sending
            else:
                self._start(sending)

    def _start(self, sending: Sending) -> None:
        channel = sending.channel
        reports = Reports(
            self._let_go,
            functools.partial(self._note, channel),
            functools.partial(self._bridge_metrics.count_failure, channel),
        )
        sender = self._senders[channel] = Sender(sending, self.database, reports)
        task = asyncio.create_task(sender.run(), name=f"sender {channel}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def accept(self, channel: str, notification: Notification) -> Receipt:
        """Return when the notification is safe; raises StoreError.

        What comes while the store is busy is stored together: a storm costs few transactions.
        """
        arrival = _Arrival(channel, notification, self._clocks.unix(), asyncio.get_running_loop().create_future())
        self._arrivals.append(arrival)
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._store_arrivals(), name="intake")
        receipt = await arrival.receipt
        if receipt.waiting:
            self._held[receipt.number] = _Held(channel, notification, Entry(seed_of(receipt.seed, channel)))
        self.ring(channel)
        self._metrics.count_stored(channel, known=receipt.known)
        return receipt

    async def _store_arrivals(self) -> None:
        while self._arrivals:
            arrived = [self._arrivals.popleft() for _ in range(min(len(self._arrivals), MOST_AT_ONCE))]
            try:
                await self._know_robots()
                receipts = await self.database.run(functools.partial(_accept_all, arrived=arrived))
            except StoreError as error:
                for one in arrived:
                    one.fail(error)
            else:
                for one, receipt in zip(arrived, receipts, strict=True):
                    one.succeed(receipt)

    async def _know_robots(self) -> None:
        if not self._robots_known:
            names = list({name for sender in self._senders.values() for name in sender.sending.outlets})
            await self.database.run(lambda store: line.know_robots(store, names))
            self._robots_known = True

    def remember(self, channel: str, notification: Notification) -> None:
        """It was delivered directly; the store learns of it when it works again."""
        self._unrecorded.append((channel, notification, self._clocks.unix()))

    def ring(self, channel: str) -> None:
        """Something was stored for the channel."""
        if channel in self._senders:
            self._senders[channel].bell.set()

    def confirm(self, receipt: Receipt) -> None:
        """Alertmanager has heard that it is safe; written down soon."""
        self._unconfirmed.add(receipt.number)

    def _let_go(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._held.pop(number, None)

    def _note(self, channel: str, delivered: Sequence[Delivered]) -> None:
        now = self._clocks.unix()
        for one in delivered:
            self._bridge_metrics.count_sent(channel, one, now)
            self._metrics.note_age(channel, one.severity, now - one.received_at)
            log.info(
                "notification.delivered",
                channel=channel,
                number=one.number,
                status=one.status,
                alerts=one.firing + one.resolved,
                seconds=round(now - one.received_at, 3),
            )

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except StoreError:
                await self._deliver_what_is_held()
            self._metrics.show_store(up=self.database.up is not False)
            await asyncio.sleep(ROUND_SECONDS)

    async def _look(self) -> None:
        """Bring the store up to date, and learn from it what became of what this process answered for."""
        await self._know_robots()
        await self._share_calls()
        now, confirmed, told = self._clocks.unix(), set(self._unconfirmed), set(self._delivered_directly)
        if confirmed:
            await self.database.run(lambda store: intake.confirm(store, confirmed, now))
            self._unconfirmed -= confirmed
        if told:
            await self.database.run(lambda store: upkeep.note_delivered(store, told, now))
            self._delivered_directly -= told
        while self._unrecorded:
            delivered = self._unrecorded[0]
            await self.database.run(functools.partial(intake.record, delivered=delivered))
            self._unrecorded.popleft()
        held = list(self._held)
        self._let_go(await self.database.run(lambda store: upkeep.ended(store, held)))
        self._metrics.show_lines(await self.database.run(upkeep.lengths), self._senders, now)
        if self._clocks.steady() >= self._prune_at:
            pruned = await self.database.run(lambda store: upkeep.prune(store, now - self._keep_seconds))
            wait = 0.0 if pruned == upkeep.PRUNED_AT_ONCE else PRUNE_SECONDS
            self._prune_at = self._clocks.steady() + wait

    async def _share_calls(self) -> None:
        """What was sent directly counts for all replicas: with theirs it may be all that DingTalk allows."""
        made = [(outlet, tuple(outlet.unshared)) for outlet in self._outlets.values() if outlet.unshared]
        if made:
            ago = self._clocks.unix() - self._clocks.steady()
            calls = [(outlet.name, at + ago) for outlet, times in made for at in times]
            await self.database.run(functools.partial(line.note_calls, made=calls))
            for outlet, times in made:
                outlet.unshared.difference_update(times)

    async def _deliver_what_is_held(self) -> None:
        """Alertmanager does not come again for what it was told is safe."""
        for number, held in list(self._held.items()):
            try:
                messages = await self._direct.deliver_entry(held.channel, held.notification, held.entry)
            except DeliveryError as error:
                log.warning("notification.held", number=number, reason=error.reason, error=str(error))
                continue
            log.warning("notification.delivered_without_store", number=number, messages=messages)
            self._held.pop(number, None)
            self._delivered_directly.add(number)

    async def _last_words(self) -> None:
        try:
            await self._look()
        except StoreError as error:
            log.warning("store.not_updated", error=str(error))


async def _end(watch: asyncio.Task[None], senders: Collection[asyncio.Task[None]]) -> None:
    """The senders have been told; one whose call hangs is left: its message is sent again, as the same one."""
    watch.cancel()
    _, late = await asyncio.wait({watch, *senders}, timeout=_STOP_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
