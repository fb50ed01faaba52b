"""A robot in use: its calls are measured and counted, and DingTalk's word that they are too many is heeded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alerting.dingtalk.message import Reader
from alerting.dingtalk.ratelimit import RateBudget
from alerting.dingtalk.robot import Robot
from alerting.dingtalk.settings import RobotSettings
from alerting.dingtalk.templating import BUILT_IN, Templates
from tapwatch.errors import DeliveryError, DeliveryReason

WITHOUT_STORE = 3
"""While the store is away, by which replicas know of each other's calls, each uses one part in so many of a robot's
limit."""
BAN_SECONDS = 300.0
"""How long DingTalk's gateway refuses an address that called too often."""


@dataclass(frozen=True)
class CallMeter:
    """Where calls are counted."""

    ended: Callable[[str, float], None]
    """Gets the result, `delivered` or the reason, and the seconds that the call took."""
    clock: Callable[[], float]
    """Seconds that never go back."""


class Outlet:
    """One robot, as this process knows it."""

    def __init__(
        self,
        name: str,
        settings: RobotSettings,
        robot: Robot,
        meter: CallMeter,
        templates: Templates = BUILT_IN,
        *,
        stored: bool = False,
    ) -> None:
        """`stored` says that there is a store, by which replicas share the limit."""
        self.name = name
        self.settings = settings
        self.reader = Reader.of(settings, templates)
        self.limit = settings.rate_limit
        self.budget = RateBudget(self.limit.messages, self.limit.per)
        """Of this process' own calls; with a store, what all replicas know comes first."""
        share = max(self.limit.messages // WITHOUT_STORE, 1) if stored else self.limit.messages
        self._alone = RateBudget(share, self.limit.per, "without the store" if stored else "its")
        self._kept = min(self.limit.kept, share * 2 // 3)
        self._stored = stored
        self.unshared: set[float] = set()
        """When calls ended that the store does not know of, by the meter's clock."""
        self._robot = robot
        self._meter = meter

    def silence(self, reason: DeliveryReason) -> float:
        """Seconds for which DingTalk wants to hear nothing after this answer."""
        return {DeliveryReason.RATE_LIMITED: self.limit.mute, DeliveryReason.BANNED: BAN_SECONDS}.get(reason, 0.0)

    def wait(self) -> float:
        """Seconds until this process' own count allows a call."""
        return self.budget.wait(self._meter.clock())

    def wait_alone(self) -> float:
        """Seconds until it allows one, with critical news, of which nobody else knows."""
        return max(self.wait(), self._alone.wait(self._meter.clock()))

    async def call_within_budget(self, body: bytes, *, critical: bool) -> None:
        """As `call`, but nobody else knows of it, and some calls are kept for `critical` news.

        Raises DeliveryError without a call when the budget is used up.
        """
        now = self._meter.clock()
        self.budget.check(now)
        self._alone.take(now, 0 if critical else self._kept)
        try:
            await self.call(body)
        finally:
            ended = self._meter.clock()
            self._alone.settle(ended)
            if self._stored:
                self.unshared = {at for at in self.unshared if at > ended - self.limit.per} | {ended}

    async def call(self, body: bytes) -> None:
        """Return when DingTalk has taken the message; raises DeliveryError."""
        self.budget.note(self._meter.clock())
        await self._call(body)

    async def _call(self, body: bytes) -> None:
        with self._measured():
            await self._robot.call(body)

    @contextmanager
    def _measured(self) -> Iterator[None]:
        started = self._meter.clock()
        result = str(DeliveryReason.TIMEOUT)  # when the patience ends it from outside
        try:
            yield
            result = "delivered"
        except DeliveryError as error:
            result = str(error.reason)
            if (seconds := self.silence(error.reason)) > 0:
                who = "DingTalk" if error.reason is DeliveryReason.RATE_LIMITED else "DingTalk's gateway"
                deed = "muted it" if error.reason is DeliveryReason.RATE_LIMITED else "banned this address"
                self.budget.pause(self._meter.clock(), seconds, f"{who} has {deed}")
            raise
        finally:
            self.budget.settle(self._meter.clock())
            self._meter.ended(result, self._meter.clock() - started)
