"""Answers on RTU framing that can come without being asked for, and be taken for another question's."""

from collections.abc import Collection

_LARGEST_GHOSTS = 16
_GHOST_SECONDS = 30.0
"""No gateway holds an answer back for longer."""
_ANY_UNIT = -1


class Ghosts:
    """RTU: the lengths of answers that can come without being asked for, as they were late or double.

    A lost answer can even carry another unit's number, so it concerns whoever asks next, beside its own unit, which
    may hang on a serial port of its own that the next one's sentinel does not pass.
    """

    def __init__(self) -> None:
        self._noted: dict[int, dict[int, float]] = {}

    def note_stray(self, unit: int, data_bytes: int, now: float) -> None:
        """An answer came that nobody had asked for; its double can come again."""
        fresh = {length: noted for length, noted in self._noted.get(unit, {}).items() if now - noted < _GHOST_SECONDS}
        if len(fresh) < _LARGEST_GHOSTS:
            fresh[data_bytes] = now
        self._noted[unit] = fresh

    def note_lost(self, unit: int, data_bytes: int, now: float) -> None:
        """An answer did not come in time, and still can."""
        self.note_stray(unit, data_bytes, now)
        self.note_stray(_ANY_UNIT, data_bytes, now)

    def lengths(self, unit: int, now: float) -> Collection[int]:
        """Those that can come now while the unit is asked."""
        if not self._noted:
            return ()
        found = self._noted.get(unit, {}) | self._noted.get(_ANY_UNIT, {})
        return {length for length, noted in found.items() if now - noted < _GHOST_SECONDS}

    def forget(self, unit: int) -> None:
        """The unit answered a sentinel."""
        self._noted.pop(unit, None)
        self._noted.pop(_ANY_UNIT, None)
