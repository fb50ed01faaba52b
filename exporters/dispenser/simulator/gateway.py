"""A simulated gateway: pymodbus' server in front of several units, with the faults of the line."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from exporters.dispenser.address import Gateway
from exporters.dispenser.registermap import Space
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.unit import Unit
from tapwatch.errors import TapwatchError

SLOW_SECONDS = 3.0

# Modbus Application Protocol V1.1b3, sections 6.1 to 6.4.
_SPACES: dict[int, Space] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}

# Where the unit stands in a frame: after the header's first six bytes, or first.
_UNIT_AT = {"tcp": 6, "rtu+tcp": 0}


@dataclass
class Traffic:
    """What has gone over a gateway's network side."""

    connections: int = 0
    requests: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class SimulatedGateway:
    """Units behind one TCP port."""

    def __init__(self, gateway: Gateway, units: Mapping[int, Unit]) -> None:
        self.gateway = gateway
        self.units = units
        self.traffic = Traffic()
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        """Listen; raises TapwatchError when the port is taken."""
        framer = FramerType.RTU if self.gateway.framing == "rtu+tcp" else FramerType.SOCKET
        server = ModbusTcpServer(
            SimDevice(0, simdata=[SimData(0, datatype=DataType.REGISTERS)]),  # replaced by our own below
            framer=framer,
            address=(self.gateway.host, self.gateway.port),
            ignore_missing_devices=True,
            trace_packet=self._pass,
            trace_connect=self._note_connection,
        )
        server.context = _Units(self)  # type: ignore[assignment]  # it has the two methods that the server calls
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            raise TapwatchError(f"cannot listen on {self.gateway}") from error
        self._server = server

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus
            self._server = None

    async def follow_faults(self) -> None:
        """Go off or on line as the units' faults say."""
        off = any(Fault.GATEWAY_OFFLINE in unit.faults for unit in self.units.values())
        if off and self._server is not None:
            await self.stop()
        elif not off and self._server is None:
            await self.start()

    def _note_connection(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus' callback
        self.traffic.connections += connected

    def _pass(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus' callback
        """Count, and flip bits of answers where there is noise on the line."""
        if not sending:
            self.traffic.bytes_in += len(data)
            return data
        self.traffic.bytes_out += len(data)
        unit = self.units.get(data[_UNIT_AT[self.gateway.framing]])
        if unit is not None and Fault.GARBAGE in unit.faults:
            return bytes(byte ^ 0x55 for byte in data)
        return data


class _Units:
    """Stands where pymodbus' server keeps its data: asks the unit that the request names."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway

    async def async_getValues(  # noqa: N802 - pymodbus' name
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        """The answer to a request that reads."""
        self._gateway.traffic.requests += 1
        unit = self._gateway.units.get(device_id)
        if unit is None or Fault.OFFLINE in unit.faults:
            raise NoSuchIdException(f"unit {device_id} is silent")
        if Fault.BUSY in unit.faults:
            return ExcCodes.DEVICE_BUSY
        if Fault.SLOW in unit.faults:
            await asyncio.sleep(SLOW_SECONDS)
        space = _SPACES.get(func_code)
        words = unit.read(space, address, count) if space else None
        if words is None:
            return ExcCodes.ILLEGAL_ADDRESS
        return [bool(word) for word in words] if space in {"coil", "discrete"} else list(words)

    async def async_setValues(  # noqa: N802 - pymodbus' name
        self, _device_id: int, _func_code: int, _address: int, _values: list[int] | list[bool]
    ) -> ExcCodes:
        """Nothing can be written."""
        return ExcCodes.ILLEGAL_FUNCTION
