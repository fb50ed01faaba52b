"""What a soak must have shown."""

from tests.soak.soak import Record

_LARGEST_GROWTH_MEGABYTES = 15.0
_OTHER_FILES = 60
"""Of the process itself, the client's connections not counted."""


def verdict(record: Record) -> None:
    """Raises AssertionError when a gap is unexplained, nothing was read, or the exporter has grown."""
    gaps = list(record.unexplained())
    assert not gaps, "\n".join(gaps[:20])
    assert record.ends["up"] > len(record.scrapes) / 4, record.ends
    warm = record.megabytes[len(record.megabytes) // 3]
    grown = max(record.megabytes) - warm
    assert grown < _LARGEST_GROWTH_MEGABYTES, f"memory grew by {grown:.0f} MB after {warm:.0f} MB"
    units = 4 * len(record.faults)
    assert max(record.descriptors) < 2 * units + _OTHER_FILES, max(record.descriptors)
