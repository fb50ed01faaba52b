"""One simulated dispenser: its water, its faults, and the registers that it shows."""

import random
from collections.abc import Sequence

from exporters.dispenser.address import DeviceAddress
from exporters.dispenser.registermap import RegisterMap, Space
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import advance, used_dispenser
from exporters.dispenser.simulator.readings import read_state
from exporters.dispenser.simulator.registers import Registers, encode, encode_identity

_ANOTHER_MODEL = 0x1234


class Unit:
    """A dispenser behind a gateway."""

    def __init__(self, address: DeviceAddress, register_map: RegisterMap, chance: random.Random, now: float) -> None:
        self.address = address
        self.water = used_dispenser(chance, now)
        self.faults: set[Fault] = set()
        self._map = register_map
        self._chance = chance
        self._now = now
        self._registers: Registers | None = None

    def advance(self, now: float) -> None:
        """Let the time pass until the Unix time `now` of the simulation."""
        advance(self.water, now - self._now, now, self.faults, self._chance)
        self._now = now
        self._registers = None

    def inject(self, fault: Fault) -> None:
        """From now on the fault is there; injecting it twice is the same as once."""
        self.faults.add(fault)
        self._registers = None

    def clear(self, fault: Fault | None = None) -> None:
        """The fault is gone, or all are."""
        self.faults -= set(Fault) if fault is None else {fault}
        self._registers = None

    def read(self, space: Space, start: int, count: int) -> Sequence[int] | None:
        """`count` registers from `start` on; None when the device does not have all of them."""
        if self._registers is None:
            self._registers = self._encode()
        try:
            return [self._registers[space, start + offset] for offset in range(count)]
        except KeyError:
            return None

    def _encode(self) -> Registers:
        registers = encode(self._map, read_state(self.water, self.faults))
        if Fault.IDENTITY in self.faults and self._map.identity is not None:
            registers |= encode_identity(self._map.identity, _ANOTHER_MODEL, self._map.order)
        return registers
