"""A channel's sender: takes what waits in the outbox to DingTalk, as the only one of all replicas at a time."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from alerting.dingtalk.delivery import NOT_TAKEN, PASSING, backoff, fall_back
from alerting.dingtalk.draft import draft, first_style
from alerting.dingtalk.message import Extras, Style
from alerting.dingtalk.outlet import Outlet
from alerting.dingtalk.plan import Batch, Pause, plan
from alerting.dingtalk.settings import RateLimit
from alerting.dingtalk.store import dispatch, line
from alerting.dingtalk.store.database import Database
from alerting.dingtalk.store.dispatch import Delivered, Dispatch, Draft
from alerting.dingtalk.store.line import Allowance, Line, Waiting
from tapwatch.errors import DeliveryError, DeliveryReason, StoreError

log = structlog.get_logger()

LEASE_MARGIN_SECONDS = 2.0
"""Beyond the longest call: so soon another replica takes over from a killed one."""
POLL_SECONDS = 1.0
"""How soon a sender sees what another replica has stored for it."""
ASIDE_SECONDS = 1.5
"""How long a sender whose call has failed leaves the line to others: it may be its own way that is broken. Longer than
they take to look."""
SOON_SECONDS = 0.01
MENDING_SECONDS = 30.0
"""How soon a robot that is set up wrong is tried again: a person may have mended it."""
UNCERTAIN_SECONDS = 20.0
"""How long only the same robot is asked to take a message that may have arrived. Then another of the pool tells of the
same alerts: rather twice than late."""

Attend = Callable[[Batch], Awaitable[Extras]]
Result = TypeVar("Result")
Settlement = Callable[[Connection], list[Delivered]]
"""Writes down what became of a call; the notifications that are delivered by it."""


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
    attend: Attend
    """Finds what goes with a message."""

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

    arrived: Callable[[Sequence[int]], None]
    """Gets the notifications that DingTalk has taken wholly, before that is written down."""
    delivered: Callable[[list[Delivered]], None]
    """Gets the same, once that is written down."""
    failed: Callable[[DeliveryReason, str], None]
    """Gets the reason for which a call of this robot failed."""


class Sender:
    """One channel's line, worked on step by step: look at it, write the message down, call, write down what came."""

    def __init__(self, sending: Sending, database: Database, reports: Reports) -> None:
        self.sending = sending
        """May be replaced at any time; counts from the next step on."""
        self.bell = asyncio.Event()
        """Wakes the sender: something was stored for it."""
        self._database = database
        self._reports = reports
        self._stopping = False
        self._styles: dict[frozenset[int], Style] = {}
        self._settlement: Settlement | None = None
        self._aside_until = 0.0
        """The event loop's time."""

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
        while not self._stopping:
            if (seconds := self._aside_until - asyncio.get_running_loop().time()) > 0:
                if self._settlement is not None:
                    await self._release()
                return seconds
            step = _Step(self.sending, self._styles)
            found = await self._settle_and(step.look)
            if isinstance(found, Line):
                found = await self._start(step, found)
            if not isinstance(found, Dispatch):
                return found
            self._settlement = await self._call(step, found)
        await self._release()
        return 0.0

    async def _release(self) -> None:
        """Let any replica be the next."""
        await self._settle_and(
            functools.partial(line.release, channel=self.sending.channel, sender=self.sending.process)
        )

    async def _settle_and(self, work: Callable[[Connection], Result]) -> Result:
        """What `work` returns, after what became of the last call is written down, in one transaction."""
        settlement = self._settlement

        def both(connection: Connection) -> tuple[list[Delivered], Result]:
            delivered = [] if settlement is None else settlement(connection)
            return delivered, work(connection)

        delivered, result = await self._database.run(both)
        self._settlement = None
        self._reports.delivered(delivered)
        return result

    async def _start(self, step: "_Step", found: Line) -> Dispatch | float:
        """Plan and write the next message; apart from the store, since a long line takes long to write up."""
        batch = await asyncio.to_thread(step.plan, found)
        if not isinstance(batch, Batch):
            return batch
        extras = await step.sending.attend(batch)
        message = await asyncio.to_thread(step.write, batch, extras)
        return await self._database.run(lambda store: step.start(store, message))

    async def _call(self, step: "_Step", found: Dispatch) -> Settlement:
        """Make the call; what is to be written down of it."""
        try:
            await step.sending.outlets[found.robot].call(found.body)
        except DeliveryError as error:
            self._reports.failed(error.reason, found.robot)
            words = {"robot": found.robot, "reason": error.reason, "error": str(error), "tries": found.tries}
            log.warning("message.not_delivered", channel=step.sending.channel, **words)
            if error.reason in PASSING:
                self._aside_until = asyncio.get_running_loop().time() + ASIDE_SECONDS
            return functools.partial(step.settle_failure, found, error.reason)
        self._reports.arrived(found.complete)
        return functools.partial(step.settle_success, found)


