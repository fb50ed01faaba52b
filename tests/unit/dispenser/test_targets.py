"""What may be probed beside the inventory, by the settings."""

from ipaddress import IPv4Network, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.dispenser.address import parse_gateway
from exporters.dispenser.targets import Network, TargetPolicy

OWN = parse_gateway("plc.campus.example:502")
OWN_LINE = parse_gateway("serial:///opt/lines/north")
INVENTORY = frozenset((OWN, OWN_LINE))


def policy(*networks: str) -> TargetPolicy:
    found: tuple[Network, ...] = tuple(ip_network(one) for one in networks)
    return TargetPolicy(found, INVENTORY)


ANY = TargetPolicy("any", INVENTORY)
CLOSED = TargetPolicy("inventory", INVENTORY)


@pytest.mark.parametrize("given_policy", [ANY, CLOSED, policy("10.0.0.0/8"), policy()])
def test_the_inventory_is_always_allowed(given_policy: TargetPolicy) -> None:
    assert given_policy.refuse(OWN) is None
    assert given_policy.refuse(OWN_LINE) is None


@pytest.mark.parametrize(
    "target", ["10.0.5.7:502", "tls://10.0.5.7", "rtu+tcp://gw.example:4001", "serial:///dev/ttyS0", str(OWN) + "1"]
)
def test_nothing_else_is_allowed_where_only_the_inventory_is(target: str) -> None:
    refusal = CLOSED.refuse(parse_gateway(target))
    assert (
        refusal
        == f"{parse_gateway(target)} is not in the inventory, and the settings allow nothing else (targets: inventory)"
    )


@pytest.mark.parametrize("target", ["rtu+tcp://plc.campus.example:502", "tls://plc.campus.example:502"])
def test_a_gateway_of_the_inventory_is_not_allowed_with_another_framing(target: str) -> None:
    assert CLOSED.refuse(parse_gateway(target)) is not None


@pytest.mark.parametrize(
    ("target", "is_allowed"),
    [
        ("10.0.0.0:502", True),
        ("10.255.255.255:1", True),
        ("tls://10.1.2.3", True),
        ("rtu+tcp://10.1.2.3:4001", True),
        ("[fd00::7]:502", True),
        ("11.0.0.0:502", False),
        ("127.0.0.1:502", False),
        ("[fe80::7]:502", False),
        ("[::ffff:10.0.0.1]:502", True),  # an IPv4 address in IPv6's clothes
        ("[::ffff:11.0.0.1]:502", False),
        ("localhost:502", False),
        ("gw.example:502", False),
        ("0x0a000001:502", False),
    ],
)
def test_networks_allow_addresses_and_no_names(target: str, is_allowed: bool) -> None:  # noqa: FBT001 - a case's
    assert (policy("10.0.0.0/8", "fd00::/8").refuse(parse_gateway(target)) is None) == is_allowed


def test_a_refusal_names_the_networks() -> None:
    refusal = policy("10.0.0.0/8", "fd00::/8").refuse(parse_gateway("127.0.0.1"))
    assert refusal == "127.0.0.1:502 is neither in the inventory nor an address in 10.0.0.0/8, fd00::/8"


@given(st.ip_addresses(v=4))
def test_an_address_is_allowed_just_when_it_is_in_the_network(address: object) -> None:
    network = IPv4Network("10.20.0.0/14")
    refusal = TargetPolicy((network,), frozenset()).refuse(parse_gateway(f"{address}:502"))
    assert (refusal is None) == (address in network)


@pytest.mark.parametrize("given_policy", [ANY, policy("0.0.0.0/0", "::/0")])
@pytest.mark.parametrize(
    "device",
    [
        "/dev/watchdog",
        "/dev/null",
        "/dev/tty",
        "/dev/tty1",
        "/dev/sda",
        "/dev/mem",
        "/etc/passwd",
        "/dev/ttyS",
        "/dev/serial/by-id/../../watchdog",
        "/dev/serial/by-id/..",
        "/proc/self/fd/0",
        "/dev/fd/0",
    ],
)
def test_only_serial_devices_may_be_opened_as_serial_lines(device: str, given_policy: TargetPolicy) -> None:
    refusal = given_policy.refuse(parse_gateway(f"serial://{device}"))
    assert refusal is not None
    assert "is not a serial line's device, as /dev/ttyS0 or /dev/ttyUSB0, nor in the inventory" in refusal


@pytest.mark.parametrize("device", ["/dev/ttyS0", "/dev/ttyUSB12", "/dev/ttyACM0", "/dev/ttyAMA0"])
def test_serial_devices_may_be_opened_where_addresses_are_allowed(device: str) -> None:
    """Even one that is not there: then the probe says so."""
    assert ANY.refuse(parse_gateway(f"serial://{device}")) is None


def test_a_link_to_another_device_is_no_serial_line(tmp_path: Path) -> None:
    link = tmp_path / "ttyS0"
    link.symlink_to("/dev/ttyS0")
    assert ANY.refuse(parse_gateway(f"serial://{link}")) is not None, "its own name is not a serial device's"


def test_a_terminal_is_no_serial_line() -> None:
    assert ANY.refuse(parse_gateway("serial:///dev/pts/0")) is not None
