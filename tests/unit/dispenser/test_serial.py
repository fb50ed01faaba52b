"""How a serial line is set, and what that makes of times."""

import itertools

import pytest

from exporters.dispenser.address import SerialSettings, parse_address, parse_gateway


def test_the_default_is_the_standards() -> None:
    """Modbus over Serial Line V1.02, section 2.5.1: 19,200 baud, even parity, 11 bits a character."""
    assert SerialSettings() == SerialSettings(19200, "E", 1)
    assert parse_gateway("serial:///dev/ttyS0").serial == SerialSettings()


@pytest.mark.parametrize(
    ("options", "bits"),
    [("parity=E", 11), ("parity=O", 11), ("parity=N&stopbits=2", 11), ("parity=N", 10), ("parity=E&stopbits=2", 12)],
)
def test_a_character_takes_its_start_data_parity_and_stop_bits(options: str, bits: int) -> None:
    serial = parse_gateway(f"serial:///dev/ttyS0?baudrate=9600&{options}").serial
    assert serial is not None
    assert serial.character_seconds == pytest.approx(bits / 9600)


@pytest.mark.parametrize(
    ("baudrate", "seconds"),
    [(1200, 3.5 * 11 / 1200), (9600, 3.5 * 11 / 9600), (19200, 3.5 * 11 / 19200), (38400, 0.00175), (921600, 0.00175)],
)
def test_frames_end_with_a_silence_that_fast_lines_do_not_shorten(baudrate: int, seconds: float) -> None:
    assert SerialSettings(baudrate).silence_seconds == pytest.approx(seconds)


def test_options_may_stand_in_any_order_and_are_written_in_one() -> None:
    spellings = {
        str(parse_address(f"serial:///dev/ttyS0?{'&'.join(options)}/7"))
        for options in itertools.permutations(("baudrate=9600", "parity=N", "stopbits=2"))
    }
    assert spellings == {"serial:///dev/ttyS0?baudrate=9600&parity=N&stopbits=2/7"}


def test_the_unit_stands_behind_the_options() -> None:
    address = parse_address("serial:///dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0?baudrate=4800/3")
    assert address.gateway.host == "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0"
    assert address.unit == 3


@pytest.mark.parametrize(
    "text",
    [
        "serial:///dev/ttyS0?baudrate=/1",
        "serial:///dev/ttyS0?baudrate=-9600/1",
        "serial:///dev/ttyS0?baudrate=９６００/1",
        "serial:///dev/ttyS0?parity=e/1",
        "serial:///dev/ttyS0?stopbits=1.5/1",
        "serial:///dev/ttyS0?stopbits=3/1",
        "serial:///dev/ttyS0\0/1",
        "serial:///dev/tty S0/1",
        "serial://localhost/dev/ttyS0/1",
        "serial://1",
        "serial:///1",
    ],
)
def test_what_is_no_serial_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        parse_address(text)