@dataclass(frozen=True)
class _Step:
    """What happens around a call."""

    sending: Sending
    styles: dict[frozenset[int], Style]
    """How to write what DingTalk has refused in its usual form."""

    def look(self, connection: Connection) -> Line | Dispatch | float:
        """What is in line, the message to send again, or the seconds until there may be something to do."""
        sending, now = self.sending, self.sending.clock()
        if not line.is_waiting(connection, sending.channel):
            line.release(connection, sending.channel, sending.process)
            return POLL_SECONDS
        if not line.lease(connection, sending.channel, sending.process, now, sending.lease_seconds):
            return POLL_SECONDS
        robots = self._robots(connection, now)
        found = self._unsettled(connection, robots, now) or Line(line.in_line(connection, sending.channel), robots)
        if isinstance(found, Pause):
            line.release(connection, sending.channel, sending.process)
            return _seconds(found, now)
        return found

    def plan(self, found: Line) -> Batch | float:
        """What is next, or the seconds until there may be something."""
        now = self.sending.clock()
        batch = plan([Waiting.of(row) for row in found.rows], found.robots, self.sending.limit, now)
        return _seconds(batch, now) if isinstance(batch, Pause) else batch

    def write(self, batch: Batch, extras: Extras) -> Draft:
        """The message."""
        outlet = self.sending.outlets[batch.robot]
        style = self.styles.get(batch.numbers) or first_style(extras, cards=outlet.settings.cards)
        return draft(batch, outlet.reader, style, extras)

    def start(self, connection: Connection, message: Draft) -> Dispatch | float:
        """The call to make now, unless the world has changed while the message was written."""
        sending, now = self.sending, self.sending.clock()
        if not line.lease(connection, sending.channel, sending.process, now, sending.lease_seconds):
            return POLL_SECONDS
        robot = next(one for one in self._robots(connection, now) if one.robot == message.robot)
        if robot.left == 0 or robot.ready_at > now or not dispatch.is_untold(connection, message.told):
            return SOON_SECONDS
        return dispatch.start(connection, sending.channel, message, now)

    def _robots(self, connection: Connection, now: float) -> list[Allowance]:
        """What each robot may send: by what all replicas know, and by what this process did without the store."""
        limits = {name: outlet.limit for name, outlet in self.sending.outlets.items()}
        found = line.allowances(connection, limits, now)
        return [line.held_back(one, now + self.sending.outlets[one.robot].wait()) for one in found]

    def _unsettled(self, connection: Connection, robots: Sequence[Allowance], now: float) -> Dispatch | Pause | None:
        """Only the same robot knows whether it has this message, so nothing else is sent before, for a while."""
        message = dispatch.under_way(connection, self.sending.channel)
        if message is None:
            return None
        robot = next((one for one in robots if one.robot == message.robot), None)
        if robot is None or (len(robots) > 1 and now - message.created_at > UNCERTAIN_SECONDS):
            dispatch.drop(connection, message.number, now)
            return None
        if robot.left == 0 or robot.ready_at > now:
            return Pause(robot.ready_at)
        return dispatch.start_again(connection, message.number, now)

    def settle_success(self, found: Dispatch, connection: Connection) -> list[Delivered]:
        """DingTalk has taken it."""
        self.styles.pop(frozenset(found.notifications), None)
        return dispatch.settle_delivered(connection, found, self.sending.clock())

    def settle_failure(self, found: Dispatch, reason: DeliveryReason, connection: Connection) -> list[Delivered]:
        """DingTalk has not taken it, or nobody knows."""
        now, outlets = self.sending.clock(), self.sending.outlets
        stands_in = len(outlets) > 1 and reason in NOT_TAKEN
        if reason in PASSING and not stands_in:
            dispatch.settle_unknown(connection, found, reason, now)
            dispatch.block(connection, [found.robot], now + backoff(found.tries), reason)
            return []
        dispatch.settle_refused(connection, found, reason, now)
        if reason in {DeliveryReason.TOO_LONG, DeliveryReason.BAD_MESSAGE}:
            self._rewrite(connection, found, reason, now)
            return []
        seconds = outlets[found.robot].silence(reason) or MENDING_SECONDS
        concerned = list(outlets) if reason is DeliveryReason.BANNED else [found.robot]  # a ban is of our address
        dispatch.block(connection, concerned, now + seconds, reason)
        return []

    def _rewrite(self, connection: Connection, found: Dispatch, reason: DeliveryReason, now: float) -> None:
        plainer = fall_back(Style(found.form, found.body_bytes), reason)
        if plainer is None:
            dispatch.give_up(connection, found.notifications, reason, now)
        else:
            self.styles[frozenset(found.notifications)] = plainer


def _seconds(pause: Pause, now: float) -> float:
    return min(max(pause.until - now, SOON_SECONDS), POLL_SECONDS)
