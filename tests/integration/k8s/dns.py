"""A name server on loopback that knows one name, as a cluster's knows a headless Service."""

import asyncio
import ipaddress
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

_HEADER = struct.Struct("!HHHHHH")
_QUESTION_END = struct.Struct("!HH")
_A = 1
_ANSWER, _UNKNOWN = 0x8180, 0x8183
_SECONDS_TO_LIVE = 5


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers for `name` with `addresses`, in any order, as a cluster's does."""

    name: str
    addresses: list[str]
    order: random.Random
    port: int = 0
    _transport: asyncio.DatagramTransport | None = field(default=None, init=False)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It listens."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # which asyncio's own is not by name
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One question: A records of the name, none of another type, and no other name."""
        number = _HEADER.unpack_from(data)[0]
        name, end = _name(data, _HEADER.size)
        kind = _QUESTION_END.unpack_from(data, end)[0]
        is_known = name == self.name
        found = self.order.sample(self.addresses, len(self.addresses)) if is_known and kind == _A else []
        header = _HEADER.pack(number, _ANSWER if is_known else _UNKNOWN, 1, len(found), 0, 0)
        question = data[_HEADER.size : end + _QUESTION_END.size]
        assert self._transport is not None
        self._transport.sendto(header + question + b"".join(map(_record, found)), addr)


@asynccontextmanager
async def name_server(name: str, addresses: list[str], seed: int) -> AsyncIterator[NameServer]:
    """It serves while the context lasts; its `addresses` may change."""
    server = NameServer(name, addresses, random.Random(seed))
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()


def _name(data: bytes, start: int) -> tuple[str, int]:
    labels = []
    while length := data[start]:
        labels.append(data[start + 1 : start + 1 + length].decode())
        start += 1 + length
    return ".".join(labels), start + 1


def _record(address: str) -> bytes:
    """For the name in the question."""
    return struct.pack("!HHHIH", 0xC00C, _A, 1, _SECONDS_TO_LIVE, 4) + ipaddress.IPv4Address(address).packed
