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
        self, name: str, settings: RobotSettings, robot: Robot, meter: CallMeter, templates: Templates = BUILT_IN
    ) -> None:
        self.name = name
        self.settings = settings
        self.reader = Reader.of(settings, templates)
        self.limit = settings.rate_limit
        self.budget = RateBudget(self.limit.messages, self.limit.per)
        """Of this process' own calls; with a store, what all replicas know comes first."""
        self._robot = robot
        self._meter = meter

    def silence(self, reason: DeliveryReason) -> float:
        """Seconds for which DingTalk wants to hear nothing after this answer."""
        return {DeliveryReason.RATE_LIMITED: self.limit.mute, DeliveryReason.BANNED: BAN_SECONDS}.get(reason, 0.0)

    def wait(self) -> float:
        """Seconds until this process' own count allows a call."""
        return self.budget.wait(self._meter.clock())

    async def call_within_budget(self, body: bytes) -> None:
        """As `call`; raises DeliveryError without a call when the budget is used up."""
        self.budget.take(self._meter.clock())
        await self._call(body)

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
