"""Modules: register maps with everything prepared that devices of one model have in common."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from exporters.dispenser.cost import CostModel
from exporters.dispenser.decode import MapDecoder, ReadDecoder, Texts
from exporters.dispenser.exposition import Family, families
from exporters.dispenser.plan import Limits, plan_reads
from exporters.dispenser.registermap import Refresh, RegisterMap

_KEPT_PLANS = 256


@dataclass(frozen=True)
class Plan:
    """The requests of one probe, in their order."""

    reads: Sequence[ReadDecoder]
    fresh: frozenset[Refresh]
    """What is read again by them: at least what was due."""
    missing: Sequence[int]
    """The first slots of values that should be read and cannot be, as the device refuses them."""


class Module:
    """A register map, its decoder and its plans."""

    def __init__(self, register_map: RegisterMap) -> None:
        self.map = register_map
        self.decoder = MapDecoder(register_map)
        self.families: Sequence[Family] = families(self.decoder.slots)
        self.refreshes: frozenset[Refresh] = frozenset(value.refresh for value in register_map.values)
        self._plans: dict[tuple[CostModel, Limits, frozenset[Refresh]], Plan] = {}

    def plan(self, cost: CostModel, limits: Limits, due: Collection[Refresh]) -> Plan:
        """The cheapest requests for the values that are due; devices with the same limits share them."""
        key = cost, limits, frozenset(due)
        if key not in self._plans:
            if len(self._plans) >= _KEPT_PLANS:
                self._plans.clear()
            self._plans[key] = self._make_plan(*key)
        return self._plans[key]

    def slots_of(self, refreshes: Collection[Refresh]) -> Iterable[int]:
        """The slots of the values that are read so often."""
        for decoder in self.decoder.values.values():
            if decoder.value.refresh in refreshes:
                yield from range(decoder.first_slot, decoder.last_slot)

    def keep(self, old: Texts, new: Texts, refreshes: Collection[Refresh]) -> int:
        """Fill up what was not read again from an older reading; the number of samples that came from there."""
        kept = 0
        for slot in self.slots_of(refreshes):
            if new[slot] is None and old[slot] is not None:
                new[slot] = old[slot]
                kept += 1
        return kept

    def _make_plan(self, cost: CostModel, limits: Limits, due: frozenset[Refresh]) -> Plan:
        reads = plan_reads(self.map, cost, limits, due)
        inside = {id(value) for read in reads for value in read.values}
        outside = [one for one in self.decoder.values.values() if id(one.value) not in inside]
        fresh = self.refreshes - {one.value.refresh for one in outside if one.value.refresh not in due}
        missing = tuple(one.first_slot for one in outside if one.value.refresh in fresh)
        return Plan(tuple(self.decoder.read_decoder(read) for read in reads), fresh, missing)
