"""Modbus frames by hand: questions of a client that sees every byte of the answer, and when it came."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from pymodbus.framer import FramerRTU

from exporters.dispenser.address import Gateway

MBAP = struct.Struct(">HHHB")


def tcp_question(transaction: int, unit: int, count: int = 48, start: int = 0) -> bytes:
    """Input registers over Modbus TCP."""
    return MBAP.pack(transaction, 0, 6, unit) + struct.pack(">BHH", 4, start, count)


def rtu_question(unit: int, count: int = 48, start: int = 0) -> bytes:
    """The same with RTU framing."""
    return with_crc(struct.pack(">BBHH", unit, 4, start, count))


def with_crc(frame: bytes) -> bytes:
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


@dataclass
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self, within: float = 5) -> tuple[int, int, bytes]:
        """(transaction, unit, the rest) of the next Modbus TCP answer."""
        async with asyncio.timeout(within):
            transaction, _, length, unit = MBAP.unpack(await self.reader.readexactly(MBAP.size))
            return transaction, unit, await self.reader.readexactly(length - 1)

    async def heard(self, seconds: float) -> bytes:
        """Every byte that comes within this time."""
        heard = b""
        try:
            async with asyncio.timeout(seconds):
                while more := await self.reader.read(4096):
                    heard += more
        except TimeoutError:
            pass
        return heard


@asynccontextmanager
async def wire_to(gateway: Gateway, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port, ssl=tls)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
