"""What a robot may still send: DingTalk takes so many messages in a time, then mutes the robot for longer."""

from collections import deque

from tapwatch.errors import DeliveryError, DeliveryReason


class RateBudget:
    """Counts our own messages in a sliding window, so that DingTalk's limit is never run into.

    All times are seconds of one monotonic clock, which the caller reads.
    """

    def __init__(self, messages: int, per: float, mute_seconds: float) -> None:
        self._messages = messages
        self._per = per
        self._mute_seconds = mute_seconds
        self._sent: deque[float] = deque()
        self._muted_until = 0.0

    def take(self, now: float) -> None:
        """Use up one message; raises DeliveryError when none is left, with the time until there is."""
        wait = self.wait(now)
        if wait > 0:
            why = "muted" if now < self._muted_until else "its messages are used up"
            raise DeliveryError(DeliveryReason.RATE_LIMITED, f"the robot is {why} for {wait:.0f} s", retryable=True)
        self._sent.append(now)

    def wait(self, now: float) -> float:
        """Seconds until a message may be sent; 0 when one may now."""
        while self._sent and self._sent[0] <= now - self._per:
            self._sent.popleft()
        full = self._sent[0] + self._per - now if len(self._sent) >= self._messages else 0.0
        return max(full, self._muted_until - now, 0.0)

    def mute(self, now: float) -> None:
        """DingTalk has said that it was too much: be silent as long as it does not listen."""
        self._muted_until = now + self._mute_seconds
