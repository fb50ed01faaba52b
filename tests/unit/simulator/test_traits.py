"""What is said of difficult devices."""

import pytest
from pydantic import ValidationError

from exporters.dispenser.simulator.traits import Hole, Traits


@pytest.mark.parametrize(
    ("start", "count", "touches"), [(0, 10, False), (0, 11, True), (12, 1, True), (13, 9, False), (5, 40, True)]
)
def test_a_hole_is_touched_by_any_of_its_registers(start: int, count: int, touches: bool) -> None:  # noqa: FBT001
    assert Hole.parse("i10-i12").touches("input", start, count) is touches
    assert not Hole.parse("i10-i12").touches("holding", start, count)


@pytest.mark.parametrize("text", ["i10", "h0-h3", "c5", "d1-d2"])
def test_a_hole_is_written_as_it_is_read(text: str) -> None:
    assert str(Hole.parse(text)) == text
    assert Traits.model_validate({"holes": [text]}).model_dump(mode="json", exclude_defaults=True) == {"holes": [text]}


@pytest.mark.parametrize("text", ["x1", "i3-i1", "i1-h2", "i1-", "70000", "i70000"])
def test_what_is_no_hole_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="right would be"):
        Hole.parse(text)


@pytest.mark.parametrize("faulty", [{"cap": -1}, {"cap_exception": 4}, {"idle_ms": -1}, {"hole": "i1"}])
def test_what_no_device_is_like_is_refused(faulty: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Traits.model_validate(faulty)


def test_the_cap_comes_before_the_holes() -> None:
    traits = Traits.model_validate({"holes": ["i5"], "cap": 10})
    assert traits.refusal("input", 0, 11) == 3
    assert traits.refusal("input", 0, 10) == 2
    assert traits.refusal("input", 6, 10) is None
