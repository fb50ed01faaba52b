"""What a scrape asks for: its URL and headers, understood, or a sentence about what is wrong with them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from exporters.dispenser.address import DeviceAddress, parse_address, parse_gateway
from exporters.dispenser.inventory import Dispenser
from exporters.dispenser.module import Module
from exporters.dispenser.settings import State

DEFAULT_MODULE = "default"

_DEFAULT_TIMEOUT = "10"
"""Seconds, for a scrape that does not say how long Prometheus will wait; Prometheus' own default."""
_ANSWER_SECONDS = 0.5
"""Kept back from Prometheus' timeout for the way back, as blackbox_exporter does."""
_TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"


@dataclass(frozen=True)
class ProbeRequest:
    """`/probe`: one dispenser."""

    address: DeviceAddress
    module: Module
    budget: float
    """Seconds until the answer has to be on its way."""
    debug: bool

    @classmethod
    def parse(cls, request: web.Request, state: State) -> "ProbeRequest":
        """Raises ValueError with a sentence for the person who wrote the request."""
        address = parse_address(_target(request, "/probe?target=10.0.5.7:502/17&module=default"))
        _check(state.policy.refuse(address.gateway))
        known = state.inventory.by_address.get(address)
        name = request.query.get("module") or (known.module if known else DEFAULT_MODULE)
        if name not in state.modules:
            raise ValueError(f"unknown module {name!r}; the register maps are: {', '.join(sorted(state.modules))}")
        debug = request.query.get("debug", "").lower() == "true"
        return cls(address, state.modules[name], _budget(request), debug)


@dataclass(frozen=True)
class GatewayRequest:
    """`/gateway`: all dispensers of the inventory behind one gateway."""

    dispensers: Sequence[Dispenser]
    budget: float

    @classmethod
    def parse(cls, request: web.Request, state: State) -> "GatewayRequest":
        """Raises ValueError with a sentence for the person who wrote the request."""
        gateway = parse_gateway(_target(request, "/gateway?target=10.0.5.7:502"))
        dispensers = state.inventory.by_gateway.get(gateway)
        if dispensers is None:
            raise ValueError(f"the inventory has no dispenser behind {gateway}; /sd/gateways lists the gateways")
        return cls(dispensers, _budget(request))


def _target(request: web.Request, example: str) -> str:
    target = request.query.get("target", "")
    if not target:
        raise ValueError(f"target is missing: {example}")
    return re.sub("^rtu tcp://", "rtu+tcp://", target)  # a plus sign that was not escaped is a blank in a URL


def _check(refusal: str | None) -> None:
    if refusal is not None:
        raise ValueError(refusal)


def _budget(request: web.Request) -> float:
    """Seconds until Prometheus gives up, less the time the answer takes; raises ValueError."""
    text = request.headers.get(_TIMEOUT_HEADER, _DEFAULT_TIMEOUT)
    try:
        timeout = float(text)
    except ValueError:
        timeout = -1
    if not 0 < timeout < float("inf"):
        raise ValueError(f"{_TIMEOUT_HEADER} is {text!r}, which is no number of seconds above 0")
    return max(timeout - _ANSWER_SECONDS, timeout / 2)
