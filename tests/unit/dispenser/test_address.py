"""A dispenser's address is one string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser.address import DeviceAddress, Gateway, SerialSettings, parse_address, parse_gateway


@pytest.mark.parametrize(
    ("text", "gateway", "unit"),
    [
        ("10.0.5.7:502/17", Gateway("tcp", "10.0.5.7", 502), 17),
        ("10.0.5.7/17", Gateway("tcp", "10.0.5.7", 502), 17),
        ("gw-3.campus.example:1502/0", Gateway("tcp", "gw-3.campus.example", 1502), 0),
        ("[::1]:502/255", Gateway("tcp", "::1", 502), 255),
        ("rtu+tcp://10.0.5.8:4001/3", Gateway("rtu+tcp", "10.0.5.8", 4001), 3),
        ("tls://plc.campus.example/1", Gateway("tls", "plc.campus.example", 802), 1),
        ("serial:///dev/ttyS0/3", Gateway("serial", "/dev/ttyS0", 0, SerialSettings()), 3),
        (
            "serial:///dev/serial/by-id/usb-1a86?baudrate=9600&parity=N&stopbits=2/17",
            Gateway("serial", "/dev/serial/by-id/usb-1a86", 0, SerialSettings(9600, "N", 2)),
            17,
        ),
    ],
)
def test_an_address_names_gateway_and_unit(text: str, gateway: Gateway, unit: int) -> None:
    address = parse_address(text)
    assert address == DeviceAddress(gateway, unit)
    assert parse_address(str(address)) == address
    assert parse_gateway(str(gateway)) == gateway


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.5.7", "right would be"),
        ("10.0.5.7:502", "right would be"),
        ("10.0.5.7:502/", "right would be"),
        ("10.0.5.7:502/1x", "right would be"),
        ("10.0.5.7:502/1\n", "right would be"),
        ("a b:502/1", "right would be"),
        ("::1/1", "right would be"),
        ("/1", "right would be"),
        ("10.0.5.7:0/1", "port 0 is not between 1 and 65535"),
        ("10.0.5.7:70000/1", "port 70000 is not between"),
        ("10.0.5.7:502/256", "unit 256 is not between 0 and 255"),
        ("http://10.0.5.7:502/1", "unknown scheme 'http'"),
        ("rtu+tcp://10.0.5.7/1", "it must be given"),
        ("rtu+tcp://10.0.5.7:0/1", "port 0 is not between"),
        ("serial://ttyUSB0/1", "is not a serial line's address"),
        ("serial:///dev/ttyUSB0?speed=9600/1", "unknown option 'speed'"),
        ("serial:///dev/ttyUSB0?baudrate=9601/1", "baudrate '9601' is not one of"),
        ("serial:///dev/ttyUSB0?parity=even/1", "parity 'even' is not one of N, E, O"),
    ],
)
def test_what_is_no_address_is_answered_with_what_would_be(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(text)


@given(st.from_regex(r"(rtu\+tcp://)?[a-z][a-z0-9.-]{0,20}:[1-9][0-9]{0,3}/[0-9]{1,2}", fullmatch=True))
def test_an_address_reads_back_as_the_same(text: str) -> None:
    address = parse_address(text)
    assert parse_address(str(address)) == address


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("PLC.example/1", "plc.example/1"),
        ("[::1]/1", "[0:0:0:0:0:0:0:1]/1"),
        ("[FD00::7]:502/1", "[fd00::7]/1"),
        ("[::ffff:10.0.5.7]/1", "10.0.5.7/1"),
        ("serial:///dev//ttyS0/1", "serial:///dev/ttyS0/1"),
    ],
)
def test_two_spellings_name_one_gateway(one: str, other: str) -> None:
    assert parse_address(one) == parse_address(other)


@pytest.mark.parametrize("host", [".", "1", "10.7", "167772161", "010.0.0.1", "10.0.5.7.", "10.0.5.256", "[:::1]"])
def test_what_only_looks_like_an_ip_address_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        parse_address(f"{host}/1")
