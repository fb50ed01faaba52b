"""What a probe found: a reading, or why there is none."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from exporters.dispenser.decode import Decoded, Reading
from exporters.dispenser.module import Module
from tapwatch import catalogue
from tapwatch.catalogue import Metric
from tapwatch.errors import PollError


@dataclass
class Probe:
    """One dispenser read by its map; a failure is part of the answer."""

    module: Module
    reading: Reading
    error: PollError | None = None
    requests: int = 0
    seconds: float = 0.0
    cached: int = 0
    """Samples that were not read again, as the map says that they change slowly."""
    suspended: bool = False
    """The unit was silent lately, so it was not asked."""
    exchanges: list[str] = field(default_factory=list)
    """One line for each exchange, when somebody asked for an explanation."""
    decoded: list[Decoded] = field(default_factory=list)
    """What each register held; likewise."""

    def value(self, metric: Metric, **labels: str) -> float | None:
        """One sample's value; None when there is none."""
        wanted = tuple(sorted(labels.items()))
        for slot, text in zip(self.module.decoder.slots, self.reading.texts, strict=True):
            if text is not None and (slot.metric, slot.labels) == (metric, wanted):
                return float(text)
        return None

    @property
    def own_samples(self) -> Iterator[tuple[Metric, tuple[tuple[str, str], ...], float]]:
        """The probe's own metrics: each with labels and value."""
        yield catalogue.DISPENSER_UP, (), int(self.error is None)
        if self.error is not None:
            yield catalogue.DISPENSER_DOWN_INFO, (("reason", self.error.reason),), 1
            yield catalogue.DISPENSER_PROBE_SUSPENDED, (), int(self.suspended)
        yield catalogue.DISPENSER_PROBE_SECONDS, (), self.seconds
        yield catalogue.DISPENSER_PROBE_REQUESTS, (), self.requests
        if self.cached:
            yield catalogue.DISPENSER_PROBE_CACHED, (), self.cached
        for reason, number in sorted(Counter(self.reading.discarded.values()).items()):
            yield catalogue.DISPENSER_PROBE_DISCARDED, (("reason", reason),), number
