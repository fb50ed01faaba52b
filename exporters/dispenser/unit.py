"""What is known of one unit: how fast it answers, and whether it is worth asking."""

from exporters.dispenser.registermap import Span
from tapwatch.errors import PollError

LEAST_PATIENCE = 0.25
"""Devices pause now and then, to write a counter or to switch a heater; a shorter wait would call them dead."""
_FAILURES_TO_SUSPEND = 2
_PATIENT_TRIALS = 4
_FIRST_SUSPENSION, _LONGEST_SUSPENSION = 5.0, 60.0


class Patience:
    """How long a unit's answers are waited for, learned from the ones that came.

    The estimate is TCP's: the smoothed time and four times its deviation (RFC 6298, section 2).
    """

    def __init__(self) -> None:
        self.slowest = 0.0
        """Seconds of the slowest answer there was."""
        self._times: dict[Span, tuple[float, float]] = {}

    def seconds(self, span: Span, limit: float) -> float:
        """How long to wait for the answer to a read of `span`, at most `limit`."""
        if span not in self._times:
            return limit
        mean, deviation = self._times[span]
        return min(limit, max(LEAST_PATIENCE, 2 * mean, mean + 4 * deviation))

    def note(self, span: Span, seconds: float) -> None:
        """An answer came after so long."""
        self.slowest = max(self.slowest, seconds)
        if span not in self._times:
            self._times[span] = seconds, seconds / 2
            return
        mean, deviation = self._times[span]
        self._times[span] = mean + (seconds - mean) / 8, deviation + (abs(seconds - mean) - deviation) / 4

    def forget(self) -> None:
        """The unit has become slower, or is gone: the next answer is waited for as long as the first."""
        self._times.clear()


class Breaker:
    """Keeps a silent unit from costing its neighbours time: it is asked less and less often, until it answers."""

    def __init__(self) -> None:
        self.error: PollError | None = None
        """How it failed last, since it answered last."""
        self._failures = 0
        self._until = 0.0
        self._suspension = _FIRST_SUSPENSION

    def is_open(self, now: float) -> bool:
        """Whether the unit must not be asked now."""
        return now < self._until

    @property
    def on_trial(self) -> bool:
        """Whether the next question decides."""
        return self._failures >= _FAILURES_TO_SUSPEND

    @property
    def wants_patience(self) -> bool:
        """Whether this trial should wait as long as it may: a unit can have become slow."""
        return self._failures % _PATIENT_TRIALS == 0

    def note_success(self) -> None:
        """It answered."""
        self.error, self._failures, self._until, self._suspension = None, 0, 0.0, _FIRST_SUSPENSION

    def note_silence(self, error: PollError, now: float) -> None:
        """It did not answer in time."""
        self.error = error
        self._failures += 1
        if self._failures >= _FAILURES_TO_SUSPEND:
            self._until = now + self._suspension
            self._suspension = min(2 * self._suspension, _LONGEST_SUSPENSION)
