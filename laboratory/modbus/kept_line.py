"""A line of our own to a gateway of the tests."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from exporters.dispenser.address import parse_address
from exporters.dispenser.line import Line, LineMetrics
from laboratory.modbus.gateway import Gateway

_TLS = ssl.create_default_context()


@asynccontextmanager
async def line_to(gateway: Gateway) -> AsyncIterator[Line]:
    """Closed at the end."""
    line = Line(parse_address(f"{gateway.address}/1").gateway, 1, _TLS, LineMetrics(CollectorRegistry()))
    try:
        yield line
    finally:
        line.close()
