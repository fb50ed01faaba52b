"""The way to a server, step by step: name, connection, TLS, and the certificate that it shows.

A connection of its own, that only looks: the certificate is not verified, or nothing could be told of one that has
expired, and neither credentials nor requests are sent. Whether the certificate is trusted is for the requests to say.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from cryptography import x509
from yarl import URL

from exporters.cluster.thread import resolve
from tapwatch.tls import trusting_context

_LOOKING = trusting_context()


@dataclass(frozen=True)
class Stages:
    """Seconds of each step that was completed, and the certificate's end; what was not reached is None."""

    dns: float | None = None
    """None, too, where the URL holds an IP address."""
    connect: float | None = None
    tls: float | None = None
    certificate_expires: float | None = None
    """Unix time."""


def certificate_expiry(der: bytes) -> float | None:
    """When a certificate expires, in Unix time; None when it cannot be read."""
    try:
        return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp()
    except ValueError:
        return None


async def look(url: str, server_name: str | None, seconds: float) -> Stages:
    """How far a connection to `url` gets within `seconds`. Never raises for what a server does."""
    steps = _Steps()
    with suppress(OSError, TimeoutError, EOFError):  # ssl.SSLError is an OSError
        async with asyncio.timeout(seconds):
            await _walk(URL(url), server_name, steps)
    return Stages(steps.dns, steps.connect, steps.tls, steps.certificate_expires)


@dataclass
class _Steps:
    """Stages while they are walked."""

    dns: float | None = None
    connect: float | None = None
    tls: float | None = None
    certificate_expires: float | None = None


async def _walk(url: URL, server_name: str | None, steps: _Steps) -> None:
    host, port = url.host or "", url.port or 443
    clock = time.perf_counter
    started = clock()
    addresses = await resolve(host, port)
    named = clock()
    if addresses[0] != host:
        steps.dns = named - started
    async with _connection(addresses[0], port) as (_, writer):
        connected = clock()
        steps.connect = connected - named
        if url.scheme == "https":
            await writer.start_tls(_LOOKING, server_hostname=server_name or host)
            steps.tls = clock() - connected
            steps.certificate_expires = certificate_expiry(_certificate(writer))


def _certificate(writer: asyncio.StreamWriter) -> bytes:
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    return tls.getpeercert(binary_form=True) or b""


@asynccontextmanager
async def _connection(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()  # a hung server would never take part in a farewell
