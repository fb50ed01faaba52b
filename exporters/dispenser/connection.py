"""Connections to gateways: TCP, TLS and serial lines, each a source of bytes and a place to write them to."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import serial

from exporters.dispenser.address import Gateway, SerialSettings
from tapwatch.errors import PollError, PollReason

_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""A gateway that vanished without a word is noticed within a minute, even when nobody asks it anything."""
_READ_BYTES = 4096


@dataclass(frozen=True)
class Listener:
    """Who hears what comes over a connection."""

    received: Callable[[bytes], None]
    lost: Callable[[Exception | None], None]
    """Called once, when the other side closed the connection or it broke; not after `close`."""


class Connection(Protocol):
    """An open connection."""

    def write(self, data: bytes) -> None:
        """Send, without waiting."""

    def close(self) -> None:
        """Close it at once; the listener hears nothing more."""


async def connect(gateway: Gateway, listener: Listener, tls: ssl.SSLContext) -> Connection:
    """Open a connection, as long as it takes; `tls` is used for a `tls://` gateway. Raises PollError."""
    if gateway.serial is not None:
        return _open_serial(gateway, gateway.serial, listener)
    loop = asyncio.get_running_loop()
    try:
        _, stream = await loop.create_connection(
            lambda: _Stream(listener),
            gateway.host,
            gateway.port,
            ssl=tls if gateway.transport == "tls" else None,
        )
    except (socket.gaierror, UnicodeError) as error:
        raise PollError(PollReason.RESOLVE, f"the host name {gateway.host} has no address") from error
    except ssl.SSLError as error:
        raise PollError(PollReason.TLS, f"{gateway}: {_ssl_sentence(error)}") from error
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise PollError(PollReason.CONNECT, f"{gateway} does not accept connections: {reason}") from error
    return stream


def _ssl_sentence(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return f"no TLS there: {error.reason or error}"


class _Stream(asyncio.Protocol):
    """A TCP or TLS connection."""

    def __init__(self, listener: Listener) -> None:
        self._listener: Listener | None = listener
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        connected: socket.socket = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):  # Linux
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def data_received(self, data: bytes) -> None:
        if self._listener is not None:
            self._listener.received(data)

    def connection_lost(self, error: Exception | None) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.lost(error)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        self._listener = None
        if self._transport is not None:
            self._transport.abort()  # the answer that may still come is of no use, nor is TLS' farewell


def _open_serial(gateway: Gateway, settings: SerialSettings, listener: Listener) -> "_SerialLine":
    try:
        port = serial.Serial(
            gateway.host,
            baudrate=settings.baudrate,
            parity=settings.parity,
            stopbits=settings.stopbits,
            timeout=0,
            write_timeout=0,
            exclusive=True,
        )
    except (OSError, ValueError) as error:  # pyserial's own error is an OSError
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise PollError(PollReason.CONNECT, f"{gateway.host} cannot be opened: {reason}") from error
    return _SerialLine(port, listener)


class _SerialLine:
    """A serial line, open for us alone."""

    def __init__(self, port: serial.Serial, listener: Listener) -> None:
        self._port = port
        self._listener: Listener | None = listener
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(port.fileno(), self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._port.fileno(), _READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._lose(None)
        elif self._listener is not None:
            self._listener.received(data)

    def _lose(self, error: Exception | None) -> None:
        """The adapter was unplugged."""
        listener = self._listener
        self.close()
        if listener is not None:
            listener.lost(error)

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)  # a question is short: it fits into the driver's buffer
        except OSError as error:
            self._loop.call_soon(self._lose, error)

    def close(self) -> None:
        self._listener = None
        if self._port.is_open:
            self._loop.remove_reader(self._port.fileno())
            self._port.close()
