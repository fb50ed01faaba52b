"""A simulated serial line's near end: a pseudo-terminal whose other end a client opens as a serial device."""

import asyncio
import contextlib
import os
import tty

from exporters.dispenser.simulator.connection import Connection

_LARGEST_READ = 4096


class SerialPort(asyncio.Transport):
    """A pair of pseudo-terminals in raw mode; a transport on this end of it.

    The other end stays open here, too: a client may come and go, and what it finds is the same device.
    """

    def __init__(self) -> None:
        super().__init__()
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.path = os.ttyname(self._far)
        self._connection: Connection | None = None

    def connect(self, connection: Connection) -> None:
        """Hand on what arrives from now on."""
        self._connection = connection
        asyncio.get_running_loop().add_reader(self._near, self._read)
        connection.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """What nobody reads is lost, as on wires."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._near, data)

    def is_closing(self) -> bool:
        """Whether `close` was called."""
        return self._near < 0

    def close(self) -> None:
        """The device is gone."""
        if self._near >= 0:
            if self._connection is not None:
                asyncio.get_running_loop().remove_reader(self._near)
            os.close(self._near)
            os.close(self._far)
            self._near = -1

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            if self._connection is not None:
                self._connection.data_received(os.read(self._near, _LARGEST_READ))
