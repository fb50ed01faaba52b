"""How many requests a gateway is sent at once, set or learned."""

import pytest

from exporters.dispenser.window import Window


def proven(window: Window) -> Window:
    while window.wants_proof:
        window.note_proof()
    return window


@pytest.mark.parametrize("size", [1, 4, 16])
def test_a_size_that_is_set_is_kept_from_the_start(size: int) -> None:
    assert Window().size(size) == size


def test_without_proof_nothing_is_learned_from_right_answers() -> None:
    window = Window()
    for _ in range(1000):
        window.note_answer()
    assert window.size("learn") == 1


def test_with_proof_it_grows_by_one_for_each_window_full_of_answers() -> None:
    window, answers, sizes = proven(Window()), 0, []
    while window.size("learn") < 16 and answers < 1000:
        before = window.size("learn")
        window.note_answer()
        answers += 1
        if window.size("learn") != before:
            assert window.size("learn") == before + 1
            sizes.append(answers)
    assert len(sizes) == 15
    assert sizes == sorted(sizes)
    for _ in range(1000):
        window.note_answer()
    assert window.size("learn") == 16


@pytest.mark.parametrize("wanted", ["learn", 1, 16])
def test_after_a_mix_up_it_is_one_for_good(wanted: int) -> None:
    window = proven(Window())
    for _ in range(100):
        window.note_answer()
    window.shrink()
    for _ in range(100):
        window.note_answer()
        window.note_proof()
    assert window.size(wanted) == 1
    assert not window.wants_proof, "it is not asked for again"
