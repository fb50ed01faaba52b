"""Pymodbus' client for simulated dispensers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import ModbusPDU

from exporters.dispenser.address import Gateway
from exporters.dispenser.simulator.campus import SimulatedDispenser


@asynccontextmanager
async def client_of(gateway: Gateway, timeout: float = 0.4) -> AsyncIterator[AsyncModbusTcpClient]:  # noqa: ASYNC109 - the client's own
    framer = FramerType.RTU if gateway.transport == "rtu+tcp" else FramerType.SOCKET
    client = AsyncModbusTcpClient(
        gateway.host, port=gateway.port, framer=framer, timeout=timeout, retries=0, reconnect_delay=0
    )
    await client.connect()
    try:
        yield client
    finally:
        client.close()


async def ask(dispenser: SimulatedDispenser, start: int = 0, count: int = 48) -> ModbusPDU:
    async with client_of(dispenser.gateway.gateway) as client:
        return await client.read_input_registers(start, count=count, device_id=dispenser.unit.address.unit)
