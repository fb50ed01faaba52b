"""Everything that is kept between probes: the lines to gateways, and what is known of the devices behind them."""

import asyncio
from dataclasses import dataclass, field

from exporters.dispenser.address import DeviceAddress, Gateway
from exporters.dispenser.device import Device
from exporters.dispenser.line import Line, LineMetrics
from exporters.dispenser.module import Module
from exporters.dispenser.settings import State

_IDLE_SECONDS = 600.0
"""What nobody asked for so long is forgotten."""
_SWEEP_SECONDS = 60.0


@dataclass
class _Kept:
    """One gateway's line and devices."""

    line: Line
    devices: dict[tuple[int, int], Device] = field(default_factory=dict)
    """By unit and by the module's identity."""
    used: float = 0.0


class Fleet:
    """The lines and devices of a process."""

    def __init__(self, metrics: LineMetrics) -> None:
        self._metrics = metrics
        self._kept: dict[Gateway, _Kept] = {}
        self._swept = 0.0

    def device(self, address: DeviceAddress, module: Module, state: State) -> Device:
        """The device at an address, read by a module."""
        kept = self._keep(address.gateway, state)
        key = address.unit, id(module)
        if key not in kept.devices:
            kept.devices[key] = Device(address.unit, module, kept.line, state.settings.timeout)
        device = kept.devices[key]
        device.used = kept.used
        return device

    def has_neighbours(self, gateway: Gateway) -> bool:
        """Whether several units were asked for behind a gateway."""
        kept = self._kept.get(gateway)
        return kept is not None and len({unit for unit, _ in kept.devices}) > 1

    def use(self, state: State, before: State) -> None:
        """After a reload: what was learned by other settings or maps is not to be used; the connections stay."""
        modules = {id(one) for one in state.modules.values()} if state.settings == before.settings else set()
        for kept in self._kept.values():
            kept.line.use(state.settings.timeout, state.tls)
            kept.devices = {key: device for key, device in kept.devices.items() if key[1] in modules}

    def close(self) -> None:
        """Close all lines."""
        for kept in self._kept.values():
            kept.line.close()
        self._kept.clear()

    def _keep(self, gateway: Gateway, state: State) -> _Kept:
        now = asyncio.get_running_loop().time()
        if now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            self._forget_idle(now)
        kept = self._kept.get(gateway)
        if kept is None:
            kept = self._kept[gateway] = _Kept(Line(gateway, state.settings.timeout, state.tls, self._metrics))
        kept.used = now
        return kept

    def _forget_idle(self, now: float) -> None:
        for gateway in [one for one, kept in self._kept.items() if now - kept.used > _IDLE_SECONDS]:
            if not self._kept[gateway].line.busy:
                self._kept.pop(gateway).line.close()
        for kept in self._kept.values():
            kept.devices = {key: one for key, one in kept.devices.items() if now - one.used <= _IDLE_SECONDS}
