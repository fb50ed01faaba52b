"""TLS and serial lines at their edges: who is trusted, who may open a line, and what an unplugged adapter does."""

import asyncio
import os
import ssl
import tty
from datetime import timedelta
from pathlib import Path

import pytest
import serial

from exporters.dispenser.address import DeviceAddress, Gateway, SerialSettings, parse_address
from exporters.dispenser.device import read_once
from exporters.dispenser.framing import with_crc
from exporters.dispenser.module import Module
from exporters.dispenser.probe import Probe
from exporters.dispenser.registermap import Place, RegisterMap, Value
from exporters.dispenser.tls import TlsSettings, client_context
from laboratory.kubernetes.certificates import Authority
from laboratory.modbus.libmodbus_terminals import joined_terminals
from laboratory.modbus.plant import Registers
from laboratory.modbus.pymodbus_server import pymodbus_server
from tapwatch.catalogue import DISPENSER_ERROR_CODE
from tapwatch.errors import PollReason

MODULE = Module(
    RegisterMap("one", "", "ABCD", None, (Value(Place("input", 0), "u16", "ABCD", DISPENSER_ERROR_CODE, {}),))
)
UNITS: dict[int, Registers] = {1: {"i0": [7], "h0": [0], "c0": [0], "d0": [0]}}
"""pymodbus' server wants something in every space."""


async def read(address: DeviceAddress, tls: TlsSettings = TlsSettings(), seconds: float = 5) -> Probe:  # noqa: B008 - frozen
    return await read_once(address, MODULE, seconds, client_context(tls, "tls"))


def outcome(result: Probe) -> str:
    return "up" if result.error is None else result.error.reason


class Certificates:
    """An authority that both sides trust, with its files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = Authority.create("campus")
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(self.authority.certificate_pem)

    def server(self, host: str = "127.0.0.1", lifetime: timedelta = timedelta(days=1)) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.authority.server("gateway", [host], lifetime).write(self._folder, "gateway"))
        return context

    def client(self) -> TlsSettings:
        certificate, key = self.authority.client("tapwatch").write(self._folder, "client")
        return TlsSettings(ca_file=self.ca_file, cert_file=certificate, key_file=key)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def test_a_gateway_that_asks_for_our_certificate_gets_it(certificates: Certificates) -> None:
    context = certificates.server()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.ca_file)
    async with pymodbus_server(UNITS, "tls", context) as gateway:
        assert outcome(await read(DeviceAddress(gateway, 1), certificates.client())) == "up"
        without = await read(DeviceAddress(gateway, 1), TlsSettings(ca_file=certificates.ca_file))
        assert outcome(without) in {PollReason.TLS, PollReason.DISCONNECT}
        assert "PRIVATE KEY" not in str(without.error)


async def test_a_certificate_that_nobody_signed_is_not_believed(certificates: Certificates) -> None:
    async with pymodbus_server(UNITS, "tls", certificates.server()) as gateway:
        result = await read(DeviceAddress(gateway, 1))
    assert outcome(result) == PollReason.TLS
    assert "its certificate is not trusted: " in str(result.error)


async def test_a_certificate_of_another_host_is_not_believed(certificates: Certificates) -> None:
    async with pymodbus_server(UNITS, "tls", certificates.server("127.0.0.2")) as gateway:
        result = await read(DeviceAddress(gateway, 1), TlsSettings(ca_file=certificates.ca_file))
    assert outcome(result) == PollReason.TLS
    assert "IP address mismatch" in str(result.error)


async def test_a_certificate_that_has_expired_is_not_believed(certificates: Certificates) -> None:
    async with pymodbus_server(UNITS, "tls", certificates.server(lifetime=-timedelta(days=1))) as gateway:
        result = await read(DeviceAddress(gateway, 1), TlsSettings(ca_file=certificates.ca_file))
    assert outcome(result) == PollReason.TLS
    assert "certificate has expired" in str(result.error)


async def test_a_gateway_without_tls_is_not_spoken_to_in_the_clear(certificates: Certificates) -> None:
    heard = bytearray()

    async def answer_in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(4096))
        writer.write(b"\x00\x01\x00\x00\x00\x05\x01\x04\x02\x00\x07")
        writer.close()

    server = await asyncio.start_server(answer_in_the_clear, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await read(parse_address(f"tls://127.0.0.1:{port}/1"), TlsSettings(ca_file=certificates.ca_file))
    server.close()
    assert outcome(result) == PollReason.TLS
    assert heard[:1] == b"\x16", "a TLS handshake, and nothing of Modbus"


@pytest.mark.parametrize("scheme", ["", "tls://", "rtu+tcp://"])
@pytest.mark.parametrize("host", [".example", "a" * 64 + ".example", "a" * 4000])
async def test_a_host_that_no_name_can_be_is_told_as_resolve(host: str, scheme: str) -> None:
    assert outcome(await read(parse_address(f"{scheme}{host}:502/1"))) == PollReason.RESOLVE


async def test_a_line_that_another_program_has_open_is_told_as_connect() -> None:
    async with pymodbus_server(UNITS, "serial") as gateway:
        with serial.Serial(gateway.host, exclusive=True):
            result = await read(DeviceAddress(gateway, 1))
        assert outcome(result) == PollReason.CONNECT
        assert f"{gateway.host} cannot be opened: " in str(result.error)
        assert outcome(await read(DeviceAddress(gateway, 1))) == "up", "free again"


@pytest.mark.parametrize("path", ["/dev/no-such-line", "/dev/null", "/etc/hostname"])
async def test_what_is_no_line_is_told_as_connect(path: str) -> None:
    result = await read(DeviceAddress(Gateway("serial", path, 0, SerialSettings()), 1))
    assert outcome(result) == PollReason.CONNECT


async def test_an_adapter_that_is_unplugged_is_told_as_disconnect() -> None:
    near, far = os.openpty()
    tty.setraw(far)
    asking = asyncio.create_task(read(DeviceAddress(Gateway("serial", os.ttyname(far), 0, SerialSettings()), 1)))
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(near, asked.set)
    await asyncio.wait_for(asked.wait(), 10)
    loop.remove_reader(near)
    os.close(near)
    assert outcome(await asking) == PollReason.DISCONNECT
    os.close(far)


async def test_noise_from_before_the_line_was_opened_is_no_answer() -> None:
    with joined_terminals() as (near, far):
        descriptor = os.open(far, os.O_RDWR | os.O_NOCTTY)
        os.write(descriptor, with_crc(bytes.fromhex("01 04 02 0063")))  # unit 1: 99
        await asyncio.sleep(0.1)
        result = await read(DeviceAddress(Gateway("serial", near, 0, SerialSettings()), 1), seconds=0.5)
        os.close(descriptor)
    assert outcome(result) == PollReason.TIMEOUT
