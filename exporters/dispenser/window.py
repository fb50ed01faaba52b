"""How many requests a gateway is sent before the first is answered: set, or learned by proof."""

from typing import Literal

InFlight = int | Literal["learn"]

_LARGEST_WINDOW = 16
_PROOFS = 8
"""Overlapping questions of different length that must be answered rightly before `learn` sends more at once."""


class Window:
    """How many requests are sent before the first is answered."""

    def __init__(self) -> None:
        self._learned = 1
        self._answers = 0
        self._proofs = 0
        self._ceiling = _LARGEST_WINDOW

    def size(self, wanted: InFlight) -> int:
        """The window for a question that allows `wanted`."""
        return min(self._learned if wanted == "learn" else wanted, self._ceiling)

    @property
    def wants_proof(self) -> bool:
        """Whether the gateway has still to prove that it keeps overlapping questions apart."""
        return self._proofs < _PROOFS <= self._ceiling

    def note_proof(self) -> None:
        """Two overlapping questions were answered, each rightly."""
        self._proofs += 1

    def note_answer(self) -> None:
        """A right answer: after a window full of them, `learn` tries one more."""
        self._answers += 1
        if self._proofs >= _PROOFS and self._answers > self._learned and self._learned < self._ceiling:
            self._learned, self._answers = self._learned + 1, 0

    def shrink(self) -> None:
        """Requests in flight were lost or mixed up: from now on one at a time."""
        self._learned = self._ceiling = 1
