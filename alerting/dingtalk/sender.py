"""A channel's sender: takes what waits in the outbox to DingTalk, as the only one of all replicas at a time."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from alerting.dingtalk.delivery import PASSING, backoff, fall_back
from alerting.dingtalk.draft import draft
from alerting.dingtalk.message import Style
from alerting.dingtalk.outlet import Outlet
from alerting.dingtalk.plan import Pause, plan
from alerting.dingtalk.settings import RateLimit
from alerting.dingtalk.store import dispatch, line
from alerting.dingtalk.store.database import Database
from alerting.dingtalk.store.dispatch import Delivered, Dispatch
from tapwatch.errors import DeliveryError, DeliveryReason, StoreError

log = structlog.get_logger()

LEASE_MARGIN_SECONDS = 2.0
"""Beyond the longest call: so soon another replica takes over from a killed one."""
POLL_SECONDS = 1.0
"""How soon a sender sees what another replica has stored for it."""
MENDING_SECONDS = 30.0
"""How soon a robot that is set up wrong is tried again: a person may have mended it."""


@dataclass(frozen=True)
class Sending:
    """What a sender works with."""

    channel: str
    process: str
    """This process' own name among the replicas."""
    outlets: Mapping[str, Outlet]
    """The channel's robot, then those that stand in for it, in this order."""
    timeout: float
    """The longest call, in seconds."""
    clock: Callable[[], float]
    """Unix time."""

    @property
    def limit(self) -> RateLimit:
        """By which the channel paces itself."""
        return self.outlets[self.channel].limit

    @property
    def lease_seconds(self) -> float:
        """How long the line is this process' own after each step."""
        return self.timeout + LEASE_MARGIN_SECONDS


@dataclass(frozen=True)
class Reports:
    """Who hears of what happened."""

    delivered: Callable[[list[Delivered]], None]
    """Gets the notifications that have wholly arrived."""
    failed: Callable[[DeliveryReason, str], None]
    """Gets the reason for which a call of this robot failed."""


class Sender:
    """One channel's line, worked on step by step: each step is a transaction, a call, and a transaction."""

    def __init__(self, sending: Sending, database: Database, reports: Reports) -> None:
        self.sending = sending
        """May be replaced at any time; counts from the next step on."""
        self.bell = asyncio.Event()
        """Wakes the sender: something was stored for it."""
        self._database = database
        self._reports = reports
        self._stopping = False
        self._styles: dict[tuple[int, ...], Style] = {}
        self._settlement: Callable[[Connection], list[Delivered]] | None = None

    async def run(self) -> None:
        """Work whenever the bell rings, and every second, until told to stop."""
        while not self._stopping:
            self.bell.clear()
            try:
                seconds = await self.work()
            except StoreError:
                seconds = POLL_SECONDS  # said and counted by the database
            try:
                async with asyncio.timeout(0 if self._stopping else seconds):
                    await self.bell.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """End after the step that is under way."""
        self._stopping = True
        self.bell.set()

    async def work(self) -> float:
        """Send what may be sent now; the seconds after which to look again. Raises StoreError."""
        await self._settle()
        while not self._stopping:
            step = _Step(self.sending, self._styles)
            found = await self._database.run(step.start)
            if not isinstance(found, Dispatch):
                return found
            self._settlement = await self._call(step, found)
            await self._settle()
        await self._database.run(self._release)
        return 0.0

    def _release(self, connection: Connection) -> None:
        line.release(connection, self.sending.channel, self.sending.process)

    async def _settle(self) -> None:
        """Write down what became of the last call, which may have to wait until the store works again."""
        if self._settlement is not None:
            self._reports.delivered(await self._database.run(self._settlement))
            self._settlement = None

    async def _call(self, step: "_Step", found: Dispatch) -> Callable[[Connection], list[Delivered]]:
        """Make the call; what is to be written down of it."""
        try:
            await step.sending.outlets[found.robot].call(found.body)
        except DeliveryError as error:
            self._reports.failed(error.reason, found.robot)
            words = {"robot": found.robot, "reason": error.reason, "error": str(error), "tries": found.tries}
            log.warning("message.not_delivered", channel=step.sending.channel, **words)
            return functools.partial(step.settle_failure, found, error.reason)
        return functools.partial(step.settle_success, found)


