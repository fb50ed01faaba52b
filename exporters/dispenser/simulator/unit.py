"""One simulated dispenser: its water, its faults and traits, and the registers that it shows."""

import random
from collections.abc import Callable, Sequence

from exporters.dispenser.address import DeviceAddress
from exporters.dispenser.registermap import Space
from exporters.dispenser.simulator.faults import Fault
from exporters.dispenser.simulator.physics import advance, used_dispenser
from exporters.dispenser.simulator.registers import Registers
from exporters.dispenser.simulator.traits import Traits


class Unit:
    """A dispenser behind a gateway; whatever is set on its `water` shows in the next answer."""

    def __init__(
        self,
        address: DeviceAddress,
        registers: Registers,
        chance: random.Random,
        clock: Callable[[], float],
        traits: Traits | None = None,
    ) -> None:
        """`clock` tells the simulation's Unix time."""
        self.address = address
        self.faults: set[Fault] = set()
        self.traits = traits or Traits()
        self.quiet_since = 0.0
        """When the last exchange with it ended, by the clock of the line."""
        self.flapping_since = 0.0
        """When the fault `flapping` began, by the same clock."""
        self._registers = registers
        self._chance = chance
        self._clock = clock
        self._now = clock()
        self.water = used_dispenser(chance, self._now)

    def advance(self) -> None:
        """Let the time pass that has passed on the clock."""
        now = self._clock()
        if now > self._now:  # a wall clock can be set back
            advance(self.water, now - self._now, now, self.faults, self._chance)
        self._now = now

    def hears(self, now: float, flap_seconds: float) -> bool:
        """Whether it takes a request, by the clock of the line."""
        if self.traits.idle_ms and now < self.quiet_since + self.traits.idle_ms / 1000:
            return False
        if Fault.FLAPPING in self.faults and (now - self.flapping_since) // flap_seconds % 2 == 0:
            return False
        return Fault.OFFLINE not in self.faults

    def read(self, space: Space, start: int, count: int) -> Sequence[int] | None:
        """`count` registers from `start` on; None when the device does not have all of them."""
        return self._registers.read(space, start, count, self.water, self.faults)
