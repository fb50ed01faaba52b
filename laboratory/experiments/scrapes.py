"""Scrapes that were missed: intervals for which no Prometheus of the pair has a good sample."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

Samples = Mapping[str, Iterable[tuple[float, float]]]
"""Of each target, (Unix time, value) of its up-metric's samples, as one Prometheus has them."""


def missed_scrapes(pair: Iterable[Samples], begin: float, end: float, interval: float) -> Mapping[str, int]:
    """By target, between two Unix times: how many scrapes are missing where good samples lie too far apart.

    A sample is good when either Prometheus was told that the target is up. Two scrapes lie `interval` seconds apart,
    give or take a little; the pair's own scrapes lie between each other's.
    """
    good: dict[str, list[float]] = {}
    for one in pair:
        for target, samples in one.items():
            good.setdefault(target, []).extend(at for at, value in samples if value == 1 and begin <= at <= end)
    return {target: _missing(sorted([begin, *times, end]), interval) for target, times in good.items()}


def _missing(times: list[float], interval: float) -> int:
    return sum(max(0, round((later - earlier) / interval) - 1) for earlier, later in pairwise(times))
