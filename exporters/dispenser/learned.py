"""What a device refused, and what follows for the requests to come: holes in its registers, and a cap on a request."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from exporters.dispenser.cost import CostModel
from exporters.dispenser.plan import Limits, cheapest_ranges
from exporters.dispenser.registermap import Place, Span, Traits

_FORGET_SECONDS = 24 * 3600.0
"""A device can be replaced, or given another firmware."""


@dataclass(frozen=True)
class Halves:
    """A refused range, cut between two numbers; what lies between them nobody wants."""

    left: Span
    right: Span

    @property
    def gap(self) -> Span | None:
        """The registers between the halves."""
        start = self.left[0].number + self.left[1]
        width = self.right[0].number - start
        return (Place(self.left[0].space, start), width) if width else None


def halves(refused: Span, pieces: list[Span]) -> Halves | None:
    """A refused range in two parts of about the same length; None when it holds a single number.

    `pieces` are the numbers in it, in order; none overlaps another.
    """
    if len(pieces) < 2:  # noqa: PLR2004 - two parts
        return None
    middle = refused[0].number + refused[1] / 2
    cut = min(range(1, len(pieces)), key=lambda index: abs(pieces[index][0].number - middle))
    return Halves(_hull(pieces[:cut]), _hull(pieces[cut:]))


class Learned:
    """The limits of one device with one map, as far as they are known."""

    def __init__(self, traits: Traits, now: Callable[[], float]) -> None:
        self._initial = Limits.of(traits)
        self._now = now
        self._since = now()
        self._limits = self._initial
        self._longest: dict[bool, int] = {}
        """The longest range that was answered, of bits and of words."""
        self._refused_length: dict[bool, int] = {}
        """The shortest range that was refused for its length alone."""
        self._unsettled: set[bool] = set()

    @property
    def limits(self) -> Limits:
        """What the next plan has to respect."""
        if self._limits is not self._initial and self._now() - self._since > _FORGET_SECONDS:
            self.forget()
        return self._limits

    @property
    def is_unsettled(self) -> bool:
        """Whether something was learned that the next plan should know."""
        return bool(self._unsettled)

    def forget(self) -> None:
        """Begin anew, with what the map says."""
        self._limits = self._initial
        self._longest.clear()
        self._refused_length.clear()
        self._unsettled.clear()

    def note_answered(self, span: Span) -> None:
        """A range was answered."""
        kind = _is_bits(span)
        if span[1] > self._longest.get(kind, 0):
            self._longest[kind] = span[1]
            self._unsettled |= {kind} & self._refused_length.keys()

    def note_refused(self, span: Span) -> None:
        """A range was refused for what is in it: a number that the device does not have, or a hole."""
        self._note()
        self._limits = replace(self._limits, refused=self._limits.refused | {span})

    def note_too_long(self, span: Span) -> None:
        """A range was refused for its length."""
        self._note()
        kind = _is_bits(span)
        self._refused_length[kind] = min(span[1], self._refused_length.get(kind, span[1]))
        self._unsettled.add(kind)

    def settle(self, spans: list[Span], cost: CostModel) -> None:
        """After a probe: decide on the length that the next plan may ask for; `spans` are what it has to cover.

        It tries one between what was answered and what was refused, while that can spare a request.
        """
        for kind in self._unsettled:
            refused = self._refused_length[kind]
            safe = min(self._longest.get(kind, 1), refused - 1)
            safe_limits, best_limits = self._capped(kind, safe), self._capped(kind, refused - 1)
            if len(cheapest_ranges(spans, cost, best_limits)) < len(cheapest_ranges(spans, cost, safe_limits)):
                self._limits = self._capped(kind, (safe + refused) // 2)
            else:
                self._limits = safe_limits
        self._unsettled.clear()

    def _capped(self, bits: bool, largest: int) -> Limits:  # noqa: FBT001 - which of the two caps
        return replace(self._limits, bits=largest) if bits else replace(self._limits, words=largest)

    def _note(self) -> None:
        if self._limits is self._initial:
            self._since = self._now()


def _is_bits(span: Span) -> bool:
    return span[0].space in {"coil", "discrete"}


def _hull(pieces: list[Span]) -> Span:
    start, (end, width) = pieces[0][0], pieces[-1]
    return start, end.number + width - start.number
