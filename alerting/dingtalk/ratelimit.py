"""What a robot may still send: DingTalk takes so many messages in a time, then mutes the robot for longer."""

from collections import deque

from tapwatch.errors import DeliveryError, DeliveryReason


class RateBudget:
    """Counts our own calls in a sliding window, so that DingTalk's limit is never run into.

    A token bucket would let through a burst and then its refill, which is more than the limit within one window.
    All times are seconds of one monotonic clock, which the caller reads. One call is under way at a time.
    """

    def __init__(self, messages: int, per: float, whose: str = "its") -> None:
        """`whose` messages these are, for the error's text."""
        self._messages = messages
        self._whose = whose
        self._per = per
        self._called: deque[float] = deque()
        self._paused_until = 0.0
        self._why = ""

    def take(self, now: float, kept: int = 0) -> None:
        """Use up one call, which starts; raises DeliveryError as `check` does."""
        self.check(now, kept)
        self.note(now)

    def check(self, now: float, kept: int = 0) -> None:
        """Raises DeliveryError when no call is left but those that are `kept`, with the time until there is."""
        wait = self.wait(now, kept)
        if wait > 0:
            why = (
                self._why
                if now < self._paused_until
                else f"{self._whose} {self._messages - kept} messages in {self._per:g} s are used up"
                + (f", {kept} more are for critical news" if kept else "")
            )
            raise DeliveryError(
                DeliveryReason.RATE_LIMITED, f"the robot is asked nothing for {wait:.0f} s: {why}", retryable=True
            )

    def note(self, now: float) -> None:
        """A call starts that another count has allowed."""
        self._called.append(now)

    def settle(self, now: float) -> None:
        """The last call has ended: DingTalk may have counted it as late as this."""
        self._called[-1] = now

    def wait(self, now: float, kept: int = 0) -> float:
        """Seconds until a call may start that leaves so many; 0 when one may now."""
        while self._called and self._called[0] <= now - self._per:
            self._called.popleft()
        over = len(self._called) - (self._messages - kept)
        full = self._called[over] + self._per - now if over >= 0 else 0.0
        return max(full, self._paused_until - now, 0.0)

    def pause(self, now: float, seconds: float, why: str) -> None:
        """DingTalk has said that it does not listen: be silent as long."""
        self._paused_until, self._why = now + seconds, why
