"""The address that users use: a plain TCP load balancer in front of the replicas."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from exporters.cluster.simulator.server import HOST

_CHUNK_BYTES = 65536

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Forwarder:
    """Gives each connection to the next replica in turn that accepts it.

    As a simple balancer it checks no health: a replica that hangs still accepts connections, and gets its share.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._turns = itertools.cycle(range(len(ports)))
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[int]:
        """Listening while the context lasts; yields the port."""
        server = await asyncio.start_server(self._accept, HOST, 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward((reader, writer)))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _forward(self, user: Stream) -> None:
        replica = await self._connect()
        streams = (user,) if replica is None else (user, replica)
        try:
            if replica is not None:
                await _join(user, replica)
        finally:
            for _, writer in streams:
                writer.transport.abort()

    async def _connect(self) -> Stream | None:
        """To the next replica that accepts; None when none does.

        Each connection has one turn and tries every replica from there: those that come meanwhile take none of it.
        """
        turn = next(self._turns)
        for port in (*self._ports[turn:], *self._ports[:turn]):
            with suppress(OSError):
                return await asyncio.open_connection(HOST, port)
        return None


async def _join(user: Stream, replica: Stream) -> None:
    """Carry bytes both ways until one side ends."""
    ways = [asyncio.create_task(_carry(user[0], replica[1])), asyncio.create_task(_carry(replica[0], user[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