@dataclass(frozen=True)
class _Step:
    """The two transactions around a call; they run in the store's thread."""

    sending: Sending
    styles: dict[tuple[int, ...], Style]
    """How to write what DingTalk has refused in its usual form."""

    def start(self, connection: Connection) -> Dispatch | float:
        """The call to make now, or the seconds until there may be one."""
        sending, now = self.sending, self.sending.clock()
        if not line.is_waiting(connection, sending.channel):
            return POLL_SECONDS
        if not line.lease(connection, sending.channel, sending.process, now, sending.lease_seconds):
            return POLL_SECONDS
        found = self._unsettled(connection, now) or self._planned(connection, now)
        if isinstance(found, Pause):
            line.release(connection, sending.channel, sending.process)
            return min(max(found.until - now, 0.01), POLL_SECONDS)
        return found

    def _robots(self, connection: Connection, now: float) -> list[line.Allowance]:
        """What each robot may send: by what all replicas know, and by what this process did without the store."""
        limits = {name: outlet.limit for name, outlet in self.sending.outlets.items()}
        found = line.allowances(connection, limits, now)
        return [line.held_back(one, now + self.sending.outlets[one.robot].wait()) for one in found]

    def _unsettled(self, connection: Connection, now: float) -> Dispatch | Pause | None:
        """Only the same robot knows whether it has this message, so nothing else is sent before."""
        message = dispatch.under_way(connection, self.sending.channel)
        if message is None:
            return None
        if message.robot not in self.sending.outlets:
            dispatch.drop(connection, message.number, now)
            return None
        robot = next(one for one in self._robots(connection, now) if one.robot == message.robot)
        if robot.left == 0 or robot.ready_at > now:
            return Pause(robot.ready_at)
        return dispatch.start_again(connection, message.number, now)

    def _planned(self, connection: Connection, now: float) -> Dispatch | Pause:
        channel = self.sending.channel
        batch = plan(line.waiting(connection, channel), self._robots(connection, now), self.sending.limit, now)
        if isinstance(batch, Pause):
            return batch
        style = self.styles.get(tuple(one.number for one in batch.notifications), Style())
        message = draft(batch, self.sending.outlets[batch.robot].reader, style)
        return dispatch.start(connection, channel, message, now)

    def settle_success(self, found: Dispatch, connection: Connection) -> list[Delivered]:
        """DingTalk has taken it."""
        self.styles.pop(found.notifications, None)
        delivered = dispatch.settle_delivered(connection, found, self.sending.clock())
        if not line.is_waiting(connection, self.sending.channel):
            line.release(connection, self.sending.channel, self.sending.process)
        return delivered

    def settle_failure(self, found: Dispatch, reason: DeliveryReason, connection: Connection) -> list[Delivered]:
        """DingTalk has not taken it, or nobody knows."""
        now = self.sending.clock()
        if reason in PASSING or reason is DeliveryReason.TLS:
            dispatch.settle_unknown(connection, found, reason, now)
            dispatch.block(connection, found.robot, now + backoff(found.tries), reason)
            return []
        dispatch.settle_refused(connection, found, reason, now)
        if reason in {DeliveryReason.TOO_LONG, DeliveryReason.BAD_MESSAGE}:
            self._rewrite(connection, found, reason, now)
        else:
            seconds = self.sending.outlets[found.robot].silence(reason) or MENDING_SECONDS
            dispatch.block(connection, found.robot, now + seconds, reason)
        return []

    def _rewrite(self, connection: Connection, found: Dispatch, reason: DeliveryReason, now: float) -> None:
        plainer = fall_back(Style(found.form, found.body_bytes), reason)
        if plainer is None:
            dispatch.give_up(connection, found.notifications, reason, now)
        else:
            self.styles[found.notifications] = plainer
