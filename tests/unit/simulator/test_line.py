"""What an exchange takes on a serial line; the expected times are those of the specification, worked out by hand."""

import pytest

from exporters.dispenser.address import SerialSettings
from exporters.dispenser.simulator.line import LineTiming


@pytest.mark.parametrize(
    ("baudrate", "registers", "milliseconds"),
    [(9600, 1, 25.2), (9600, 48, 132.9), (9600, 125, 309.4), (115200, 48, 13.9)],
)
def test_an_exchange_takes_its_characters_and_two_silences(baudrate: int, registers: int, milliseconds: float) -> None:
    timing = LineTiming(SerialSettings(baudrate), turnaround_seconds=0)
    assert timing.exchange_seconds(8, 5 + 2 * registers) * 1000 == pytest.approx(milliseconds, abs=0.05)


def test_the_devices_turnaround_is_added_as_it_is() -> None:
    without, with_it = (LineTiming(SerialSettings(9600), turnaround) for turnaround in (0, 0.045))
    assert with_it.exchange_seconds(8, 101) - without.exchange_seconds(8, 101) == pytest.approx(0.045)


def test_a_request_that_nobody_answers_takes_its_characters_and_a_silence() -> None:
    assert LineTiming(SerialSettings(9600), 0.02).request_seconds(8) == pytest.approx(11.5 * 11 / 9600)


def test_a_serial_port_hands_on_an_answer_as_its_buffer_fills() -> None:
    timing = LineTiming(SerialSettings(9600), 0)
    pieces = timing.pieces([(0.5, bytes(range(40)))])
    assert [piece for _, piece in pieces] == [bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 40))]
    assert [at for at, _ in pieces] == pytest.approx([0.5 - 24 * 11 / 9600, 0.5 - 8 * 11 / 9600, 0.5])


def test_on_a_fast_line_the_pieces_are_larger() -> None:
    pieces = LineTiming(SerialSettings(115200), 0).pieces([(0.0, bytes(101))])
    assert [len(piece) for _, piece in pieces] == [41, 41, 19]
