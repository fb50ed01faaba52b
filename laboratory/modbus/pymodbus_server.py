"""pymodbus' own server on loopback, or at the far end of a serial line: a Modbus server not written here."""

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

from exporters.dispenser.address import Gateway, SerialSettings, Transport
from laboratory.modbus.libmodbus_terminals import joined_terminals
from laboratory.modbus.plant import Registers
from tapwatch.web import free_port

_SERIAL = SerialSettings(115200, "N", 2)
"""Pseudo-terminals have no speed and no parity; this is what clients may set."""


@asynccontextmanager
async def pymodbus_server(
    units: Mapping[int, Registers], transport: Transport = "tcp", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Gateway]:
    """A server while the context lasts; `tls` is needed for that transport. Units that are not there are silent."""
    devices = [_device(unit, registers) for unit, registers in units.items()]
    gateway = Gateway(transport, "127.0.0.1", free_port())
    with ExitStack() as stack:
        server: ModbusTcpServer | ModbusSerialServer
        if transport == "serial":
            near, far = stack.enter_context(joined_terminals())
            gateway = replace(gateway, host=near, port=0, serial=_SERIAL)
            settings = {"baudrate": _SERIAL.baudrate, "parity": _SERIAL.parity, "stopbits": _SERIAL.stopbits}
            server = ModbusSerialServer(devices, port=far, ignore_missing_devices=True, **settings)  # type: ignore[arg-type]  # by name
        elif transport == "tls":
            # Modbus/TCP Security V2.1 carries whole Modbus TCP frames, unlike pymodbus' own framer for it.
            server = ModbusTlsServer(
                devices, framer=FramerType.SOCKET, address=(gateway.host, gateway.port), sslctx=tls
            )
        else:
            framer = FramerType.RTU if transport == "rtu+tcp" else FramerType.SOCKET
            server = ModbusTcpServer(
                devices, framer=framer, address=(gateway.host, gateway.port), ignore_missing_devices=True
            )
        await server.listen()
        try:
            yield gateway
        finally:
            await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus'


def _device(unit: int, registers: Registers) -> SimDevice:
    coils, discretes, holding, inputs = (list(_blocks(registers, space)) for space in "cdhi")
    return SimDevice(unit, (coils, discretes, holding, inputs))


def _blocks(registers: Registers, space: str) -> Iterator[SimData]:
    """Holes are between the blocks."""
    is_bits = space in "cd"
    for place, held in registers.items():
        if place[0] != space:
            continue
        for start, values in _runs(held):
            datatype = DataType.BITS if is_bits else DataType.REGISTERS
            content = [bool(value) for value in values] if is_bits else list(values)
            yield SimData(int(place[1:]) + start, values=content, datatype=datatype)


def _runs(held: Sequence[int | None]) -> Iterator[tuple[int, Sequence[int]]]:
    """What follows each other without a hole, and where it begins."""
    run: list[int] = []
    for number, value in enumerate([*held, None]):
        if value is not None:
            run.append(value)
        elif run:
            yield number - len(run), run
            run = []
