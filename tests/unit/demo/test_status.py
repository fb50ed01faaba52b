"""The demo's status line."""

import pytest

from demo.observer import Standing
from demo.status import render


@pytest.mark.parametrize(
    ("up", "targets", "words", "style"),
    [
        (0, 0, "targets not scraped yet", "yellow"),
        (7, 9, "targets up 7/9", "yellow"),
        (9, 9, "targets up 9/9", "green"),
    ],
)
def test_only_targets_that_were_scraped_are_shown_as_good(up: int, targets: int, words: str, style: str) -> None:
    line = render(Standing(targets, up, (), 0, 0))
    assert line.plain.startswith(words)
    assert line.spans[0].style == style
